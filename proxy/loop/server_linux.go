//go:build amd64 || arm64

package loop

import (
	"syscall"
	"time"

	"pingd/proxy/upstream"
)

// server is one connection to a server.
type server struct {
	pool       *pool
	client     *client // whose request is on it; nil while kept
	fd         int32
	at         int // place among the kept ones
	connecting bool
	reused     bool
}

// pool is a loop's kept connections to one server: last in, first out.
type pool struct {
	l    *loop
	srv  *upstream.Server
	kept []*server
	most int
}

func (l *loop) pool(srv *upstream.Server, set *upstream.Set) *pool {
	p := l.pools[srv]
	if p == nil {
		p = &pool{l: l, srv: srv, most: max(1, set.MaxIdle()/len(l.e.loops))}
		l.pools[srv] = p
	}
	return p
}

// take returns a kept connection, or nil. One that must not fail is looked at
// once more: its end may be among the events that have not been acted on.
func (p *pool) take(sure bool) *server {
	for n := len(p.kept); n > 0; n = len(p.kept) {
		s := p.kept[n-1]
		p.kept = p.kept[:n-1]
		p.srv.Parked(-1)
		if !sure || quiet(s.fd) {
			return s
		}
		s.shut()
	}
	return nil
}

func (p *pool) empty(l *loop) {
	for len(p.kept) > 0 {
		p.kept[len(p.kept)-1].end(l)
	}
}

// keep puts the connection among the kept ones after a complete exchange.
func (s *server) keep() {
	p := s.pool
	l := p.l
	s.client = nil
	if p.srv.Gone() || len(p.kept) >= p.most || l.stopping {
		s.shut()
		return
	}
	s.reused = true
	if l.slots[s.fd].armed != readable && l.interest(s.fd, readable, true) != nil {
		s.shut()
		return
	}
	s.at = len(p.kept)
	p.kept = append(p.kept, s)
	p.srv.Parked(1)
	l.limit(s.fd, l.env.Now.After(l.e.idleTime))
}

// end closes a kept connection.
func (s *server) end(*loop) {
	p := s.pool
	if s.at < len(p.kept) && p.kept[s.at] == s {
		copy(p.kept[s.at:], p.kept[s.at+1:])
		p.kept = p.kept[:len(p.kept)-1]
		for i, k := range p.kept[s.at:] {
			k.at = s.at + i
		}
		p.srv.Parked(-1)
	}
	s.shut()
}

// shut closes the connection.
func (s *server) shut() {
	s.pool.l.forget(s.fd)
	closeFD(s.fd, false)
}

// pick picks a server for c's request.
func (c *client) pick() {
	l, m := c.l, c.m
	c.set = m.Set
	if !c.set.Crowd() {
		if srv, _ := l.picker(c.set).Pick(&m.Want); srv != nil {
			c.slot = srv
			m.Picked(srv)
			return
		}
	}
	w := &upstream.Waiter{Want: m.Want}
	w.Got = func(srv *upstream.Server) { l.post(func(*loop) { c.got(w, srv) }) }
	srv, wait := c.set.Wait(w)
	switch {
	case srv != nil:
		c.slot, m.Want.Why = srv, w.Want.Why
		m.Picked(srv)
	case wait > 0:
		c.queue = w
		m.Queued(wait)
	default:
		m.NoServer()
	}
}

// got takes in what w waited for.
func (c *client) got(w *upstream.Waiter, srv *upstream.Server) {
	if c.queue != w { // too late
		if srv != nil {
			w.Set.Release(srv)
		}
		return
	}
	c.queue = nil
	c.m.Want.Why = w.Want.Why
	if srv == nil {
		c.m.NoServer()
	} else {
		c.slot = srv
		c.m.Picked(srv)
	}
	c.drive()
}

// connect takes a kept connection or begins one.
func (c *client) connect() {
	l, m := c.l, c.m
	p := l.pool(c.slot, c.set)
	if !m.Fresh() {
		if s := p.take(!m.Repeatable()); s != nil {
			s.client, c.server = c, s
			l.deadlines[s.fd] = 0
			m.Connected(s.reused)
			return
		}
	}
	addr := c.slot.Resolved()
	if !addr.IsValid() {
		c.slot.Noticed(false)
		m.ConnectFailed()
		return
	}
	fd, err := connect(addr)
	if err == nil && fd >= l.e.most { // the lowest free one: so there are few left
		closeFD(fd, false)
		err = errLocal
	}
	switch err {
	case nil:
	case errLocal:
		m.ConnectImpossible()
		return
	default:
		c.slot.Noticed(false)
		m.ConnectFailed()
		return
	}
	s := &server{pool: p, client: c, fd: fd, connecting: true}
	l.add(fd, nil, s)
	if l.interest(fd, writable, true) != nil {
		s.shut()
		m.ConnectImpossible()
		return
	}
	c.server = s
}

// drop lets go of whatever the request has of a server.
func (c *client) drop() {
	if w := c.queue; w != nil {
		c.queue = nil
		c.set.Leave(w) // if it is too late, got gives the slot back
	}
	if s := c.server; s != nil {
		c.server, s.client = nil, nil
		s.shut()
	}
	c.free()
}

// free gives the slot back.
func (c *client) free() {
	if c.slot != nil {
		c.set.Release(c.slot)
		c.slot = nil
	}
}

// event acts on what epoll reports.
func (s *server) event(mask uint32) {
	c := s.client
	switch {
	case c == nil:
		s.end(s.pool.l) // closed by the server, or it spoke unasked
		return
	case s.connecting:
		s.connected()
	case mask&writable != 0:
		s.write()
	case !c.m.WantServer():
		s.want(true)
		return
	default:
		s.read()
	}
	c.drive()
}

// connected takes in the outcome of a connection.
func (s *server) connected() {
	s.connecting = false
	if fault(s.fd) != nil {
		s.unreachable()
		s.client.m.ConnectFailed()
		return
	}
	s.pool.srv.Noticed(true)
	s.client.m.Connected(false)
}

// unreachable tells that no connection could be made.
func (s *server) unreachable() { s.pool.srv.Noticed(false) }

// read reads once.
func (s *server) read() {
	l, m := s.pool.l, s.client.m
	n, errno := read(s.fd, l.buf)
	switch {
	case errno == syscall.EAGAIN:
	case errno != 0:
		m.ServerFailed()
	case n == 0:
		m.ServerEnded()
	default:
		m.Server(l.buf[:n])
	}
}

// write writes what waits.
func (s *server) write() {
	m := s.client.m
	a, b := m.Outgoing(true)
	if len(a)+len(b) == 0 {
		return
	}
	n, errno := write(s.fd, a, b)
	if errno != 0 {
		m.ServerSendFailed()
	} else {
		m.ServerSent(n)
	}
}

// want tells epoll what to report; see client.want.
func (s *server) want(unwanted bool) {
	m := s.client.m
	var mask uint32
	if m.WantServer() {
		mask = readable
	}
	if a, b := m.Outgoing(true); len(a)+len(b) > 0 {
		mask |= writable
	}
	l := s.pool.l
	armed := l.slots[s.fd].armed
	if !unwanted && armed&readable != 0 {
		mask |= readable
	}
	if mask != armed {
		_ = l.interest(s.fd, mask, true)
	}
}

// defaultIdle is how long an unused connection to a server is kept.
const defaultIdle = 30 * time.Second
