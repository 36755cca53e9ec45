//go:build amd64 || arm64

package loop

import (
	"net/netip"
	"syscall"
	"time"

	"pingd/proxy/flow"
	"pingd/proxy/upstream"
)

// client is one client connection. Idle it is only this.
type client struct {
	l      *loop
	m      *flow.Machine // nil while idle
	server *server       // the connection its request is on
	slot   *upstream.Server
	set    *upstream.Set
	queue  *upstream.Waiter // in set's queue
	from   *announced       // nil: as the connection says
	tls    *session         // nil: plain
	fd     int32
	ipLen  uint8
	trust  bool
	ip     [40]byte
}

// lastWord is how long a client that was idle when the proxy stopped may take to
// send a request that it has begun to send.
const lastWord = time.Second

// admit begins to serve the client behind fd, which speaks TLS if s is not nil. It
// returns nil when it cannot.
func (l *loop) admit(fd int32, from netip.Addr, s *session) *client {
	c := new(client)
	if n := len(l.structs); n > 0 {
		c = l.structs[n-1]
		l.structs = l.structs[:n-1]
	}
	*c = client{l: l, fd: fd, tls: s}
	c.is(from)
	if s == nil && l.e.cfg.Exchange.Announces(from) {
		c.from = new(announced)
	}
	l.add(fd, c, nil)
	if err := l.interest(fd, readable, false); err != nil {
		c.close(false)
		return nil
	}
	t := &l.e.cfg.Exchange.Timeouts
	wait := min(t.KeepAlive, t.Head)
	if l.stopping {
		wait = min(wait, lastWord)
	}
	l.limit(fd, l.env.Now.After(wait))
	return c
}

// event acts on what epoll reports.
func (c *client) event(mask uint32) {
	if mask&writable != 0 && c.m != nil {
		c.write()
		c.drive()
		return // level-triggered: the rest is reported again
	}
	if c.m != nil && !c.m.WantClient() {
		if mask&broken != 0 {
			c.m.ClientFailed()
			c.drive()
			return
		}
		c.want(true)
		return
	}
	c.read()
}

// read reads once.
func (c *client) read() {
	l := c.l
	size := bodySize
	if c.server == nil {
		size = headSize
	}
	n, errno := read(c.fd, l.buf[:size])
	p := l.buf[:max(n, 0)]
	if c.tls != nil {
		c.readSecure(p, errno)
		return
	}
	if c.from != nil && !c.from.told && n > 0 {
		var ok bool
		if p, ok = c.announce(p); !ok || len(p) == 0 {
			return
		}
		n = len(p)
	}
	switch {
	case errno == syscall.EAGAIN:
		return
	case c.m == nil && n == 0:
		c.close(false) // gone between requests
		return
	}
	c.begin()
	switch {
	case errno != 0:
		c.m.ClientFailed()
	case n == 0:
		c.m.ClientEnded()
	default:
		c.m.Client(p)
	}
	c.drive()
}

// begin lends the client a machine, unless it has one.
func (c *client) begin() {
	if c.m == nil {
		c.m = c.l.machine()
		c.m.Secure = c.tls != nil
		c.m.Begin(&c.l.env, c.ip[:c.ipLen], c.trust)
	}
}

// write writes what waits. It is false when the client is gone.
func (c *client) write() bool {
	a, b := c.m.Outgoing(false)
	if len(a)+len(b) == 0 {
		return true
	}
	if c.tls != nil {
		return c.writeSecure(a, b)
	}
	n, errno := write(c.fd, a, b)
	if errno != 0 {
		c.m.ClientFailed()
		return false
	}
	c.m.ClientSent(n)
	return true
}

// drive carries out what the machine orders until it orders nothing.
func (c *client) drive() {
	m := c.m
	for o := m.Take(); o != 0; o = m.Take() {
		if o&flow.SendServer != 0 {
			c.server.write()
		}
		if o&flow.SendClient != 0 && !c.write() {
			o &= flow.KeepServer | flow.DropServer
		}
		if o&flow.KeepServer != 0 {
			s := c.server
			c.server = nil
			s.keep()
			c.free()
		}
		if o&flow.DropServer != 0 {
			c.drop()
		}
		if o&flow.Finish != 0 {
			c.l.rec.Record(&m.Record)
			m.Finished()
			continue
		}
		if o&flow.Pick != 0 {
			c.pick()
		}
		if o&flow.Connect != 0 {
			c.connect()
		}
		if o >= flow.HandOver && c.leave(o) {
			return
		}
	}
	c.want(false)
	if s := c.server; s != nil && !s.connecting {
		s.want(false)
	}
	c.l.limit(c.fd, m.Deadline())
}

// leave carries out the orders that end a request. It is true when the machine
// is gone.
func (c *client) leave(o flow.Orders) bool {
	switch {
	case o&flow.HalfClose != 0:
		if c.tls != nil {
			c.farewell()
		}
		halfClose(c.fd)
		return false
	case o&flow.HandOver != 0:
		c.handOver()
	case o&flow.Idle != 0 && !c.l.stopping:
		c.rest()
	default:
		c.close(o&flow.Abort != 0)
	}
	return true
}

// rest waits for the next request.
func (c *client) rest() {
	l := c.l
	l.giveBack(c.m)
	c.m = nil
	if l.slots[c.fd].armed != readable {
		_ = l.interest(c.fd, readable, false)
	}
	l.limit(c.fd, l.env.Now.After(l.e.cfg.Exchange.Timeouts.KeepAlive))
}

// want tells epoll what to report. Reading stays armed although it is not wanted
// until unwanted says that there is something to read.
func (c *client) want(unwanted bool) {
	var mask uint32
	if c.m.WantClient() {
		mask = readable
	}
	if a, b := c.m.Outgoing(false); len(a)+len(b) > 0 {
		mask |= writable
	}
	armed := c.l.slots[c.fd].armed
	if !unwanted && armed&readable != 0 {
		mask |= readable
	}
	if mask != armed {
		_ = c.l.interest(c.fd, mask, false)
	}
}

func (c *client) expired() {
	if c.m == nil {
		c.close(false)
		return
	}
	if c.server != nil && c.server.connecting {
		c.server.unreachable()
	}
	c.m.Expired()
	c.drive()
}

// close ends the connection.
func (c *client) close(reset bool) {
	l := c.l
	if c.m != nil {
		l.giveBack(c.m)
		c.m = nil
	}
	l.forget(c.fd)
	if c.tls != nil && !reset {
		c.farewell()
	}
	closeFD(c.fd, reset)
	l.gone(c)
	l.e.cfg.Exchange.Gate.Leave()
}

// gone takes a client off the loop's books.
func (l *loop) gone(c *client) {
	l.clients.Add(-1)
	if len(l.structs) < spares {
		l.structs = append(l.structs, c)
	}
}

// handOver gives the connection to the engine that takes everything.
func (c *client) handOver() {
	l := c.l
	early := append([]byte(nil), c.m.Unread()...)
	l.giveBack(c.m)
	c.m = nil
	_ = l.interest(c.fd, 0, true)
	l.forget(c.fd)
	if c.tls != nil {
		l.e.adoptSecure(c.fd, early, c.tls)
	} else {
		l.e.adopt(c.fd, early, c.from)
	}
	l.gone(c)
}

// stop ends the connection if it is between requests. One whose next request is
// here already gets its answer.
func (c *client) stop() {
	if c.m != nil {
		return
	}
	if quiet(c.fd) {
		c.close(false)
		return
	}
	c.l.limit(c.fd, c.l.env.Now.After(lastWord))
}
