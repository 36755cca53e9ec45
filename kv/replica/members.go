package replica

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/replica/probe"
	"pingd/kv/replica/view"
)

// Member is one node of the cluster, Peer what a node tells others of itself before
// they share one.
type (
	Member = view.Member
	Peer   = view.Peer
)

// Peer returns this node's Peer as JSON.
func (r *Replica) Peer() []byte {
	p := Peer{
		Cluster: r.former.Cluster(), Name: r.cfg.Name, Instance: r.instance,
		Bus: r.cfg.Self.Raft, Leader: r.route().Name,
	}
	p.Formed = p.Cluster != "" && r.raftNode() != nil
	if p.Formed {
		p.Members = r.Members()
	} else {
		p.Cluster = ""
	}
	b, err := json.Marshal(p)
	if err != nil {
		return nil // cannot happen: plain fields
	}
	return b
}

// Members returns the members of the cluster by name, as this node sees them.
func (r *Replica) Members() []Member {
	byName := map[string]*Member{}
	for _, m := range r.machine.Members() {
		byName[m.Name] = &Member{Name: m.Name, Raft: m.Raft, Redis: m.Redis, Sentinel: m.Sentinel, Admin: m.Admin}
	}
	for _, s := range r.servers() {
		m := byName[string(s.ID)]
		if m == nil {
			m = &Member{Name: string(s.ID), Raft: string(s.Address)}
			byName[m.Name] = m
		}
		m.Voter = s.Suffrage == raft.Voter
	}
	leader, commit := r.route().Name, r.commitIndex()
	list := make([]Member, 0, len(byName))
	for _, m := range byName {
		m.Leader = m.Name == leader
		if m.Name == r.cfg.Name {
			m.Alive, m.LowDisk, m.RunID = true, r.space.Low(), r.RunID()
			m.Applied, _ = r.machine.Applied()
		} else {
			seen, ok := r.prober.Last(m.Name)
			m.LastContactSeconds, m.Cut = -1, r.prober.Cut(m.Name)
			if ok {
				since := time.Since(seen.At)
				m.Alive = since < probe.AliveFor
				m.LastContactSeconds = since.Seconds()
				m.Applied, m.LowDisk = seen.State.Applied, seen.State.Low
				m.RunID = view.RunID(m.Name, seen.State.Incarnation)
			}
		}
		m.LagEntries = commit - min(commit, m.Applied)
		list = append(list, *m)
	}
	slices.SortFunc(list, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// RunID returns this node's Member.RunID.
func (r *Replica) RunID() string { return view.RunID(r.cfg.Name, r.incarnation) }

// Leader returns the leader, as far as this node knows of one.
func (r *Replica) Leader() (Member, bool) {
	for _, m := range r.Members() {
		if m.Leader {
			return m, true
		}
	}
	return Member{}, false
}

// IsLeader reports whether this node believes that it leads.
func (r *Replica) IsLeader() bool { return r.route().Self }

func (r *Replica) voters() int {
	n := 0
	for _, s := range r.servers() {
		if s.Suffrage == raft.Voter {
			n++
		}
	}
	return n
}

func (r *Replica) commitIndex() uint64 {
	if node := r.raftNode(); node != nil {
		return node.CommitIndex()
	}
	return 0
}
