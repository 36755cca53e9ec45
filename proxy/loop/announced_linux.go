//go:build amd64 || arm64

package loop

import (
	"net/netip"

	"pingd/proxy/proxyproto"
)

// announced is a connection from a proxy that tells whom it is from.
type announced struct {
	proxyproto.Header
	buf  []byte // of the header, until it is whole
	told bool
}

// is notes whom the client's requests are from.
func (c *client) is(from netip.Addr) {
	c.ipLen = uint8(len(from.AppendTo(c.ip[:0])))
	c.trust = c.l.e.cfg.Exchange.Trusts(from)
}

// announce takes in the first bytes of a connection that begins with a PROXY
// protocol header. It returns what is behind the header, and ok=false until it is
// whole. A connection without one is closed.
func (c *client) announce(p []byte) (rest []byte, ok bool) {
	a := c.from
	a.buf = append(a.buf, p...)
	h, n, err := proxyproto.Parse(a.buf)
	switch {
	case err != nil:
		c.close(false)
		return nil, false
	case n == 0:
		return nil, false
	}
	a.Header, a.told = h, true
	if h.Source.IsValid() {
		c.is(h.Source.Addr().WithZone(""))
	}
	rest, a.buf = a.buf[n:], nil
	return rest, true
}
