package exchange

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Gate bounds how many client connections are open at once, over all engines
// and listeners. Who finds it full gets room in the order in which they asked, so that
// no listener takes it from the others however many clients it has. Make it with
// NewGate; safe for concurrent use.
type Gate struct {
	limit    int
	open     atomic.Int64
	peak     atomic.Int64
	accepted atomic.Int64
	refused  [6]atomic.Int64
	waiting  atomic.Int64 // length of queue
	freed    func()

	mu      sync.Mutex
	taken   int
	queue   []chan struct{} // closed when room is given; nil: those of TryEnter
	asked   bool            // those of TryEnter are in the queue
	granted bool            // room is kept for them
}

// NewGate returns a Gate for limit connections.
func NewGate(limit int) *Gate { return &Gate{limit: limit} }

// Notify names what is called, by whoever leaves, once there is room again after
// TryEnter returned false. It must not block. Call it before the Gate is used.
func (g *Gate) Notify(freed func()) { g.freed = freed }

// Crowded reports whether somebody waits for room: a connection that ends now lets
// another one in.
func (g *Gate) Crowded() bool { return g.waiting.Load() > 0 }

// Enter waits for room until done is closed and reports whether it got some.
func (g *Gate) Enter(done <-chan struct{}) bool {
	g.mu.Lock()
	if g.take() {
		g.mu.Unlock()
		return true
	}
	turn := make(chan struct{})
	g.push(turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return true
	case <-done:
	}
	g.mu.Lock()
	i := slices.Index(g.queue, turn)
	if i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
		g.waiting.Add(-1)
	}
	g.mu.Unlock()
	if i < 0 { // given in this moment
		g.Cancel()
	}
	return false
}

// TryEnter takes room if there is some. If not, the caller is to try again when it is
// notified; room is kept until then.
func (g *Gate) TryEnter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.granted:
		g.granted = false
		return true
	case g.take():
		return true
	}
	if !g.asked {
		g.asked = true
		g.push(nil)
	}
	return false
}

// take takes room unless there is none, or others wait for it. The caller holds mu.
func (g *Gate) take() bool {
	if g.taken >= g.limit || len(g.queue) > 0 {
		return false
	}
	g.taken++
	return true
}

func (g *Gate) push(turn chan struct{}) {
	g.queue = append(g.queue, turn)
	g.waiting.Add(1)
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

// Cancel gives back room into which nothing was accepted, to who has waited longest.
func (g *Gate) Cancel() {
	g.mu.Lock()
	if len(g.queue) == 0 {
		g.taken--
		g.mu.Unlock()
		return
	}
	next := g.queue[0]
	g.queue = slices.Delete(g.queue, 0, 1)
	g.waiting.Add(-1)
	if next != nil {
		close(next)
	} else {
		g.asked, g.granted = false, true
	}
	g.mu.Unlock()
	if next == nil && g.freed != nil {
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
	s := Stats{Connections: g.open.Load(), Peak: g.peak.Load(), Limit: int64(g.limit), Accepted: g.accepted.Load()}
	for i := range s.Own {
		s.Own[i] = g.refused[i].Load()
	}
	return s
}
