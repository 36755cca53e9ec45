package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/replica/bus"
	"pingd/kv/replica/entry"
	"pingd/kv/replica/machine"
	"pingd/kv/replica/pilot"
	"pingd/kv/replica/probe"
)

const (
	changeWait   = 2 * time.Second        // for one change of Raft's configuration
	memberEvery  = 100 * time.Millisecond // between looks of the leader at non-voters
	announceWait = 500 * time.Millisecond // between looks of a node at its own announcement
)

// joinRequest asks the leader to let a node in, or to take note of its
// addresses.
type joinRequest struct {
	Cluster string         `json:"cluster"`
	Member  machine.Member `json:"member"`
	Rejoin  bool           `json:"rejoin"` // the node has been a member: never add it anew
}

// joinAnswer is the leader's. At most one field is set.
type joinAnswer struct {
	Leader  string `json:"leader,omitempty"` // bus address: ask there
	Taken   bool   `json:"taken,omitempty"`
	Removed bool   `json:"removed,omitempty"`
	Retry   string `json:"retry,omitempty"` // why not now
}

// announcement is what this node tells of itself.
func (r *Replica) announcement() machine.Member {
	s := r.cfg.Self
	return machine.Member{Name: r.cfg.Name, Instance: r.instance, Raft: s.Raft, Redis: s.Redis, Sentinel: s.Sentinel, Admin: s.Admin}
}

// askToJoin asks the cluster of the node at addr to let this node in.
func (r *Replica) askToJoin(ctx context.Context, cluster, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*changeWait)
	defer cancel()
	return r.askLeader(ctx, addr, joinRequest{Cluster: cluster, Member: r.announcement()})
}

// askLeader sends q to addr, or to the leader that is named there.
func (r *Replica) askLeader(ctx context.Context, addr string, q joinRequest) error {
	for range 3 {
		var a joinAnswer
		if err := r.ask(ctx, addr, kindJoin, q, &a); err != nil {
			return fmt.Errorf("ask %s to join: %w", addr, err)
		}
		switch {
		case a.Taken:
			return fmt.Errorf("%w: %s", ErrNameTaken, q.Member.Name)
		case a.Removed:
			return ErrRemoved
		case a.Retry != "":
			return fmt.Errorf("ask %s to join: %s", addr, a.Retry)
		case a.Leader == "":
			return nil
		}
		addr = a.Leader
	}
	return errors.New("ask to join: no node says that it leads")
}

// admit answers a joinRequest.
func (r *Replica) admit(ctx context.Context, q joinRequest) (joinAnswer, error) {
	to := r.route()
	if !to.Self {
		if to.Addr == "" {
			return joinAnswer{Retry: "the cluster has no leader at the moment"}, nil
		}
		return joinAnswer{Leader: to.Addr}, nil
	}
	if q.Cluster != r.former.Cluster() {
		return joinAnswer{}, bus.ErrCluster
	}
	if n := q.Member; n.Name == "" || n.Raft == "" || len(n.Name) > entry.MaxName {
		return joinAnswer{}, errors.New("name or bus address is missing")
	}
	// One after the other: each looks at the configuration and then changes it.
	select {
	case r.admitting <- struct{}{}:
		defer func() { <-r.admitting }()
	case <-ctx.Done():
		return joinAnswer{}, ctx.Err()
	}
	a, err := r.letIn(ctx, q)
	if err != nil {
		return joinAnswer{Retry: err.Error()}, nil
	}
	return a, nil
}

// letIn makes the changes that an admission takes. Its error means: not now.
func (r *Replica) letIn(ctx context.Context, q joinRequest) (joinAnswer, error) {
	n := q.Member
	s, known := r.server(n.Name)
	held, told := r.machine.Member(n.Name)
	if !told && q.Rejoin {
		held.Instance = n.Instance // a founder, not announced yet
	}
	if known && held.Instance != n.Instance {
		switch {
		case r.isLive(ctx, n, r.addrOf(s)):
			return joinAnswer{Taken: true}, nil
		case q.Rejoin:
			return joinAnswer{Removed: true}, nil
		}
		// The member of that name is gone and its votes with it: this one starts as a
		// non-voter, as any newcomer.
		if err := r.change(ctx, func(node *raft.Raft) raft.IndexFuture { return node.RemoveServer(s.ID, 0, changeWait) }); err != nil {
			return joinAnswer{}, err
		}
		known = false
	}
	if !known && q.Rejoin {
		return joinAnswer{Removed: true}, nil
	}
	if !known || string(s.Address) != n.Raft {
		voter := known && s.Suffrage == raft.Voter
		if err := r.place(ctx, n, voter); err != nil {
			return joinAnswer{}, err
		}
	}
	if held, told := r.machine.Member(n.Name); !told || held != n {
		return joinAnswer{}, r.announce(ctx, n)
	}
	return joinAnswer{}, nil
}

// place enters a node with its address into Raft's configuration, which takes no
// address twice: whoever is entered there and is not there any more is moved away,
// and found by the book until it has told where it is.
func (r *Replica) place(ctx context.Context, n machine.Member, voter bool) error {
	for _, o := range r.servers() {
		if string(o.Address) != n.Raft || string(o.ID) == n.Name {
			continue
		}
		if n.Name != r.cfg.Name && !r.isAt(ctx, n, n.Raft) {
			return fmt.Errorf("%s is the address of member %s", n.Raft, o.ID)
		}
		if err := r.enter(ctx, o.ID, parked(string(o.ID)), o.Suffrage == raft.Voter); err != nil {
			return err
		}
	}
	return r.enter(ctx, raft.ServerID(n.Name), n.Raft, voter)
}

func (r *Replica) enter(ctx context.Context, id raft.ServerID, addr string, voter bool) error {
	return r.change(ctx, func(node *raft.Raft) raft.IndexFuture {
		if voter {
			return node.AddVoter(id, raft.ServerAddress(addr), 0, changeWait)
		}
		return node.AddNonvoter(id, raft.ServerAddress(addr), 0, changeWait)
	})
}

// isAt reports whether n itself answers at addr.
func (r *Replica) isAt(ctx context.Context, n machine.Member, addr string) bool {
	peer, err := r.whoIs(ctx, addr)
	return err == nil && peer.Name == n.Name && peer.Instance == n.Instance
}

// whoIs asks who is at a bus address.
func (r *Replica) whoIs(ctx context.Context, addr string) (bus.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, peer, err := r.bus.Dial(ctx, addr, bus.Control)
	if err != nil {
		return bus.Identity{}, err
	}
	_ = c.Close()
	return peer, nil
}

// isLive reports whether the node that holds n's name at addr is there, and is
// another one than n.
func (r *Replica) isLive(ctx context.Context, n machine.Member, addr string) bool {
	if n.Name == r.cfg.Name {
		return true
	}
	peer, err := r.whoIs(ctx, addr)
	return err == nil && peer.Name == n.Name && peer.Instance != n.Instance
}

// change makes one change of Raft's configuration.
func (r *Replica) change(ctx context.Context, f func(*raft.Raft) raft.IndexFuture) error {
	return r.await(ctx, "change membership", f(r.raftNode()))
}

// keepMembers makes voters of non-voters that have caught up, while this node
// leads, and tells the log of the founders.
func (r *Replica) keepMembers(ctx context.Context) {
	for ctx.Err() == nil {
		waitFor(ctx, memberEvery)
		if !r.route().Self {
			continue
		}
		for _, f := range r.former.Founders() {
			n := machine.Member{Name: f.Name, Instance: f.Instance, Raft: f.Raft}
			_, in := r.server(n.Name)
			if _, ok := r.machine.Member(n.Name); !ok && in && n.Name != r.cfg.Name {
				if err := r.announce(ctx, n); err != nil {
					r.log.Debug("founder not announced", "err", err)
				}
			}
		}
		for _, s := range r.servers() {
			if s.Suffrage == raft.Nonvoter {
				r.promote(ctx, s)
			}
		}
		r.bury(ctx)
	}
}

// bury removes a member that has been dead for longer than Config.RemoveDead.
func (r *Replica) bury(ctx context.Context) {
	if r.cfg.RemoveDead <= 0 {
		return
	}
	var members []pilot.Member
	commit := r.commitIndex()
	for _, s := range r.servers() {
		m := pilot.Member{Name: string(s.ID), Voter: s.Suffrage == raft.Voter, Self: string(s.ID) == r.cfg.Name}
		if seen, ok := r.prober.Last(m.Name); ok {
			m.Behind = commit - min(commit, seen.State.Applied)
		}
		if !m.Self {
			m.Silent = r.prober.Silent(m.Name)
		}
		members = append(members, m)
	}
	name, ok := pilot.Choose(members, pilot.Rules{After: r.cfg.RemoveDead, Voters: keepVoters, Behind: minTrailing})
	if !ok {
		return
	}
	r.log.Warn("removing a member that is dead for good", "member", name, "dead_for", r.prober.Silent(name).Round(time.Second))
	if err := r.removeHere(ctx, name); err != nil {
		r.log.Warn("dead member not removed", "member", name, "err", err)
	}
}

// keepVoters is how many voters always remain when dead ones are removed.
const keepVoters = 3

// promote makes s a voter if it has applied what was committed a moment ago.
func (r *Replica) promote(ctx context.Context, s raft.Server) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	commit := r.commitIndex()
	conn, err := r.control.Get(ctx, string(s.ID), r.addrOf(s))
	for err == nil && ctx.Err() == nil && r.route().Self {
		var b []byte
		if b, err = conn.Call(ctx, kindState, nil); err != nil {
			return
		}
		if st, ok := probe.Parse(b); ok && st.Applied >= commit && st.Term == r.raftNode().CurrentTerm() {
			err := r.change(ctx, func(node *raft.Raft) raft.IndexFuture { return node.AddVoter(s.ID, s.Address, 0, changeWait) })
			r.log.Info("node has caught up and votes now", "member", string(s.ID), "err", err)
			return
		}
		waitFor(ctx, again)
	}
}
