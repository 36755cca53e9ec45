package replica

import (
	"context"
	"encoding/json"
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
	n := q.Member
	if n.Name == "" || n.Raft == "" || len(n.Name) > entry.MaxName {
		return joinAnswer{}, errors.New("name or bus address is missing")
	}
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
			return joinAnswer{Retry: err.Error()}, nil
		}
		known = false
	}
	if !known && q.Rejoin {
		return joinAnswer{Removed: true}, nil
	}
	if !known || string(s.Address) != n.Raft {
		if err := r.change(ctx, func(node *raft.Raft) raft.IndexFuture {
			if known && s.Suffrage == raft.Voter {
				return node.AddVoter(raft.ServerID(n.Name), raft.ServerAddress(n.Raft), 0, changeWait)
			}
			return node.AddNonvoter(raft.ServerID(n.Name), raft.ServerAddress(n.Raft), 0, changeWait)
		}); err != nil {
			return joinAnswer{Retry: err.Error()}, nil
		}
	}
	if held, told := r.machine.Member(n.Name); !told || held != n {
		if err := r.announce(ctx, n); err != nil {
			return joinAnswer{Retry: err.Error()}, nil
		}
	}
	return joinAnswer{}, nil
}

// isLive reports whether the node that holds n's name at addr is there, and is
// another one than n.
func (r *Replica) isLive(ctx context.Context, n machine.Member, addr string) bool {
	if n.Name == r.cfg.Name {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, peer, err := r.bus.Dial(ctx, addr, bus.Control)
	if err != nil {
		return false
	}
	_ = c.Close()
	return peer.Name == n.Name && peer.Instance != n.Instance
}

// change makes one change of Raft's configuration.
func (r *Replica) change(ctx context.Context, f func(*raft.Raft) raft.IndexFuture) error {
	return r.await(ctx, "change membership", f(r.raftNode()))
}

// announce puts a member's addresses into the log.
func (r *Replica) announce(ctx context.Context, n machine.Member) error {
	payload, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode member: %w", err)
	}
	return r.outbox.Extra(ctx, entry.KindMember, payload)
}

// keepAnnounced sees to it that the log holds this node's addresses as they are,
// and ends the node when it is no longer a member.
func (r *Replica) keepAnnounced(ctx context.Context) {
	for ctx.Err() == nil {
		if held, ok := r.machine.Member(r.cfg.Name); !ok || held != r.announcement() || r.misplaced() {
			r.announceSelf(ctx)
		}
		waitFor(ctx, announceWait)
	}
}

// misplaced reports whether Raft's configuration has this node elsewhere, or not
// at all.
func (r *Replica) misplaced() bool {
	s, ok := r.server(r.cfg.Name)
	return !ok || string(s.Address) != r.cfg.Self.Raft
}

func (r *Replica) announceSelf(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*changeWait)
	defer cancel()
	q := joinRequest{Cluster: r.former.Cluster(), Member: r.announcement(), Rejoin: true}
	if r.route().Self {
		if _, err := r.admit(ctx, q); err != nil {
			r.log.Debug("own announcement refused", "err", err)
		}
		return
	}
	for _, addr := range r.knownAddrs(ctx) {
		err := r.askLeader(ctx, addr, q)
		switch {
		case err == nil:
			return
		case errors.Is(err, ErrRemoved), errors.Is(err, ErrNameTaken):
			r.fail(err)
			return
		}
		r.log.Debug("announcement not taken", "addr", addr, "err", err)
	}
}

// knownAddrs lists where the leader might be heard of: the leader itself, the
// members of the last known configuration, and, for a node that was away while
// all others moved, the join addresses.
func (r *Replica) knownAddrs(ctx context.Context) []string {
	if to := r.route(); to.Addr != "" {
		return []string{to.Addr}
	}
	var addrs []string
	for _, s := range r.servers() {
		if string(s.ID) != r.cfg.Name {
			addrs = append(addrs, r.addrOf(s))
		}
	}
	if len(r.cfg.Join) > 0 {
		peers, err := r.former.Look(ctx)
		if err != nil {
			r.log.Debug("join addresses do not answer", "err", err)
		}
		for _, p := range peers {
			if p.Cluster == r.former.Cluster() {
				addrs = append(addrs, p.Raft)
			}
		}
	}
	return addrs
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
	conn, err := r.control.Get(ctx, r.addrOf(s))
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
