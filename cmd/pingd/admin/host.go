package admin

import (
	"net"
	"net/netip"
	"strings"
)

// knownHosts returns the names that requests may use, in lower case.
func knownHosts(cfg Config) map[string]bool {
	hosts := map[string]bool{"localhost": true}
	for _, h := range append([]string{cfg.Name}, cfg.Hosts...) {
		if h = bare(h); h != "" {
			hosts[h] = true
		}
	}
	return hosts
}

// knows tells whether a request's Host field names this machine. An IP address
// does: a page of somebody else's cannot be served from our address, whereas a name
// can be made to point here after the page has loaded.
func (s *Server) knows(hostport string) bool {
	host := bare(hostport)
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return s.hosts[host] || strings.HasSuffix(host, ".localhost")
}

// bare takes port, brackets, final dot and case off a host.
func bare(hostport string) string {
	host := hostport
	if h, port, err := net.SplitHostPort(hostport); err == nil && strings.Trim(port, "0123456789") == "" {
		host = h
	}
	host = strings.Trim(host, "[]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
