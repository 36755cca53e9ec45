package upstream

import (
	"context"
	"slices"
	"time"

	"pingd/proxy/health"
)

// Tried lists the servers that already failed a request, to be avoided while
// there are others. The zero value lists none.
type Tried struct {
	servers [4]*Server
	n       int
}

// Add puts m on the list; beyond four the oldest is forgotten.
func (t *Tried) Add(m *Server) {
	t.servers[t.n%len(t.servers)] = m
	t.n++
}

// Has reports whether m is on the list.
func (t *Tried) Has(m *Server) bool {
	return t.n > 0 && slices.Contains(t.servers[:], m)
}

// Acquire picks a server and takes one of its slots, which Release gives back.
// Servers in tried are picked only when there is no other. It waits for a slot
// when all are taken, and for the first check when nothing else is known;
// otherwise it returns at once. keyed restricts the choice to servers that count
// a key once.
func (s *Set) Acquire(ctx context.Context, tried *Tried, keyed bool) (*Server, error) {
	s.mu.Lock()
	m, wait := s.pick(tried, keyed)
	if m != nil {
		m.enter()
		s.mu.Unlock()
		return m, nil
	}
	if wait <= 0 {
		s.mu.Unlock()
		return nil, ErrNoServer
	}
	w := &waiter{got: make(chan *Server, 1), avoid: *tried, keyed: keyed}
	s.waiting = append(s.waiting, w)
	s.mu.Unlock()

	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case m := <-w.got:
		if m == nil {
			return nil, ErrNoServer
		}
		return m, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.waiting = slices.DeleteFunc(s.waiting, func(x *waiter) bool { return x == w })
	s.mu.Unlock()
	select {
	case m := <-w.got: // handed over in the last moment
		if m != nil {
			return m, nil
		}
	default:
	}
	return nil, ErrQueue
}

// Release gives a slot back and hands it to the request that waited longest.
func (s *Set) Release(m *Server) {
	left := m.active.Add(-1)
	if m.Backend().MaxConn == 0 && (left > 0 || !m.gone.Load()) {
		return // nobody waits for a slot of this server
	}
	s.mu.Lock()
	if m.gone.Load() && m.active.Load() == 0 {
		s.leaving = slices.DeleteFunc(s.leaving, func(x *Server) bool { return x == m })
	}
	s.serveWaiting()
	s.mu.Unlock()
}

// serveWaiting gives slots to waiting requests in their order; s.mu is held.
func (s *Set) serveWaiting() {
	for len(s.waiting) > 0 {
		w := s.waiting[0]
		m, wait := s.pick(&w.avoid, w.keyed)
		if m == nil && wait > 0 {
			return
		}
		if m != nil {
			m.enter()
		}
		w.got <- m
		s.waiting = s.waiting[1:]
	}
}

// pick finds a server, or how long waiting for one makes sense; s.mu is held.
// The order of preference: up and not tried, up, refusing. Nothing but failed
// checks closes a server for good.
func (s *Set) pick(tried *Tried, keyed bool) (m *Server, wait time.Duration) {
	// Asked before the states are looked at, which change beside s.mu: a verdict
	// that comes in between is told to those who wait, once s.mu is free.
	unchecked := s.unchecked()
	c := choice{state: health.Up, tried: tried, keyed: keyed}
	if m, ok := s.ring.Pick(c.admits); ok {
		return m, 0
	}
	// Waiting for an untried server would punish the request for a failure
	// that was not its own: take any.
	if c.again = true; tried.n > 0 {
		if m, ok := s.ring.Pick(c.admits); ok {
			return m, 0
		}
	}
	if !c.full {
		c.state = health.Refusing
		if m, ok := s.ring.Pick(c.admits); ok {
			return m, 0
		}
	}
	if c.full {
		return nil, s.cfg.Queue
	}
	if len(s.members) == 0 {
		// The first list may be on its way: at start-up waiting beats an error.
		return nil, time.Until(s.began.Add(s.cfg.FirstCheck))
	}
	if unchecked {
		return nil, s.cfg.FirstCheck
	}
	return nil, 0
}

// unchecked tells whether some member waits for the verdict of its first check;
// s.mu is held.
func (s *Set) unchecked() bool {
	return slices.ContainsFunc(s.members, func(m *Server) bool {
		return !m.seen.Load() && m.Backend().Weight > 0
	})
}

// choice is one pass over the members.
type choice struct {
	state health.State
	tried *Tried
	again bool // those in tried too
	keyed bool
	full  bool // set when only the lack of a slot spoke against a member
}

func (c *choice) admits(m *Server) bool {
	if m.State() != c.state || (!c.again && c.tried.Has(m)) || (c.keyed && !m.Backend().Keyed) {
		return false
	}
	if m.full() {
		c.full = true
		return false
	}
	return true
}
