// Package gauge holds the pingd_raft_* metrics of a store node.
package gauge

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"

	"pingd/kv/replica/view"
)

// Metrics are a node's figures. They are safe for concurrent use.
type Metrics struct {
	registry prometheus.Registerer // nil: none
	status   func() view.Status
	fsync    prometheus.Histogram

	leaderChanges atomic.Uint64
	leaderGap     atomic.Int64 // nanoseconds
	buckets       [len(bounds) + 1]atomic.Uint64
	count         atomic.Int64
	sum, max      atomic.Int64 // nanoseconds
}

// bounds are the upper bounds of the durations that durable writes are counted by, in
// seconds.
var bounds = [...]float64{
	0.0001, 0.0002, 0.0004, 0.0008, 0.0016, 0.0032, 0.0064, 0.0128, 0.0256, 0.0512, 0.1024, 0.2048, 0.4096, 0.8192, 1.6384, 3.2768,
}

var (
	stateDesc    = desc("state", "1 for the state that Raft is in.", "state")
	leaderDesc   = desc("has_leader", "Whether this node knows a leader.")
	changesDesc  = desc("leader_changes_total", "Leaders seen since the start.")
	termDesc     = desc("term", "Raft's current term.")
	commitDesc   = desc("commit_index", "Last log index known to be committed.")
	appliedDesc  = desc("applied_index", "Last log index applied to the store.")
	contactDesc  = desc("last_contact_seconds", "Time since a follower heard from its leader.")
	lagDesc      = desc("peer_lag_entries", "Entries that a peer has not applied.", "peer")
	aliveDesc    = desc("peer_alive", "Whether a peer answers.", "peer")
	votersDesc   = desc("voters", "Members that vote.")
	gapDesc      = desc("leader_gap_seconds", "How long the change to the present leader left this node without one.")
	logDesc      = desc("log_bytes", "Log bytes since the last snapshot.")
	snapDesc     = desc("snapshot_size_bytes", "Size of the last snapshot.")
	freeDesc     = desc("disk_free_bytes", "Free space on the disk of the data; -1 if unknown.")
	refusesDesc  = desc("refuses_writes", "Whether this node, as leader, takes no writes for lack of space.")
	hangsDesc    = desc("disk_hangs", "Whether a write to the log does not return.")
	snapAtDesc   = desc("snapshot_index", "Log index of the last snapshot.")
	raftStates   = []raft.RaftState{raft.Follower, raft.Candidate, raft.Leader, raft.Shutdown}
	describeThat = []*prometheus.Desc{
		stateDesc, leaderDesc, changesDesc, termDesc, commitDesc, appliedDesc, contactDesc,
		lagDesc, aliveDesc, votersDesc, gapDesc, logDesc, snapDesc, snapAtDesc, freeDesc, refusesDesc, hangsDesc,
	}
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("pingd_raft_"+name, help, labels, nil)
}

// New returns a node's figures, which come from status, and registers them.
func New(registry prometheus.Registerer, status func() view.Status) (*Metrics, error) {
	m := &Metrics{registry: registry, status: status, fsync: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "pingd_raft_fsync_duration_seconds", Help: "Durable writes to the log, term and vote.",
		Buckets: bounds[:],
	})}
	if registry == nil {
		return m, nil
	}
	if err := registry.Register(m); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}

// Synced notes how long a durable write took.
func (m *Metrics) Synced(d time.Duration) {
	m.fsync.Observe(d.Seconds())
	i, _ := slices.BinarySearch(bounds[:], d.Seconds())
	m.buckets[i].Add(1)
	m.count.Add(1)
	m.sum.Add(int64(d))
	for old := m.max.Load(); int64(d) > old && !m.max.CompareAndSwap(old, int64(d)); old = m.max.Load() {
	}
}

// NewLeader notes that there is another leader, and how long there was none; 0 =
// nobody noticed.
func (m *Metrics) NewLeader(gap time.Duration) {
	m.leaderChanges.Add(1)
	m.leaderGap.Store(int64(gap))
}

// Gap is how long the change to the present leader took, in seconds.
func (m *Metrics) Gap() float64 { return time.Duration(m.leaderGap.Load()).Seconds() }

// SyncTimes tells how long durable writes took: how many, since the start, up to each
// of the bounds and above the one before, and in the end above all.
func (m *Metrics) SyncTimes() view.Times {
	t := view.Times{Bounds: bounds[:], Counts: make([]uint64, len(m.buckets))}
	for i := range m.buckets {
		t.Counts[i] = m.buckets[i].Load()
	}
	return t
}

// Unregister takes the figures back.
func (m *Metrics) Unregister() {
	if m.registry != nil {
		m.registry.Unregister(m)
	}
}

// Syncs returns mean and maximum of durable writes in seconds.
func (m *Metrics) Syncs() (mean, longest float64) {
	if n := m.count.Load(); n > 0 {
		mean = time.Duration(m.sum.Load() / n).Seconds()
	}
	return mean, time.Duration(m.max.Load()).Seconds()
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range describeThat {
		ch <- d
	}
	m.fsync.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	s := m.status()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, st := range raftStates {
		name := view.StateName(st.String())
		gauge(stateDesc, truth(name == s.State), name)
	}
	gauge(leaderDesc, truth(s.Ready))
	ch <- prometheus.MustNewConstMetric(changesDesc, prometheus.CounterValue, float64(m.leaderChanges.Load()))
	gauge(termDesc, float64(s.Term))
	gauge(commitDesc, float64(s.Commit))
	gauge(appliedDesc, float64(s.Applied))
	gauge(contactDesc, s.LastHeard)
	gauge(votersDesc, float64(s.Voters))
	gauge(gapDesc, m.Gap())
	gauge(logDesc, float64(s.LogBytes))
	gauge(snapDesc, float64(s.SnapBytes))
	gauge(snapAtDesc, float64(s.SnapIndex))
	gauge(freeDesc, float64(s.DiskFree))
	gauge(refusesDesc, truth(s.Refuses != ""))
	gauge(hangsDesc, truth(s.DiskHangs))
	for _, p := range s.Members {
		if p.Name != s.Name {
			gauge(lagDesc, float64(p.LagEntries), p.Name)
			gauge(aliveDesc, truth(p.Alive), p.Name)
		}
	}
	m.fsync.Collect(ch)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
