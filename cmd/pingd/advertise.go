package main

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"pingd/cmd/pingd/config"
)

// nowhere is an address of the range reserved for documentation: nothing is sent
// there, it only asks the routing table which way leads out.
const nowhere = "192.0.2.1:9"

// advertised is the host that others reach this node at: --advertise, else --bind,
// else, when that means "every address of this machine", the address that the way
// to the other nodes begins with. Failing all, the node's name.
func advertised(ctx context.Context, o config.Options) string {
	if o.Advertise != "" {
		return strings.Trim(o.Advertise, "[]")
	}
	bind := strings.Trim(o.Bind, "[]")
	if ip, err := netip.ParseAddr(bind); err != nil || !ip.IsUnspecified() {
		return bind
	}
	for _, to := range append(o.JoinAddrs(), nowhere) {
		if ip := wayTo(ctx, to); ip.IsValid() && !ip.IsLoopback() && !ip.IsUnspecified() {
			return ip.String()
		}
	}
	return o.Name
}

// wayTo returns this machine's address on the way to addr. Connecting a UDP socket
// sends nothing.
func wayTo(ctx context.Context, addr string) netip.Addr {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", addr)
	if err != nil {
		return netip.Addr{} // a name that nobody knows yet, or no network at all
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}
	}
	return local.AddrPort().Addr().Unmap()
}

// reachable turns a bound address into the one that others use: where the listener
// has no host of its own, the advertised one takes its place.
func reachable(bound, bind, advertise string) string {
	host, port, err := net.SplitHostPort(bound)
	if err != nil {
		return bound
	}
	ip, err := netip.ParseAddr(host)
	if err == nil && ip.IsUnspecified() || strings.EqualFold(host, strings.Trim(bind, "[]")) {
		host = advertise
	}
	return net.JoinHostPort(host, port)
}

// local turns a bound address into one that works on this machine.
func local(bound string) string {
	host, port, err := net.SplitHostPort(bound)
	if err != nil {
		return bound
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.Is6() && !ip.Is4In6() {
			host = "localhost" // "[::]" may or may not take IPv4 as well
		}
	}
	return net.JoinHostPort(host, port)
}
