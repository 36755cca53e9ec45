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
	ring balance.Balancer[*Server]
	choice
	admit func(*Server) bool // choice.admits, bound once
}

// NewPicker returns a Picker for s.
func (s *Set) NewPicker() *Picker {
	p := &Picker{set: s, ring: &balance.RoundRobin[*Server]{}}
	if s.cfg.Balance != nil {
		p.ring = s.cfg.Balance(func(m *Server) int64 { return m.active.Load() })
	}
	p.admit = p.admits
	return p
}

// Want says what a request asks of the server that it is given. The zero value
// takes any.
type Want struct {
	// Tried are servers that failed the request: picked when there is no other.
	Tried Tried
	// Keyed restricts the choice to servers that count a key once.
	Keyed bool
	// Key is what a consistent hash goes by.
	Key uint64
	// Prefer is the server that a cookie names (nil: none). It is picked, or
	// waited for, as long as it is up and nobody drains it.
	Prefer *Server
	// Why is set to what the server was picked for.
	Why Reason
}

// Reason is what a server was picked for.
type Reason uint8

// The reasons.
const (
	ByTurn     Reason = iota // it was its turn, by the way that the service balances
	ByCookie                 // a cookie named it
	Only                     // the others had failed the request, and so had it
	LastResort               // it refused connections, and so did all others
)

// String returns the reason in words.
func (r Reason) String() string {
	return [...]string{
		"it was its turn", "the client's cookie names it", "every server had failed the request", "no server is up, and this one only refused connections",
	}[min(r, LastResort)]
}

// Pick takes a slot of a server, which Set.Release gives back. The order of
// preference: the preferred one, up and not tried, up, refusing. Nothing but
// failed checks closes a server for good. full tells that there are such servers,
// but all their slots are taken.
func (p *Picker) Pick(w *Want) (m *Server, full bool) {
	p.refresh()
	for {
		m, ok := p.find(w)
		if !ok {
			full = p.full
			p.Want = nil
			return nil, full
		}
		if m.enter() {
			p.Want = nil
			return m, false
		} // another worker took the last slot: look again
	}
}

func (p *Picker) find(w *Want) (*Server, bool) {
	p.choice = choice{state: health.Up, Want: w}
	if m := w.Prefer; m != nil && !m.gone.Load() && !m.Draining() {
		if w.Why = ByCookie; p.admits(m) {
			return m, true
		}
		if p.full {
			return nil, false
		}
	}
	w.Why = ByTurn
	if m, ok := p.ring.Pick(w.Key, p.admit); ok {
		return m, true
	}
	// Waiting for an untried server would punish the request for a failure
	// that was not its own: take any.
	if p.again = true; w.Tried.n > 0 {
		if m, ok := p.ring.Pick(w.Key, p.admit); ok {
			w.Why = Only
			return m, true
		}
	}
	if p.full {
		return nil, false
	}
	p.state, w.Why = health.Refusing, LastResort
	return p.ring.Pick(w.Key, p.admit)
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
	known   bool // a list has been read
	members []*Server
	weights []int
}

// choice is one pass over the members.
type choice struct {
	*Want
	state health.State
	again bool // those in Tried too
	full  bool // set when only the lack of a slot spoke against a member
}

func (c *choice) admits(m *Server) bool {
	if m.State() != c.state || (!c.again && c.Tried.Has(m)) || (c.Keyed && !m.Backend().Keyed) {
		return false
	}
	if m.crowded() {
		c.full = true
		return false
	}
	return true
}
