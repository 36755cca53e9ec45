package upstream

import (
	"context"
	"slices"
	"time"

	"pingd/proxy/sticky"
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

// Marked returns the server that a cookie's value names, or nil.
func (s *Set) Marked(value []byte) *Server {
	if len(value) != sticky.Len {
		return nil
	}
	for _, m := range s.list.Load().members {
		if string(m.mark[:]) == string(value) {
			return m
		}
	}
	return nil
}

// Empty reports whether it is known that there is no member at all.
func (s *Set) Empty() bool {
	list := s.list.Load()
	return list.known && len(list.members) == 0
}

// Acquire picks a server as w wants it and takes one of its slots, which Release
// gives back. It waits for a slot when all are taken, and for the first check when
// nothing else is known; otherwise it returns at once.
func (s *Set) Acquire(ctx context.Context, want *Want) (*Server, error) {
	s.mu.Lock()
	if len(s.waiting) == 0 {
		if m, _ := s.picker.Pick(want); m != nil {
			s.mu.Unlock()
			return m, nil
		}
	}
	s.mu.Unlock()
	got := make(chan *Server, 1)
	w := &Waiter{Want: *want, Got: func(m *Server) { got <- m }}
	m, wait := s.Wait(w)
	if m != nil {
		want.Why = w.Want.Why
		return m, nil
	}
	if wait <= 0 { // else w belongs to whoever frees a slot, until it is got or has left
		return nil, ErrNoServer
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case m := <-got:
		want.Why = w.Want.Why
		if m == nil {
			return nil, ErrNoServer
		}
		return m, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	if !s.Leave(w) {
		if m := <-got; m != nil { // handed over in the last moment
			want.Why = w.Want.Why
			return m, nil
		}
	}
	return nil, ErrQueue
}

// Waiter is a request in the queue.
type Waiter struct {
	// Set is the Set that it waits in; Wait fills it in.
	Set *Set
	// Want is what the request asks for.
	Want Want
	// Got is called once with the server, a slot of which is taken, or with nil
	// when there is none any more. It is called by whoever freed the slot, under
	// the Set's lock: it must not block nor call the Set.
	Got func(*Server)
}

// Wait picks a server like Acquire but does not block: when none is returned and
// wait is above 0, w has joined the queue, and its owner calls Leave after that
// time. The lock it takes is held for microseconds, by others too.
func (s *Set) Wait(w *Waiter) (m *Server, wait time.Duration) {
	w.Set = s
	s.mu.Lock()
	defer s.mu.Unlock()
	// Counted before the last look at the slots: whoever frees one later sees it.
	s.queue.Add(1)
	s.serveWaiting() // others were here before
	m, wait = s.pick(&w.Want)
	if m != nil || wait <= 0 {
		s.queue.Add(-1)
		return m, wait
	}
	s.waiting = append(s.waiting, w)
	return nil, wait
}

// Leave takes w out of the queue. It is false when w is not there any more: Got
// has been called, or is being called.
func (s *Set) Leave(w *Waiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting, w)
	if i < 0 {
		return false
	}
	s.waiting = slices.Delete(s.waiting, i, i+1)
	s.queue.Add(-1)
	return true
}

// Release gives a slot back and hands it to the request that waited longest.
func (s *Set) Release(m *Server) {
	left := m.active.Add(-1)
	if s.queue.Load() == 0 && (left > 0 || !m.gone.Load()) {
		return
	}
	s.mu.Lock()
	if m.gone.Load() && m.active.Load() == 0 {
		s.leaving = slices.DeleteFunc(s.leaving, func(x *Server) bool { return x == m })
	}
	s.serveWaiting()
	s.mu.Unlock()
}

// serveWaiting gives slots to waiting requests in their order; s.mu is held. One
// that is particular about its server may have to let others pass.
func (s *Set) serveWaiting() {
	for i := 0; i < len(s.waiting); {
		w := s.waiting[i]
		m, wait := s.pick(&w.Want)
		if m == nil && wait > 0 {
			if !w.Want.Keyed && w.Want.Prefer == nil {
				return // nothing is free for anybody
			}
			i++
			continue
		}
		s.waiting = slices.Delete(s.waiting, i, i+1)
		s.queue.Add(-1)
		w.Got(m)
	}
}

// pick takes a slot, or tells how long waiting for one makes sense; s.mu is held.
func (s *Set) pick(want *Want) (m *Server, wait time.Duration) {
	// Asked before the states are looked at, which change beside s.mu: a verdict
	// that comes in between is told to those who wait, once s.mu is free.
	unchecked := s.unchecked()
	m, full := s.picker.Pick(want)
	switch {
	case m != nil:
		return m, 0
	case full:
		return nil, s.cfg.Queue
	case len(s.members) == 0:
		// The first list may be on its way: at start-up waiting beats an error.
		return nil, time.Until(s.began.Add(s.cfg.FirstCheck))
	case unchecked:
		return nil, s.cfg.FirstCheck
	}
	return nil, 0
}

// unchecked tells whether some member waits for the verdict of its first check;
// s.mu is held.
func (s *Set) unchecked() bool {
	return slices.ContainsFunc(s.members, func(m *Server) bool {
		return !m.seen.Load() && m.weight() > 0
	})
}

// Settled tells whether there are members, and the first check of each has passed or
// failed.
func (s *Set) Settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.members) > 0 && !s.unchecked()
}
