package upstream

import (
	"pingd/proxy/balance"
	"pingd/proxy/health"
)

// Picker picks among the servers of one Set without a lock. Each worker that
// picks has its own and takes its own turns: shares are as even as with one
// Picker for all, give or take one request per worker. Make it with
// Set.NewPicker; not safe for concurrent use.
type Picker struct {
	set  *Set
	list *membership // what ring was made from
	ring balance.RoundRobin[*Server]
	choice
	admit func(*Server) bool // choice.admits, bound once
}

// NewPicker returns a Picker for s.
func (s *Set) NewPicker() *Picker {
	p := &Picker{set: s}
	p.admit = p.admits
	return p
}

// Pick takes a slot of a server, which Set.Release gives back. The order of
// preference: up and not tried, up, refusing. Nothing but failed checks closes a
// server for good. full tells that there are such servers, but all their slots
// are taken.
func (p *Picker) Pick(tried *Tried, keyed bool) (m *Server, full bool) {
	p.refresh()
	p.choice = choice{state: health.Up, tried: tried, keyed: keyed}
	for {
		m, ok := p.find()
		if !ok {
			return nil, p.full
		}
		if m.enter() {
			return m, false
		} // another worker took the last slot: look again
	}
}

func (p *Picker) find() (*Server, bool) {
	p.state, p.again, p.full = health.Up, false, false
	if m, ok := p.ring.Pick(p.admit); ok {
		return m, true
	}
	// Waiting for an untried server would punish the request for a failure
	// that was not its own: take any.
	if p.again = true; p.tried.n > 0 {
		if m, ok := p.ring.Pick(p.admit); ok {
			return m, true
		}
	}
	if p.full {
		return nil, false
	}
	p.state = health.Refusing
	return p.ring.Pick(p.admit)
}

// refresh takes over the current members and weights.
func (p *Picker) refresh() {
	list := p.set.list.Load()
	if list == p.list {
		return
	}
	if p.list != nil {
		for _, m := range p.list.members {
			if m.gone.Load() {
				p.ring.Remove(m)
			}
		}
	}
	p.list = list
	for i, m := range list.members {
		p.ring.Set(m, list.weights[i])
	}
}

// membership is the members of a Set at one moment. It never changes.
type membership struct {
	members []*Server
	weights []int
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
	if m.crowded() {
		c.full = true
		return false
	}
	return true
}
