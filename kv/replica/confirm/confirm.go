package confirm

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrNotLeader says that somebody else may lead.
var ErrNotLeader = errors.New("not the leader")

// Peer is another voter.
type Peer struct{ ID, Addr string }

// Standing is what a node knows of itself.
type Standing struct {
	Leads        bool
	Term, Commit uint64
	Voters       int    // all that vote
	Peers        []Peer // those of them that are other nodes
}

// Config is what a Confirmer needs of its node. All but Lease is required.
type Config struct {
	// Standing is asked for before and after each round.
	Standing func() Standing
	// Ask asks the voter at p whether term is its own, and calls vote once, at the
	// latest when ctx is over.
	Ask func(ctx context.Context, p Peer, term uint64, vote func(yes bool))
	// Spawn runs f on a goroutine of the node's; false when it is stopping.
	Spawn func(f func()) bool
	// Clock returns a time that goes on while the machine sleeps.
	Clock func() time.Duration
	// Lease is how long a heartbeat of a majority stands for reads; 0: each read
	// is part of a round of questions.
	Lease time.Duration
}

// Confirmer finds out whether its node leads. It is safe for concurrent use.
type Confirmer struct {
	cfg   Config
	beats beats

	mu      sync.Mutex
	next    *round // not begun; nil if nobody waits
	running bool
}

// New returns a Confirmer.
func New(cfg Config) *Confirmer { return &Confirmer{cfg: cfg} }

// round is one question to all, shared by everybody who asked before it began.
type round struct {
	done        chan struct{}
	index, term uint64
	err         error
}

// roundWait bounds a round: a quorum that is silent for longer is no quorum.
const roundWait = time.Second

// Leader returns the commit index, at or after the call, of a leader that was not
// deposed then, and its term. The caller may answer reads once an entry at that
// index and one of that term are applied. Its error is ErrNotLeader or that of
// ctx.
func (c *Confirmer) Leader(ctx context.Context) (index, term uint64, err error) {
	if index, term, ok := c.leased(); ok {
		return index, term, nil
	}
	return c.Ask(ctx)
}

// Ask is Leader without a lease.
func (c *Confirmer) Ask(ctx context.Context) (index, term uint64, err error) {
	c.mu.Lock()
	if c.next == nil {
		c.next = &round{done: make(chan struct{})}
	}
	mine := c.next
	if !c.running {
		c.running = c.cfg.Spawn(c.run)
	}
	running := c.running
	c.mu.Unlock()
	if !running {
		return 0, 0, ErrNotLeader // the node is stopping
	}
	select {
	case <-mine.done:
		return mine.index, mine.term, mine.err
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
}

// run asks until nobody waits.
func (c *Confirmer) run() {
	for {
		c.mu.Lock()
		now := c.next
		c.next = nil
		if now == nil {
			c.running = false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		now.index, now.term, now.err = c.round()
		close(now.done)
	}
}

// round does one.
func (c *Confirmer) round() (index, term uint64, err error) {
	s := c.cfg.Standing()
	if !s.Leads {
		return 0, 0, ErrNotLeader
	}
	if needed := s.needed(); needed > 0 && !c.poll(s.Peers, s.Term, needed) {
		return 0, 0, ErrNotLeader
	}
	if now := c.cfg.Standing(); !now.Leads || now.Term != s.Term {
		return 0, 0, ErrNotLeader
	}
	return s.Commit, s.Term, nil
}

// needed returns how many peers make a majority together with this node, if it
// votes.
func (s *Standing) needed() int { return s.Voters/2 + 1 - (s.Voters - len(s.Peers)) }

// poll asks peers whether term is still theirs, and returns as soon as needed of
// them said yes, or can no longer.
func (c *Confirmer) poll(peers []Peer, term uint64, needed int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), roundWait)
	defer cancel()
	votes := make(chan bool, len(peers))
	for _, p := range peers {
		c.cfg.Ask(ctx, p, term, func(yes bool) { votes <- yes })
	}
	for left := len(peers); left >= needed && needed > 0; left-- {
		select {
		case yes := <-votes:
			if yes {
				needed--
			}
		case <-ctx.Done():
			return false
		}
	}
	return needed <= 0
}
