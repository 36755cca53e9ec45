package trace

import (
	"sync"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/health"
	"pingd/proxy/upstream"
)

// How many requests a Ring holds.
const (
	Recent   = 1024
	Troubled = 512

	// slow is what makes a request one that did not go smoothly.
	slow = time.Second
)

// Ring is the memory of one worker. Make it with NewRing; Add is for one goroutine,
// Find for any.
type Ring struct {
	mu       sync.Mutex
	recent   ring
	troubled ring
}

// ring is filled from the start and then over again.
type ring struct {
	kept []kept
	next int
	most int
}

// kept is a record that outlives its request. Texts that are too long are cut.
type kept struct {
	rec     exchange.Record // without the slices
	state   health.State    // of the server when the request ended
	texts   [192]byte       // id, client, method, host, target in turn
	lengths [5]uint8
}

// NewRing returns an empty Ring, which takes up memory as it is filled.
func NewRing() *Ring {
	return &Ring{recent: ring{most: Recent}, troubled: ring{most: Troubled}}
}

// Add takes down r. It does not allocate once the ring is full.
func (g *Ring) Add(r *exchange.Record) {
	if len(r.ID) == 0 {
		return // nobody can ask about it
	}
	to := &g.recent
	if r.Status >= 500 || r.Status == 0 || r.FailedCount > 0 || r.End != exchange.EndOK || r.Done.Sub(r.Start) >= slow {
		to = &g.troubled
	}
	g.mu.Lock()
	to.add(r)
	g.mu.Unlock()
}

func (g *ring) add(r *exchange.Record) {
	if g.next == len(g.kept) && len(g.kept) < g.most {
		g.kept = append(g.kept, kept{})
	}
	if g.next == g.most {
		g.next = 0
	}
	k := &g.kept[g.next]
	g.next++
	k.rec = *r
	k.rec.ID, k.rec.Client, k.rec.Method, k.rec.Host, k.rec.Target = nil, nil, nil, nil, nil
	if k.state = health.New; r.Server != nil {
		k.state = r.Server.State()
	}
	rest := k.texts[:]
	for i, text := range [...][]byte{r.ID, r.Client, r.Method, r.Host, r.Target} {
		// What comes last gets what is left; the others must leave some.
		most := len(rest)
		if i < len(k.lengths)-1 {
			most = min(most, 48)
		}
		n := copy(rest[:most], text)
		k.lengths[i] = uint8(n)
		rest = rest[n:]
	}
}

// text returns the i-th of k's texts.
func (k *kept) text(i int) string {
	from := 0
	for _, n := range k.lengths[:i] {
		from += int(n)
	}
	return string(k.texts[from : from+int(k.lengths[i])])
}

// Find returns what became of the requests with an id, the last one first: a client
// may use one id for several.
func (g *Ring) Find(id string) (found []Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range [...]*ring{&g.troubled, &g.recent} {
		for i := range r.kept {
			k := &r.kept[(r.next+len(r.kept)-1-i)%len(r.kept)]
			if k.text(0) == id || len(id) > 48 && k.text(0) == id[:48] {
				found = append(found, k.request())
			}
		}
	}
	return found
}

// name returns a server's name, empty for none.
func name(s *upstream.Server) string {
	if s == nil {
		return ""
	}
	return s.Name()
}
