package replica

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the node's pingd_raft_* figures.
type metrics struct {
	r     *Replica
	fsync prometheus.Histogram

	leaderChanges atomic.Uint64
	count         atomic.Int64
	sum, max      atomic.Int64 // nanoseconds
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
	logDesc      = desc("log_bytes", "Log bytes since the last snapshot.")
	snapDesc     = desc("snapshot_size_bytes", "Size of the last snapshot.")
	snapAtDesc   = desc("snapshot_index", "Log index of the last snapshot.")
	raftStates   = []raft.RaftState{raft.Follower, raft.Candidate, raft.Leader, raft.Shutdown}
	describeThat = []*prometheus.Desc{
		stateDesc, leaderDesc, changesDesc, termDesc, commitDesc, appliedDesc, contactDesc,
		lagDesc, aliveDesc, votersDesc, logDesc, snapDesc, snapAtDesc,
	}
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("pingd_raft_"+name, help, labels, nil)
}

func newMetrics(r *Replica) (*metrics, error) {
	m := &metrics{r: r, fsync: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "pingd_raft_fsync_duration_seconds", Help: "Durable writes to the log, term and vote.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
	})}
	r.store.OnSync(func(d time.Duration) {
		m.fsync.Observe(d.Seconds())
		m.count.Add(1)
		m.sum.Add(int64(d))
		for old := m.max.Load(); int64(d) > old && !m.max.CompareAndSwap(old, int64(d)); old = m.max.Load() {
		}
	})
	if r.cfg.Metrics == nil {
		return m, nil
	}
	if err := r.cfg.Metrics.Register(m); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}

func (m *metrics) unregister() {
	if m.r.cfg.Metrics != nil {
		m.r.cfg.Metrics.Unregister(m)
	}
}

// fsyncs returns mean and maximum in seconds.
func (m *metrics) fsyncs() (mean, longest float64) {
	if n := m.count.Load(); n > 0 {
		mean = time.Duration(m.sum.Load() / n).Seconds()
	}
	return mean, time.Duration(m.max.Load()).Seconds()
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range describeThat {
		ch <- d
	}
	m.fsync.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	s := m.r.Status()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, st := range raftStates {
		gauge(stateDesc, truth(stateName(st) == s.State), stateName(st))
	}
	gauge(leaderDesc, truth(s.Ready))
	ch <- prometheus.MustNewConstMetric(changesDesc, prometheus.CounterValue, float64(m.leaderChanges.Load()))
	gauge(termDesc, float64(s.Term))
	gauge(commitDesc, float64(s.Commit))
	gauge(appliedDesc, float64(s.Applied))
	gauge(contactDesc, s.LastHeard)
	gauge(votersDesc, float64(s.Voters))
	gauge(logDesc, float64(s.LogBytes))
	gauge(snapDesc, float64(s.SnapBytes))
	gauge(snapAtDesc, float64(s.SnapIndex))
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

func stateName(s raft.RaftState) string { return strings.ToLower(s.String()) }

// fingerprint is equal for statuses that need not be told apart.
func fingerprint(s Status) string {
	var b strings.Builder
	b.WriteString(s.State + "|" + s.Leader + "|" + strconv.FormatUint(s.Term, 10))
	for _, m := range s.Members {
		fmt.Fprintf(&b, "|%s %s %s %s %s %t %t", m.Name, m.Raft, m.Redis, m.Sentinel, m.Admin, m.Voter, m.Alive)
	}
	return b.String()
}

// logLeader tells of each new leader.
func (r *Replica) logLeader(ctx context.Context) {
	last := ""
	for s := range r.Changes(ctx) {
		if s.Leader == last {
			continue
		}
		if last = s.Leader; last == "" {
			r.log.Warn("no leader", "term", s.Term)
			continue
		}
		r.metrics.leaderChanges.Add(1)
		r.log.Info("leader", "leader", s.Leader, "term", s.Term, "self", s.Leader == s.Name)
	}
}
