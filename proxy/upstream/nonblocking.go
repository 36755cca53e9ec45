package upstream

import "net/netip"

// What follows is for loops: callers that make and keep connections themselves
// and must never wait.

// Resolved returns the address to connect to, not valid while none is known: a
// host name is resolved by the server's checks.
func (s *Server) Resolved() netip.AddrPort {
	if p := s.resolved.Load(); p != nil {
		return *p
	}
	return netip.AddrPort{}
}

// Noticed tells what became of a connection that the caller tried to make, as a
// passive check. What follows from it is done by the Set's own goroutine.
func (s *Server) Noticed(connected bool) {
	if connected && !s.troubled.Load() {
		return
	}
	select {
	case s.set.signals <- signal{s, connected}:
	default: // so many signals wait that one more says nothing new
	}
}

// Parked counts connections to the server that the caller keeps open, n more or
// fewer, for View.
func (s *Server) Parked(n int) { s.parked.Add(int64(n)) }

// Gone reports whether the server has been removed: it gets no new request, and
// connections to it are not kept.
func (s *Server) Gone() bool { return s.gone.Load() }

// signal is a passive check on its way to the goroutine that acts on it.
type signal struct {
	server    *Server
	connected bool
}

func (g signal) act() {
	if g.connected {
		g.server.connected()
	} else {
		g.server.refused()
	}
}

// Crowd reports whether requests wait in the queue: a new one must join it
// rather than overtake them.
func (s *Set) Crowd() bool { return s.queue.Load() > 0 }

// Watch has changed called after each change of the members, from any goroutine.
// It must not block. Call it before Run.
func (s *Set) Watch(changed func()) { s.changed = append(s.changed, changed) }

// MaxIdle is how many unused connections are kept per server.
func (s *Set) MaxIdle() int { return s.cfg.MaxIdle }

// literal returns addr if it needs no resolving.
func literal(addr string) *netip.AddrPort {
	p, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil
	}
	return &p
}
