package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Off is the address of a listener that is not wanted.
const Off = "off"

// DefaultRedisPort is the port of --join and of Redis where none is named.
const DefaultRedisPort = "6379"

// HostPort completes addr, "host:port" or ":port", with the host of --bind.
func (o *Options) HostPort(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if host == "" {
		host = strings.Trim(o.Bind, "[]")
	}
	return net.JoinHostPort(host, port)
}

// JoinAddrs returns --join with the port of Redis where none is named.
func (o *Options) JoinAddrs() []string {
	addrs := make([]string, 0, len(o.Join))
	for _, a := range o.Join {
		addrs = append(addrs, withPort(a))
	}
	return addrs
}

// withPort adds the port of Redis to a host that has none.
func withPort(a string) string {
	if _, _, err := net.SplitHostPort(a); err == nil {
		return a
	}
	return net.JoinHostPort(strings.Trim(a, "[]"), DefaultRedisPort)
}

// checkAddr returns what is wrong with a listener's address, or "".
func checkAddr(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "must be host:port, or :port for the host of --bind"
	}
	if rule := checkHost(host); host != "" && rule != "" {
		return rule
	}
	return checkPort(port, 0)
}

// checkRemote returns what is wrong with the address of another machine, or "".
func checkRemote(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "must be host:port"
	}
	if rule := checkHost(host); rule != "" {
		return rule
	}
	return checkPort(port, 1)
}

func checkPort(port string, least int) string {
	n, err := strconv.Atoi(port)
	if err != nil || n < least || n > 65535 || port != strconv.Itoa(n) {
		return "port must be a number from " + strconv.Itoa(least) + " to 65535"
	}
	return ""
}

// checkHost returns what is wrong with a host name or IP address, or "".
func checkHost(host string) string {
	if host == "" {
		return "names no host"
	}
	if strings.Contains(host, ":") {
		if _, err := netip.ParseAddr(host); err != nil {
			return "host is neither a name nor an IP address"
		}
		return ""
	}
	for i := range len(host) {
		c := host[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return "host is neither a name nor an IP address"
		}
	}
	if len(host) > 253 || host[0] == '-' || host[0] == '.' || strings.Contains(host, "..") {
		return "host is neither a name nor an IP address"
	}
	if last := host[strings.LastIndexByte(host, '.')+1:]; last != "" && strings.Trim(last, "0123456789") == "" {
		if _, err := netip.ParseAddr(host); err != nil {
			return "host is neither a name nor an IP address"
		}
	}
	return ""
}

// loopback tells whether addr can be reached from this machine alone. A name
// other than localhost is taken for the outside: asking DNS here would make the
// answer change from one moment to the next.
func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
