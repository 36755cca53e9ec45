package replica

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/engine"
	"pingd/kv/replica/bus"
	"pingd/kv/replica/confirm"
	"pingd/kv/replica/entry"
)

// readHere answers reads from this node's engine once it is certain that it
// leads and has applied everything acknowledged before the call. Its error means
// that somebody else may lead.
func (r *Replica) readHere(ctx context.Context, cmds []engine.Command, out *engine.Replies) error {
	index, term, err := r.confirm.Leader(ctx)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, r.cfg.RouteWait)
	defer cancel()
	if err := r.machine.Wait(wait, index, term); err != nil {
		return confirm.ErrNotLeader
	}
	if err := r.awaitEnds(wait); err != nil {
		return confirm.ErrNotLeader
	}
	r.readNow(cmds, out)
	return nil
}

// endsWithin is how late a key may end: an entry of the log lets it, which takes as
// long as a write.
const endsWithin = 50 * time.Millisecond

// awaitEnds waits until no key is there that should have ended long ago.
func (r *Replica) awaitEnds(ctx context.Context) error {
	for !r.space.Full() {
		late := r.engine.Overdue(r.cfg.Now().UnixMilli())
		if late <= endsWithin || late <= 2*sparing && r.space.Low() {
			break
		}
		r.outbox.Nudge()
		waitFor(ctx, again)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// readNow answers reads from this node's engine, which leads.
func (r *Replica) readNow(cmds []engine.Command, out *engine.Replies) {
	now := r.cfg.Now().UnixMilli()
	if r.space.Full() {
		r.engine.Read(now, cmds, out) // no entries are made to let keys end
		return
	}
	r.engine.ReadSettled(now, cmds, out)
}

// readEncoded is readHere for commands that came from another node.
func (r *Replica) readEncoded(ctx context.Context, body []byte) (*engine.Replies, error) {
	var d entry.Decoder
	cmds, err := d.Commands(body)
	if err != nil {
		return nil, err
	}
	out := &engine.Replies{Ends: make([]int, 0, len(cmds)), Limit: bus.MaxFrame}
	if err := r.readHere(ctx, cmds, out); err != nil {
		return nil, err
	}
	return out, nil
}

// ReadLocal answers read-only commands from this node's own data, which may be
// behind the leader's by no more than Config.StaleBound. It returns ErrStale where
// that is not certain.
func (r *Replica) ReadLocal(cmds []engine.Command, out *engine.Replies) error {
	age, ok := r.confirm.Age() // of a leader
	if !ok || !r.opened() {
		age, ok = r.prober.Age()
	}
	if !ok || age > r.cfg.StaleBound {
		return ErrStale
	}
	r.engine.Read(r.cfg.Now().UnixMilli(), cmds, out)
	return nil
}

// opened reports whether an entry of this node's term is applied: before, a leader may
// lack what others acknowledged.
func (r *Replica) opened() bool {
	_, of := r.machine.Applied()
	node := r.raftNode()
	return node != nil && of == node.CurrentTerm()
}

// standing is what the confirmer has to know of this node.
func (r *Replica) standing() confirm.Standing {
	node := r.raftNode()
	if node == nil { // another node believes that this one leads, from before its restart
		return confirm.Standing{}
	}
	s := confirm.Standing{Leads: node.State() == raft.Leader, Term: node.CurrentTerm(), Commit: node.CommitIndex()}
	for _, v := range node.GetConfiguration().Configuration().Servers {
		if v.Suffrage != raft.Voter {
			continue
		}
		s.Voters++
		if string(v.ID) != r.cfg.Name {
			s.Peers = append(s.Peers, confirm.Peer{ID: string(v.ID), Addr: r.roster.Addr(v)})
		}
	}
	return s
}

// askTerm asks a voter whether term is its own.
func (r *Replica) askTerm(ctx context.Context, p confirm.Peer, term uint64, vote func(bool)) {
	question := binary.AppendUvarint(nil, term)
	then := func(status byte, _ []byte, err error) { vote(err == nil && status == bus.StatusOK) }
	if conn := r.control.Have(ctx, p.ID, p.Addr); conn != nil {
		if conn.Start(kindTerm, question, then) != nil {
			vote(false)
		}
		return
	}
	if !r.spawn(func() {
		conn, err := r.control.Get(ctx, p.ID, p.Addr)
		if err != nil || conn.Start(kindTerm, question, then) != nil {
			vote(false)
		}
	}) {
		vote(false)
	}
}

// vouch asks a node whether term is still its own.
func (r *Replica) vouch(ctx context.Context, id, addr string, term uint64) bool {
	conn, err := r.control.Get(ctx, id, r.roster.Where(id, addr))
	if err != nil {
		return false
	}
	_, err = conn.Call(ctx, kindTerm, binary.AppendUvarint(nil, term))
	return err == nil
}

func (r *Replica) handleTerm(payload []byte, reply func(byte, []byte)) {
	term, n := binary.Uvarint(payload)
	node := r.raftNode()
	if n <= 0 || node == nil || node.CurrentTerm() != term {
		reply(bus.StatusError, nil)
		return
	}
	reply(bus.StatusOK, nil)
}
