package confirm

import (
	"slices"
	"sync"
	"time"
)

// beats is when each voter's last heartbeat was sent, of those that it took.
type beats struct {
	mu    sync.Mutex
	term  uint64
	sent  map[string]time.Duration
	quiet uint64 // no lease in this term
}

// Heard notes that a voter took a heartbeat of term that was sent at a time of
// Config.Clock.
func (c *Confirmer) Heard(id string, term uint64, sent time.Duration) {
	b := &c.beats
	b.mu.Lock()
	defer b.mu.Unlock()
	if term < b.term {
		return
	}
	if term > b.term || b.sent == nil {
		b.term, b.sent = term, map[string]time.Duration{}
	}
	b.sent[id] = max(sent, b.sent[id])
}

// Quiet ends the lease for the rest of a term: from now on another leader may be
// elected at any time. It is called before leadership is handed over.
func (c *Confirmer) Quiet(term uint64) {
	c.beats.mu.Lock()
	defer c.beats.mu.Unlock()
	c.beats.quiet = max(c.beats.quiet, term)
}

// Age returns for how long a majority has possibly not followed this node: the
// time since the oldest heartbeat that a majority has taken was sent. It is zero
// where this node alone is one, and not ok before a majority was heard of.
func (c *Confirmer) Age() (age time.Duration, ok bool) {
	s := c.cfg.Standing()
	return c.age(&s)
}

func (c *Confirmer) age(s *Standing) (time.Duration, bool) {
	if !s.Leads {
		return 0, false
	}
	needed := s.needed()
	if needed <= 0 {
		return 0, true
	}
	b := &c.beats
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.term != s.Term {
		return 0, false
	}
	var all []time.Duration
	for _, p := range s.Peers {
		if at, ok := b.sent[p.ID]; ok {
			all = append(all, at)
		}
	}
	if len(all) < needed {
		return 0, false
	}
	slices.Sort(all)
	return c.cfg.Clock() - all[len(all)-needed], true
}

// leased returns what Leader does, if the lease covers this moment. The commit
// index is read before the clock is: whatever another leader acknowledges, it does
// after the lease, and so after this call began.
func (c *Confirmer) leased() (index, term uint64, ok bool) {
	if c.cfg.Lease <= 0 {
		return 0, 0, false
	}
	s := c.cfg.Standing()
	age, ok := c.age(&s)
	if !ok || age >= c.cfg.Lease || c.isQuiet(s.Term) {
		return 0, 0, false
	}
	return s.Commit, s.Term, true
}

func (c *Confirmer) isQuiet(term uint64) bool {
	c.beats.mu.Lock()
	defer c.beats.mu.Unlock()
	return c.beats.quiet >= term
}
