package monitor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// healthy is a cluster of three nodes in which all is well, at second i.
func healthy(i int) ClusterState {
	s := ClusterState{Time: t0.Add(time.Duration(i) * time.Second), Leader: "s1", Term: 3}
	for _, n := range []string{"1", "2", "3"} {
		s.Nodes = append(s.Nodes, Node{Name: "h" + n, Alive: true})
		s.Counters = append(s.Counters, Counter{Name: "c" + n, Alive: true})
		s.Stores = append(s.Stores, Store{Name: "s" + n, Alive: true, Voter: true, Term: 3, Commit: 100, Applied: 100})
	}
	s.Proxies = []Proxy{{Name: "p1", Alive: true, Backends: []Backend{{Name: "c1", State: "UP"}, {Name: "c2", State: "UP"}}}}
	return s
}

func TestEvents(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(old, next *ClusterState)
		want   []string // severity kind text
	}{
		{"nothing", func(_, _ *ClusterState) {}, nil},
		{"first state", func(o, _ *ClusterState) { *o = ClusterState{} }, nil},
		{"leader moves", func(_, n *ClusterState) { n.Leader, n.Term = "s2", 4 }, []string{"warn leader leader s1 → s2, term 4"}},
		{"leader lost", func(_, n *ClusterState) { n.Leader = "" }, []string{"bad leader no leader: s1 led in term 3"}},
		{
			"leader found", func(o, n *ClusterState) { o.Leader, o.LeaderLost = "", t0.Add(-500*time.Millisecond) },
			[]string{"good leader s1 leads, term 3, after 1.5 s without a leader"},
		},
		{"store dies", func(_, n *ClusterState) { n.Stores[2].Alive = false }, []string{"bad store store s3 is down"}},
		{"store returns", func(o, _ *ClusterState) { o.Stores[2].Alive = false }, []string{"good store store s3 is back"}},
		{"store joins", func(o, _ *ClusterState) { o.Stores = o.Stores[:2] }, []string{"info store store s3 appeared"}},
		{"learner votes", func(o, _ *ClusterState) { o.Stores[0].Voter = false }, []string{"good member s1 votes now"}},
		{"node dies with its roles", func(o, n *ClusterState) {
			o.Stores[1].Name, n.Stores[1].Name = "h2", "h2"
			n.Nodes[1].Alive, n.Stores[1].Alive = false, false
		}, []string{"bad node node h2 is down"}},
		{"backend falls", func(_, n *ClusterState) {
			n.Proxies[0].Backends = []Backend{{Name: "c1", State: "DOWN", Check: "L4CON"}, {Name: "c2", State: "UP"}}
		}, []string{"bad backend backend c1 is DOWN (L4CON), says p1"}},
		{"backend added and removed", func(_, n *ClusterState) {
			n.Proxies[0].Backends = []Backend{{Name: "c2", State: "UP"}, {Name: "c9", Addr: "a:1", State: "CHECKING"}}
		}, []string{"info backend backend c9 (a:1) added, CHECKING", "info backend backend c1 removed"}},
		{"two proxies tell once", func(o, n *ClusterState) {
			o.Proxies = append(o.Proxies, Proxy{Name: "p2", Alive: true, Backends: []Backend{{Name: "c1", State: "UP"}}})
			n.Proxies = []Proxy{
				{Name: "p1", Alive: true, Backends: []Backend{{Name: "c1", State: "DRAIN"}, {Name: "c2", State: "UP"}}},
				{Name: "p2", Alive: true, Backends: []Backend{{Name: "c1", State: "DRAIN"}}},
			}
		}, []string{"info backend backend c1 UP → DRAIN"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			old, next := healthy(0), healthy(1)
			tc.change(&old, &next)
			var got []string
			for _, e := range Events(old, next) {
				got = append(got, fmt.Sprintf("%s %s %s", e.Severity, e.Kind, e.Text))
				if !e.Time.Equal(next.Time) {
					t.Errorf("event at %v", e.Time)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("events\n got %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestRemember(t *testing.T) {
	old := remember(ClusterState{}, healthy(0), t0)
	next := healthy(1)
	next.Stores = slices.Delete(next.Stores, 1, 2)
	next.Stores[1].Applied, next.Leader = 90, ""
	got := remember(old, next, t0.Add(time.Second))
	if len(got.Stores) != 3 || got.Stores[1].Name != "s2" || got.Stores[1].Alive || !got.Stores[1].LastSeen.Equal(t0) {
		t.Errorf("a vanished store stays as dead: %+v", got.Stores)
	}
	if got.Stores[2].Lag != 10 {
		t.Errorf("lag %d, want 10", got.Stores[2].Lag)
	}
	if !got.LeaderLost.Equal(next.Time) {
		t.Errorf("leader lost at %v", got.LeaderLost)
	}
	if later := remember(got, next, t0.Add(2*time.Second)); !later.LeaderLost.Equal(next.Time) {
		t.Errorf("leader lost again at %v", later.LeaderLost)
	}
	if !old.Stores[1].Alive {
		t.Error("the old state was changed")
	}
	gone := remember(got, next, t0.Add(25*time.Hour))
	if len(gone.Stores) != 2 {
		t.Errorf("a store dead for a day is forgotten: %+v", gone.Stores)
	}
}

func TestEventLogIsBounded(t *testing.T) {
	var l eventLog
	for range maxEvents + 10 {
		l.add([]Event{{Kind: "x"}})
	}
	all := l.since(0)
	if len(all) != maxEvents || all[0].ID != 11 {
		t.Errorf("%d events from %d", len(all), all[0].ID)
	}
	if last := l.since(maxEvents + 8); len(last) != 2 {
		t.Errorf("%d events since the last but two", len(last))
	}
}

func TestVerdict(t *testing.T) {
	for _, tc := range []struct {
		change     func(*ClusterState)
		word, part string
	}{
		{func(*ClusterState) {}, "OK", "leader s1, term 3, 3 of 3"},
		{func(s *ClusterState) { *s = ClusterState{} }, "UNKNOWN", ""},
		{func(s *ClusterState) { s.Leader = "" }, "DOWN", "no leader"},
		{func(s *ClusterState) { s.Stores[0].Alive = false }, "DEGRADED", "store s1 dead"},
		{func(s *ClusterState) { s.Proxies[0].Backends[0].State = "DOWN" }, "DEGRADED", "1 of 2 backends"},
		{func(s *ClusterState) {
			for i := range s.Proxies[0].Backends {
				s.Proxies[0].Backends[i].State = "DOWN"
			}
		}, "DOWN", "no backend"},
	} {
		s := healthy(0)
		tc.change(&s)
		if word, why := Verdict(s); word != tc.word || !strings.Contains(why, tc.part) {
			t.Errorf("verdict %s (%s), want %s (%s)", word, why, tc.word, tc.part)
		}
	}
}
