package replica

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/engine"
	"pingd/kv/replica/bus"
	"pingd/kv/replica/entry"
)

// readHere answers reads from this node's engine once it is certain that it
// leads and has applied everything acknowledged before the call. Its error means
// that somebody else may lead.
func (r *Replica) readHere(ctx context.Context, cmds []engine.Command, out *engine.Replies) error {
	index, term, err := r.confirm.leader(ctx)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, r.cfg.RouteWait)
	defer cancel()
	if err := r.machine.Wait(wait, index, term); err != nil {
		return errNotLeader
	}
	r.engine.Read(time.Now().UnixMilli(), cmds, out)
	return nil
}

// readEncoded is readHere for commands that came from another node.
func (r *Replica) readEncoded(ctx context.Context, body []byte) (*engine.Replies, error) {
	var d entry.Decoder
	cmds, err := d.Commands(body)
	if err != nil {
		return nil, err
	}
	out := &engine.Replies{Ends: make([]int, 0, len(cmds))}
	if err := r.readHere(ctx, cmds, out); err != nil {
		return nil, err
	}
	return out, nil
}

// confirmer finds out whether this node still leads, by asking the voters
// whether its term is still theirs. It needs no clock. (raft.VerifyLeader would
// not do: it can count the answer to a heartbeat sent before the question.)
type confirmer struct {
	r *Replica

	mu      sync.Mutex
	next    *round // not begun; nil if nobody waits
	running bool
}

// round is one such question, shared by all who asked before it began.
type round struct {
	done        chan struct{}
	index, term uint64
	err         error
}

// roundWait bounds a round: a quorum that is silent for longer is no quorum.
const roundWait = time.Second

// leader returns the commit index, at or after the call, of a leader that was
// not deposed then, and its term. The caller may answer reads once an entry at
// that index and one of that term are applied.
func (c *confirmer) leader(ctx context.Context) (index, term uint64, err error) {
	c.mu.Lock()
	if c.next == nil {
		c.next = &round{done: make(chan struct{})}
	}
	mine := c.next
	if !c.running {
		c.running = c.r.spawn(c.run)
	}
	running := c.running
	c.mu.Unlock()
	if !running {
		return 0, 0, errNotLeader // the node is stopping
	}
	select {
	case <-mine.done:
		return mine.index, mine.term, mine.err
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
}

// run asks until nobody waits.
func (c *confirmer) run() {
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
		now.index, now.term, now.err = c.ask()
		close(now.done)
	}
}

// ask does one round.
func (c *confirmer) ask() (index, term uint64, err error) {
	node := c.r.raftNode()
	if node == nil { // another node believes that this one leads, from before its restart
		return 0, 0, errNotLeader
	}
	term = node.CurrentTerm()
	if node.State() != raft.Leader {
		return 0, 0, errNotLeader
	}
	index = node.CommitIndex()
	voters, peers := 0, []raft.Server(nil)
	for _, s := range node.GetConfiguration().Configuration().Servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		if string(s.ID) != c.r.cfg.Name {
			peers = append(peers, s)
		}
	}
	if needed := voters/2 + 1 - (voters - len(peers)); needed > 0 && !c.poll(peers, term, needed) {
		return 0, 0, errNotLeader
	}
	if node.State() != raft.Leader || node.CurrentTerm() != term {
		return 0, 0, errNotLeader
	}
	return index, term, nil
}

// poll asks peers whether term is still theirs, and returns as soon as needed of
// them said yes, or can no longer.
func (c *confirmer) poll(peers []raft.Server, term uint64, needed int) bool {
	ctx, cancel := context.WithTimeout(c.r.ctx, roundWait)
	defer cancel()
	votes := make(chan bool, len(peers))
	question := binary.AppendUvarint(nil, term)
	for _, p := range peers {
		vote := func(status byte, _ []byte, err error) { votes <- err == nil && status == bus.StatusOK }
		if conn := c.r.control.Have(ctx, string(p.Address)); conn != nil {
			if conn.Start(kindTerm, question, vote) != nil {
				votes <- false
			}
			continue
		}
		if !c.r.spawn(func() {
			conn, err := c.r.control.Get(ctx, string(p.Address))
			if err != nil || conn.Start(kindTerm, question, vote) != nil {
				votes <- false
			}
		}) {
			votes <- false
		}
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
