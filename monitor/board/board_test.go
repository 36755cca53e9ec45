package board

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/monitor/alert"
	"pingd/monitor/cluster"
	"pingd/monitor/history"
	"pingd/monitor/host"
	"pingd/monitor/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func made(t *testing.T) *Board {
	t.Helper()
	h, err := history.Open(history.Config{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	return New("h1", "v1", h, func() any { return "report" })
}

func store(name string, alive bool) cluster.Store {
	return cluster.Store{Name: name, Alive: alive, Voter: true, State: "follower"}
}

func TestSetCluster(t *testing.T) {
	b := made(t)
	if got := b.Cluster(); !got.Time.IsZero() {
		t.Errorf("before anything was heard: %+v", got)
	}
	first := cluster.State{Leader: "a", Stores: []cluster.Store{store("b", true), store("a", true)}}
	b.SetCluster(first, noon)
	if first.Stores[0].Name != "b" {
		t.Error("it sorted what is the caller's")
	}
	if got := b.Cluster(); got.Stores[0].Name != "a" || !got.Time.Equal(noon) {
		t.Errorf("completed: %+v", got)
	}
	events := b.SetCluster(cluster.State{Leader: "b", Term: 2, Stores: []cluster.Store{store("b", true)}}, noon.Add(time.Second))
	if len(events) == 0 {
		t.Error("another leads and a store is gone, and nothing happened")
	}
	for i, e := range events {
		if e.ID == 0 || i > 0 && e.ID <= events[i-1].ID {
			t.Errorf("numbers of events: %+v", events)
		}
	}
	if all := b.Events.Newest(100); !slices.ContainsFunc(all, func(e cluster.Event) bool { return e.ID == events[len(events)-1].ID }) {
		t.Errorf("kept are %+v", all)
	}
	before, now := b.Both()
	if before.Leader != "a" || now.Leader != "b" || len(now.Stores) != 2 || now.Stores[0].Alive {
		t.Errorf("before %+v, now %+v: what vanished stays, as dead", before, now)
	}
	if again := b.SetCluster(now, noon.Add(2*time.Second)); again != nil {
		t.Errorf("nothing changed, and %+v", again)
	}
}

// TestLoseCluster holds that a failed question says nothing of the cluster itself.
func TestLoseCluster(t *testing.T) {
	b := made(t)
	b.Clustered = true
	b.SetCluster(cluster.State{Leader: "a", Quorum: 1, Stores: []cluster.Store{store("a", true)}}, noon)
	b.LoseCluster(errors.New("no route"))
	got := b.Cluster()
	if got.Error != "no route" || got.Leader != "a" || !got.Stores[0].Alive || !got.Time.Equal(noon) {
		t.Errorf("%+v", got)
	}
	b.SetCluster(cluster.State{Leader: "a", Quorum: 1, Stores: []cluster.Store{store("a", true)}}, noon.Add(time.Second))
	if got := b.Cluster(); got.Error != "" {
		t.Errorf("heard again, and still %q", got.Error)
	}
}

func TestSetSlow(t *testing.T) {
	b := made(t)
	for i, test := range []struct {
		warnings []string
		changed  bool
	}{
		{nil, false}, {[]string{}, false}, {[]string{"a"}, true}, {[]string{"a"}, false}, {[]string{"a", "b"}, true}, {[]string{"b", "a"}, true}, {nil, true},
	} {
		if got := b.SetSlow(Slow{Warnings: test.warnings, Count: i}); got != test.changed {
			t.Errorf("%d: %q changed %v", i, test.warnings, got)
		}
		if b.Slow().Count != i {
			t.Errorf("%d: kept %+v", i, b.Slow())
		}
	}
}

func TestDetails(t *testing.T) {
	b := made(t)
	b.Actions = Actions{Drain: true}
	b.SetSlow(Slow{Count: 7})
	b.SetMachine(Machine{Inventory: host.Inventory{Cores: 3}})
	d := b.Details()
	if d.Name != "h1" || d.Version != "v1" || d.Count != 7 || d.Inventory.Cores != 3 || d.Monitor != "report" || !d.Actions.Drain {
		t.Errorf("%+v", d)
	}
	if none := New("x", "y", b.History, nil).Details(); none.Monitor != nil {
		t.Errorf("without an account: %v", none.Monitor)
	}
	// The account is asked for without the lock: it may ask the board itself.
	var own *Board
	own = New("x", "y", b.History, func() any { own.SetSlow(Slow{Count: 1}); return own.Slow().Count })
	if got := own.Details(); got.Monitor != 1 {
		t.Errorf("%+v", got)
	}
}

func TestSilences(t *testing.T) {
	b := made(t)
	if got := b.Silences(noon); got == nil || len(got) != 0 {
		t.Errorf("none: %v, which JSON would show as null", got)
	}
	b.SetSilences([]alert.Silence{
		{Rule: "past", Until: noon.Add(-time.Second)},
		{Rule: "ends", Until: noon},
		{Rule: "holds", Until: noon.Add(time.Nanosecond)},
	})
	if got := b.Silences(noon); len(got) != 1 || got[0].Rule != "holds" {
		t.Errorf("%+v", got)
	}
}

// TestAlerts holds in which order alerts come, whose they are, and that what each
// monitor sees of the cluster is told once.
func TestAlerts(t *testing.T) {
	b := made(t)
	own := []alert.Alert{
		{Rule: "disk", Subject: "/", Severity: alert.Warn, Since: 10},
		{Rule: "cpu", Severity: alert.Crit, Since: 20},
		{Rule: "leader", Severity: alert.Crit, Since: 30, Cluster: true},
	}
	b.SetAlerts(own)
	b.SetSilences([]alert.Silence{{Rule: "cpu", Node: "h1", Until: noon.Add(time.Hour)}})
	theirs := func(node, rule string, of bool) cluster.Alert {
		return cluster.Alert{Node: node, Alert: alert.Alert{Rule: rule, Severity: alert.Crit, Since: 20, Cluster: of}}
	}
	b.SetCluster(cluster.State{Alerts: []cluster.Alert{theirs("h2", "leader", true), theirs("h2", "cpu", false), theirs("h1", "cpu", false)}}, noon)
	var got []string
	for _, a := range b.Alerts(noon) {
		got = append(got, a.Node+" "+a.Rule)
		if a.Silenced != (a.Node == "h1" && a.Rule == "cpu") {
			t.Errorf("%s of %s: silenced %v", a.Rule, a.Node, a.Silenced)
		}
		if a.Node == "h1" && a.Text == "" {
			t.Errorf("%s says nothing", a.Rule)
		}
	}
	if want := []string{"h1 leader", "h1 cpu", "h2 cpu", "h1 disk"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q: the worst and newest first", got, want)
	}
	if own[0].Rule != "disk" {
		t.Error("it sorted what is the caller's")
	}
	if list := b.OwnAlerts(noon.Add(2 * time.Hour)); list[1].Silenced {
		t.Error("still silenced after its end")
	}
}

func TestVerdict(t *testing.T) {
	good := cluster.State{Leader: "a", Quorum: 1, Stores: []cluster.Store{{Name: "a", Alive: true, Voter: true, State: "leader"}}}
	bad := cluster.State{Quorum: 1, Stores: []cluster.Store{store("a", true)}}
	crit, warn := []alert.Alert{{Rule: "disk", Severity: alert.Crit}}, []alert.Alert{{Rule: "disk", Severity: alert.Warn}}
	for _, test := range []struct {
		name      string
		clustered bool
		state     *cluster.State
		alerts    []alert.Alert
		silenced  bool
		want      cluster.Word
	}{
		{"a host alone", false, nil, nil, false, cluster.OK},
		{"a host alone, of a cluster that is down", false, &bad, nil, false, cluster.OK},
		{"a warning", false, nil, warn, false, cluster.OK},
		{"an alert", false, nil, crit, false, cluster.Degraded},
		{"an alert, silenced", false, nil, crit, true, cluster.OK},
		{"not heard of it yet", true, nil, crit, false, cluster.Unknown},
		{"a good cluster", true, &good, nil, false, cluster.OK},
		{"a good cluster, an alert", true, &good, crit, false, cluster.Degraded},
		{"a cluster that is down, an alert", true, &bad, crit, false, cluster.Down},
	} {
		b := made(t)
		b.Clustered = test.clustered
		if test.state != nil {
			b.SetCluster(*test.state, noon)
		}
		b.SetAlerts(test.alerts)
		if test.silenced {
			b.SetSilences([]alert.Silence{{Rule: "*", Until: noon.Add(time.Hour)}})
		}
		if got := b.Verdict(noon); got.Word != test.want || got.Why == "" {
			t.Errorf("%s: %+v, want %s", test.name, got, test.want)
		}
	}
}

func TestHost(t *testing.T) {
	b := made(t)
	if h := b.Host(); h.Name != "h1" || !h.Alive || h.CPU != 0 || h.Space != 0 {
		t.Errorf("before the first second: %+v", h)
	}
	var rec record.Recorder
	rec.Begin(b.History.Ring, noon.Unix())
	for name, v := range map[string]float64{"cpu.busy": 25, "mem.used": 1 << 30, "psi.io": 50, "tcp.retrans": 1, "net.rx": 7} {
		rec.Put(v, name)
	}
	rec.End()
	b.SetMachine(Machine{Inventory: host.Inventory{Cores: 4}, Spaces: []host.Space{
		{Mount: "/boot/efi", Size: 100, Free: 1, Avail: 1}, // full, as it should be
		{Mount: "/", Size: 100, Free: 60, Avail: 60},
		{Mount: "/data", Size: 100, Free: 30, Avail: 30},
	}})
	h := b.Host()
	if !h.Time.Equal(noon) || h.Cores != 4 || h.CPU != 0.25 || h.Memory != 1<<30 || h.PSIIO != 0.5 || h.Retrans != 0.01 || h.Rx != 7 || h.Space != 0.7 {
		t.Errorf("%+v", h)
	}
}

// TestAtOnce has many write and read at once, for the race detector, and holds that what
// is read is of one moment.
func TestAtOnce(t *testing.T) {
	b := made(t)
	b.Clustered = true
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 50 {
				now := noon.Add(time.Duration(n) * time.Second)
				b.SetCluster(cluster.State{Leader: "a", Term: uint64(n), Quorum: n, Stores: []cluster.Store{store("a", n%2 == 0)}}, now)
				b.SetSlow(Slow{Count: i})
				b.SetAlerts([]alert.Alert{{Rule: "r", Severity: alert.Crit}})
				b.SetSilences([]alert.Silence{{Rule: "r", Until: now}})
				b.LoseCluster(errors.New("x"))
				if c := b.Cluster(); int(c.Term) != c.Quorum {
					t.Errorf("term %d, quorum %d: of two moments", c.Term, c.Quorum)
				}
				_ = b.Verdict(now)
				_ = b.Details()
				_ = b.Host()
			}
		})
	}
	wg.Wait()
}
