package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/replica/bus"
	"pingd/kv/replica/entry"
	"pingd/kv/replica/form"
	"pingd/kv/replica/machine"
	"pingd/kv/replica/outbox"
	"pingd/kv/replica/probe"
	"pingd/kv/replica/roster"
)

// announcement is what this node tells of itself.
func (r *Replica) announcement() machine.Member {
	s := r.cfg.Self
	return machine.Member{
		Name: r.cfg.Name, Instance: r.instance, Raft: s.Raft, Redis: s.Redis, Sentinel: s.Sentinel, Admin: s.Admin,
		Level: r.cfg.level,
	}
}

// servers returns Raft's configuration.
func (r *Replica) servers() []raft.Server {
	if r.raftNode() == nil {
		return nil
	}
	return r.roster.Servers()
}

func (r *Replica) server(name string) (raft.Server, bool) {
	if r.raftNode() == nil {
		return raft.Server{}, false
	}
	return r.roster.Server(name)
}

// peers are all other members.
func (r *Replica) peers() []probe.Peer {
	var list []probe.Peer
	for _, s := range r.servers() {
		if string(s.ID) != r.cfg.Name {
			list = append(list, probe.Peer{Name: string(s.ID), Addr: r.roster.Addr(s)})
		}
	}
	return list
}

// member returns the member of that name.
func (r *Replica) member(name string) (Member, bool) {
	for _, m := range r.Members() {
		if m.Name == name {
			return m, true
		}
	}
	return Member{}, false
}

// rosterNode is the node as its roster sees it: a roster.Node.
type rosterNode struct{ *Replica }

func (n rosterNode) Raft() *raft.Raft         { return n.raftNode() }
func (n rosterNode) Route() outbox.Route      { return n.route() }
func (n rosterNode) Cluster() string          { return n.former.Cluster() }
func (n rosterNode) Founders() []form.Founder { return n.former.Founders() }
func (n rosterNode) Fail(err error)           { n.fail(err) }

// Look asks all join addresses.
func (n rosterNode) Look(ctx context.Context) ([]form.Peer, error) { return n.former.Look(ctx) }

// Ask sends a request to a bus address.
func (n rosterNode) Ask(ctx context.Context, addr string, q roster.Request, a *roster.Answer) error {
	return n.ask(ctx, addr, kindJoin, q, a)
}

// WhoIs asks who is at a bus address, on a connection of its own.
func (n rosterNode) WhoIs(ctx context.Context, addr string) (bus.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, peer, err := n.bus.Dial(ctx, addr, bus.Control)
	if err != nil {
		return bus.Identity{}, err
	}
	_ = c.Close()
	return peer, nil
}

// State asks a member how far it is.
func (n rosterNode) State(ctx context.Context, name, addr string) (probe.State, error) {
	conn, err := n.control.Get(ctx, name, addr)
	if err != nil {
		return probe.State{}, err
	}
	b, err := conn.Call(ctx, kindState, nil)
	if err != nil {
		return probe.State{}, fmt.Errorf("ask %s for its state: %w", name, err)
	}
	st, ok := probe.Parse(b)
	if !ok {
		return probe.State{}, fmt.Errorf("ask %s for its state: %w", name, errMalformed)
	}
	return st, nil
}

var errMalformed = errors.New("answer is malformed")

// Last and Silent tell what this node has seen of a member.
func (n rosterNode) Last(name string) (probe.Sighting, bool) { return n.prober.Last(name) }

// Silent tells for how long a member has not answered.
func (n rosterNode) Silent(name string) time.Duration { return n.prober.Silent(name) }

// Settle waits until everything committed before its call is applied.
func (n rosterNode) Settle(ctx context.Context) error {
	index, term, err := n.confirm.Leader(ctx)
	if err != nil {
		return err
	}
	return n.machine.Wait(ctx, index, term)
}

// Level is that of the log so far.
func (n rosterNode) Level() uint8 { return n.machine.Level() }

// Member is what the log holds.
func (n rosterNode) Member(name string) (machine.Member, bool) { return n.machine.Member(name) }

// Extra puts something into the log.
func (n rosterNode) Extra(ctx context.Context, kind entry.Kind, payload []byte) error {
	return n.outbox.Extra(ctx, kind, payload)
}

// Remove takes a member out.
func (n rosterNode) Remove(ctx context.Context, name string) error { return n.removeHere(ctx, name) }

// Await waits for one of Raft's futures.
func (n rosterNode) Await(ctx context.Context, what string, f raft.Future) error {
	return n.await(ctx, what, f)
}
