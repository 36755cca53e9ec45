package replica

import (
	"context"
	"sync"
	"time"
)

// Status is a node's view of itself and its cluster.
type Status struct {
	Name       string   `json:"name"`
	Cluster    string   `json:"cluster,omitempty"`
	State      string   `json:"state"` // leader, follower, candidate, forming, shutdown
	Term       uint64   `json:"term"`
	Leader     string   `json:"leader,omitempty"` // name
	LastIndex  uint64   `json:"last_index"`
	Commit     uint64   `json:"commit_index"`
	Applied    uint64   `json:"applied_index"`
	Voters     int      `json:"voters"`
	Voter      bool     `json:"voter"`
	LogStore   string   `json:"log_store"`
	Members    []Member `json:"members"`
	Ready      bool     `json:"ready"` // knows a leader
	LastHeard  float64  `json:"last_contact_seconds"`
	FsyncMean  float64  `json:"fsync_seconds_mean"` // of all since the start
	FsyncMax   float64  `json:"fsync_seconds_max"`
	LogBytes   int64    `json:"log_bytes_since_snapshot"`
	SnapIndex  uint64   `json:"snapshot_index"`
	SnapBytes  int64    `json:"snapshot_bytes"`
	SnapshotID string   `json:"snapshot_id,omitempty"`
}

// Status returns how the node is.
func (r *Replica) Status() Status {
	s := Status{Name: r.cfg.Name, Cluster: r.former.Cluster(), State: "forming", LogStore: r.cfg.LogStore}
	node := r.raftNode()
	if node == nil {
		return s
	}
	st, to := r.state(), r.route()
	s.State = stateName(node.State())
	s.Term, s.LastIndex, s.Commit, s.Applied = st.term, st.last, st.commit, st.applied
	s.Leader, s.Ready = to.Name, to.Self || to.Addr != ""
	s.Members, s.Voters = r.Members(), r.voters()
	for _, m := range s.Members {
		s.Voter = s.Voter || m.Name == s.Name && m.Voter
	}
	if last := node.LastContact(); !to.Self && !last.IsZero() {
		s.LastHeard = time.Since(last).Seconds()
	}
	s.FsyncMean, s.FsyncMax = r.metrics.fsyncs()
	s.LogBytes, _ = r.store.Logs.Grown()
	s.SnapIndex, s.SnapBytes, s.SnapshotID = r.lastSnapshot()
	return s
}

func (r *Replica) lastSnapshot() (index uint64, bytes int64, id string) {
	list, err := r.store.Snapshots.List()
	if err != nil || len(list) == 0 {
		return 0, 0, ""
	}
	return list[0].Index, list[0].Size, list[0].ID
}

// hub tells listeners of changes, conflated: who is slow misses the ones before
// the last.
type hub struct {
	mu        sync.Mutex
	listeners map[chan struct{}]struct{}
}

func (h *hub) notify() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.listeners {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (h *hub) listen() chan struct{} {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners == nil {
		h.listeners = map[chan struct{}]struct{}{}
	}
	h.listeners[c] = struct{}{}
	return c
}

func (h *hub) leave(c chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, c)
}

// Changes yields the node's status now and after each change of leader, term,
// members or who of them is alive, until ctx ends; then it is closed. A slow
// reader gets the newest status only.
func (r *Replica) Changes(ctx context.Context) <-chan Status {
	out := make(chan Status)
	c := r.hub.listen()
	go func() { // ends with ctx
		defer close(out)
		defer r.hub.leave(c)
		s := r.Status()
		send := out
		var last string
		for {
			select {
			case send <- s:
				last, send = fingerprint(s), nil
			case <-c:
				s = r.Status()
				if send = nil; fingerprint(s) != last {
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
	target := r.commitIndex()
	for {
		count := 0
		for _, s := range r.servers() {
			if seen, ok := r.prober.last(string(s.ID)); ok && seen.state.applied >= target {
				count++
			}
		}
		if have = max(have, count); have >= n || ctx.Err() != nil {
			return have
		}
		waitFor(ctx, 5*time.Millisecond)
	}
}
