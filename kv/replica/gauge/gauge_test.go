package gauge

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"pingd/kv/replica/view"
)

func TestSyncTimes(t *testing.T) {
	m, err := New(nil, func() view.Status { return view.Status{} })
	if err != nil {
		t.Fatal(err)
	}
	if mean, longest := m.Syncs(); mean != 0 || longest != 0 {
		t.Errorf("before the first: %v, %v", mean, longest)
	}
	for _, d := range []time.Duration{50 * time.Microsecond, 100 * time.Microsecond, 3 * time.Millisecond, time.Minute} {
		m.Synced(d)
	}
	got := m.SyncTimes()
	if len(got.Counts) != len(got.Bounds)+1 {
		t.Fatalf("%d counts of %d bounds", len(got.Counts), len(got.Bounds))
	}
	if got.Counts[0] != 2 || got.Counts[5] != 1 || got.Counts[len(got.Bounds)] != 1 {
		t.Errorf("counts %v: a bound is part of its bucket", got.Counts)
	}
	if _, longest := m.Syncs(); longest != 60 {
		t.Errorf("longest %v", longest)
	}
}

func TestLeaders(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m, err := New(registry, func() view.Status {
		return view.Status{Name: "a", State: "leader", Ready: true, Members: []view.Member{{Name: "a"}, {Name: "b", Alive: true, LagEntries: 7}}}
	})
	if err != nil {
		t.Fatal(err)
	}
	m.NewLeader(0)
	m.NewLeader(300 * time.Millisecond)
	if m.Gap() != 0.3 {
		t.Errorf("gap %v", m.Gap())
	}
	if n, err := testutil.GatherAndCount(registry, "pingd_raft_peer_lag_entries", "pingd_raft_leader_gap_seconds", "pingd_raft_fsync_duration_seconds"); err != nil || n != 3 {
		t.Errorf("%d metrics, %v", n, err)
	}
	if _, err := New(registry, nil); err == nil {
		t.Error("registered twice")
	}
	m.Unregister()
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}
