package exchange

import "sync/atomic"

// Gate bounds how many client connections are open at once, over all engines
// and listeners. Make it with NewGate; safe for concurrent use.
type Gate struct {
	slots    chan struct{}
	open     atomic.Int64
	peak     atomic.Int64
	accepted atomic.Int64
	refused  [6]atomic.Int64
	short    atomic.Bool // somebody found it full
	freed    func()
}

// NewGate returns a Gate for limit connections.
func NewGate(limit int) *Gate { return &Gate{slots: make(chan struct{}, limit)} }

// Notify names what is called, by whoever leaves, once there is room again after
// TryEnter returned false. It must not block. Call it before the Gate is used.
func (g *Gate) Notify(freed func()) { g.freed = freed }

// Enter waits for room until done is closed and reports whether it got some.
func (g *Gate) Enter(done <-chan struct{}) bool {
	select {
	case g.slots <- struct{}{}:
		return true
	case <-done:
		return false
	}
}

// TryEnter takes room if there is some.
func (g *Gate) TryEnter() bool {
	select {
	case g.slots <- struct{}{}:
		return true
	default:
	}
	g.short.Store(true)
	select { // somebody may have left before the mark was seen
	case g.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// Accepted counts a connection that has been accepted into its room.
func (g *Gate) Accepted() {
	g.accepted.Add(1)
	open := g.open.Add(1)
	for {
		peak := g.peak.Load()
		if open <= peak || g.peak.CompareAndSwap(peak, open) {
			return
		}
	}
}

// Leave gives the room of a connection that was accepted back.
func (g *Gate) Leave() {
	g.open.Add(-1)
	g.Cancel()
}

// Cancel gives back room into which nothing was accepted.
func (g *Gate) Cancel() {
	<-g.slots
	if g.short.Load() && g.short.Swap(false) && g.freed != nil {
		g.freed()
	}
}

// Refused counts a response that the proxy made itself.
func (g *Gate) Refused(status int) { g.refused[min(status/100, 5)].Add(1) }

// Stats are sums over all clients.
type Stats struct {
	Connections int64    // open now
	Peak        int64    // most open at once
	Limit       int64    // how many may be open at once
	Accepted    int64    // ever
	Own         [6]int64 // responses made by the proxy itself, by class: Own[4] counts 4xx
}

// Stats returns the current sums.
func (g *Gate) Stats() Stats {
	s := Stats{Connections: g.open.Load(), Peak: g.peak.Load(), Limit: int64(cap(g.slots)), Accepted: g.accepted.Load()}
	for i := range s.Own {
		s.Own[i] = g.refused[i].Load()
	}
	return s
}
