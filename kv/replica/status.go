package replica

import (
	"context"
	"time"

	"pingd/kv/replica/probe"
	"pingd/kv/replica/view"
)

// Status is a node's view of itself and its cluster.
type Status = view.Status

// Status returns how the node is.
func (r *Replica) Status() Status {
	s := Status{Name: r.cfg.Name, Cluster: r.former.Cluster(), State: "forming", LogStore: r.cfg.LogStore}
	node := r.raftNode()
	if node == nil {
		return s
	}
	st, to := r.state(), r.route()
	s.State = view.StateName(node.State().String())
	s.Term, s.LastIndex, s.Commit, s.Applied = st.Term, st.Last, st.Commit, st.Applied
	s.Leader, s.Ready = to.Name, to.Self || to.Addr != ""
	s.Members, s.Voters = r.Members(), r.voters()
	for _, m := range s.Members {
		s.Voter = s.Voter || m.Name == s.Name && m.Voter
	}
	if last := node.LastContact(); !to.Self && !last.IsZero() {
		s.LastHeard = time.Since(last).Seconds()
	}
	s.FsyncMean, s.FsyncMax = r.metrics.Syncs()
	s.Fsync, s.LeaderGap = r.metrics.SyncTimes(), r.metrics.Gap()
	s.LogBytes, _ = r.store.Logs.Grown()
	s.SnapIndex, s.SnapBytes, s.SnapshotID = r.lastSnapshot()
	s.DiskFree, s.DiskHangs = r.space.Free(), r.sick.Load()
	if why := r.refuses.Load(); why != nil && to.Self {
		s.Refuses = *why
	}
	return s
}

// state is how far this node is.
func (r *Replica) state() probe.State {
	node := r.raftNode()
	if node == nil {
		return probe.State{Incarnation: r.incarnation}
	}
	applied, of := r.machine.Applied()
	s := probe.State{
		Term: node.CurrentTerm(), Last: node.LastIndex(), Commit: node.CommitIndex(), Applied: applied,
		Low: r.space.Low(), Incarnation: r.incarnation, Leases: r.cfg.LeaseReads,
	}
	if to := r.route(); to.Self {
		// Before an entry of its term is applied, a leader's commit index may lag behind
		// what others acknowledged.
		s.Leads, s.Leader, s.Addr = of == s.Term, r.cfg.Name, r.cfg.Self.Raft
	} else {
		s.Leader, s.Addr = to.Name, to.Addr
	}
	return s
}

func (r *Replica) lastSnapshot() (index uint64, bytes int64, id string) {
	list, err := r.store.Snapshots.List()
	if err != nil || len(list) == 0 {
		return 0, 0, ""
	}
	return list[0].Index, list[0].Size, list[0].ID
}

// Changes yields the node's status now and after each change of leader, term,
// members or who of them is alive, until ctx ends; then it is closed. A slow
// reader gets the newest status only.
func (r *Replica) Changes(ctx context.Context) <-chan Status {
	out := make(chan Status)
	c := r.hub.Listen()
	go func() { // ends with ctx
		defer close(out)
		defer r.hub.Leave(c)
		s := r.Status()
		send := out
		var last string
		for {
			select {
			case send <- s:
				last, send = s.Fingerprint(), nil
			case <-c:
				s = r.Status()
				if send = nil; s.Fingerprint() != last {
					send = out
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// WaitReplicas waits until n other nodes have applied everything committed so
// far, or until ctx ends, and returns how many have (Redis command WAIT). What
// Do acknowledged is on the disks of a majority by itself, which is counted.
func (r *Replica) WaitReplicas(ctx context.Context, n int) int {
	have := max(0, r.voters()/2)
	if n <= have {
		return have
	}
	// Not this node's own commit index: what the leader acknowledged to a client of this
	// node a moment ago is beyond it.
	target, err := r.leaderIndex(ctx)
	for err != nil {
		if waitFor(ctx, again); ctx.Err() != nil {
			return have
		}
		target, err = r.leaderIndex(ctx)
	}
	for {
		count := 0
		for _, s := range r.servers() {
			if seen, ok := r.prober.Last(string(s.ID)); ok && seen.State.Applied >= target {
				count++
			}
		}
		if have = max(have, count); have >= n || ctx.Err() != nil {
			return have
		}
		waitFor(ctx, 5*time.Millisecond)
	}
}

// logLeader tells of each new leader, and how long there was none: since the old one
// was heard of last, as that is when its clients began to wait.
func (r *Replica) logLeader(ctx context.Context) {
	last := ""
	var lost time.Time
	for s := range r.Changes(ctx) {
		if s.Leader == last {
			continue
		}
		if last = s.Leader; last == "" {
			lost = time.Now().Add(-time.Duration(s.LastHeard * float64(time.Second)))
			r.log.Warn("no leader", "term", s.Term)
			continue
		}
		gap := time.Duration(0)
		if !lost.IsZero() {
			gap, lost = time.Since(lost), time.Time{}
		}
		r.metrics.NewLeader(gap)
		r.log.Info("leader", "leader", s.Leader, "term", s.Term, "self", s.Leader == s.Name)
	}
}
