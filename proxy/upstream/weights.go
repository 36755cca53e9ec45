package upstream

import (
	"time"

	"pingd/proxy/health"
)

// Override is what an operator decided about a server, whatever it says of
// itself. The zero value is nothing.
type Override struct {
	// Drain gives the server no new requests: those under way finish, clients that
	// a cookie brings go elsewhere.
	Drain bool
	// Weight replaces the server's own, where Weighted is set.
	Weight   int
	Weighted bool
}

// rampTick is how often weights are set while a server is starting slowly.
const rampTick = 100 * time.Millisecond

// Override applies what operators decided, by the servers' names. A server that is
// not named is as it says of itself.
func (s *Set) Override(by map[string]Override) {
	s.mu.Lock()
	s.overrides = by
	for _, m := range s.members {
		if o := by[m.name]; o != m.override {
			s.log.Info("backend overridden", "backend", m.name, "drain", o.Drain, "weighted", o.Weighted, "weight", o.Weight)
			m.override = o
			m.drained.Store(o.Drain)
		}
	}
	s.publish()
	s.serveWaiting()
	s.mu.Unlock()
}

// Decided returns what an operator decided about a server.
func (s *Set) Decided(server string) Override {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.overrides[server]
}

// weight returns m's weight without the slow start; s.mu is held.
func (m *Server) weight() int {
	switch {
	case m.override.Drain:
		return 0
	case m.override.Weighted:
		return m.override.Weight
	}
	return m.Backend().Weight
}

// publish tells Pickers the members and their weights, and whether they change by
// themselves; s.mu is held.
func (s *Set) publish() {
	now := time.Now()
	list := &membership{known: s.known, members: s.members, weights: make([]int, len(s.members))}
	ramping := false
	for i, m := range s.members {
		if list.weights[i] = m.weight(); m.slow(now) {
			ramping = true
		}
	}
	if ramping {
		for i, m := range s.members {
			up, slow := now.Sub(m.risen), or(m.Backend().SlowStart, s.cfg.SlowStart)
			if m.State() != health.Up || m.risen.IsZero() {
				up = slow
			}
			list.weights[i] = health.Ramp(list.weights[i], up, slow)
		}
	}
	s.list.Store(list)
	special := false
	for _, m := range s.members {
		special = special || m.Backend().Special()
	}
	s.special.Store(special)
	if ramping {
		select {
		case s.ramp <- struct{}{}:
		default:
		}
	}
}

// slow reports whether m has not reached its full weight.
func (m *Server) slow(now time.Time) bool {
	slow := or(m.Backend().SlowStart, m.set.cfg.SlowStart)
	return slow > 0 && !m.risen.IsZero() && m.State() == health.Up && now.Sub(m.risen) < slow
}

// rise notes that m came up. The first servers of all have nobody to leave their
// requests to.
func (s *Set) rise(m *Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.risen = time.Time{}
	for _, other := range s.members {
		if other != m && other.State() == health.Up && other.weight() > 0 {
			m.risen = time.Now()
		}
	}
	s.publish()
}

// Votes applies what the other proxies think of a server of that name. About servers
// that this proxy's own configuration names it decides alone: the others need not
// know them.
func (s *Set) Votes(about func(server string) health.Votes) {
	s.mu.Lock()
	s.votes = about
	members := s.members
	s.mu.Unlock()
	for _, m := range members {
		m.mu.Lock()
		m.votes = s.votesAbout(m, about)
		m.mu.Unlock()
		m.moved("the other proxies' checks")
	}
}

func (s *Set) votesAbout(m *Server, about func(string) health.Votes) health.Votes {
	if about == nil || m.Backend().Local {
		return health.Votes{}
	}
	return about(m.name)
}

// Restore makes servers that were down when they were looked at last, and about
// which nothing is known yet, start as down.
func (s *Set) Restore(down map[string]bool) {
	s.mu.Lock()
	s.downs = down
	members := s.members
	s.mu.Unlock()
	for _, m := range members {
		m.restore(down)
	}
}

func (m *Server) restore(down map[string]bool) {
	if !down[m.name] {
		return
	}
	m.mu.Lock()
	changed := m.machine.Restore()
	m.mu.Unlock()
	if changed {
		m.moved("it was down before")
	}
}

// Down returns the servers that this proxy's own checks found down.
func (s *Set) Down() []string {
	var down []string
	for _, m := range s.Servers() {
		m.mu.Lock()
		if m.machine.State() == health.Down {
			down = append(down, m.name)
		}
		m.mu.Unlock()
	}
	return down
}

// Has reports whether a server of that name is a member.
func (s *Set) Has(name string) bool {
	for _, m := range s.list.Load().members {
		if m.name == name {
			return true
		}
	}
	return false
}

// Special reports whether some member takes more than TCP with HTTP/1.1 on it.
func (s *Set) Special() bool { return s.special.Load() }
