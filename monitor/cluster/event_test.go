package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// healthy is a cluster of three nodes in which all is well, at second i.
func healthy(i int) State {
	s := State{Time: t0.Add(time.Duration(i) * time.Second), Leader: "s1", Term: 3}
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
		change func(old, next *State)
		want   []string // severity kind text
	}{
		{"nothing", func(_, _ *State) {}, nil},
		{"first state", func(o, _ *State) { *o = State{} }, nil},
		{"leader moves", func(_, n *State) { n.Leader, n.Term = "s2", 4 }, []string{"warn leader leader s1 → s2, term 4"}},
		{"leader lost", func(_, n *State) { n.Leader = "" }, []string{"bad leader no leader: s1 led in term 3"}},
		{
			"leader found", func(o, n *State) { o.Leader, o.LeaderLost = "", t0.Add(-500*time.Millisecond) },
			[]string{"good leader s1 leads, term 3, after 1.5 s without a leader"},
		},
		{"store dies", func(_, n *State) { n.Stores[2].Alive = false }, []string{"bad store store s3 is down"}},
		{"store returns", func(o, _ *State) { o.Stores[2].Alive = false }, []string{"good store store s3 is back"}},
		{"store joins", func(o, _ *State) { o.Stores = o.Stores[:2] }, []string{"info store store s3 appeared"}},
		{"node stopped", func(_, n *State) {
			n.Nodes[1].Alive, n.Nodes[1].Left = false, t0
		}, []string{"info node node h2 was stopped"}},
		{"node started anew", func(o, n *State) {
			o.Nodes[0].Started, n.Nodes[0].Started = t0.Add(-time.Hour), t0
		}, []string{"warn node node h1 was started anew"}},
		{"node started anew with another version", func(o, n *State) {
			o.Nodes[0].Started, n.Nodes[0].Started = t0.Add(-time.Hour), t0
			o.Nodes[0].Version, n.Nodes[0].Version = "1", "2"
		}, []string{"warn node node h1 was started anew, version 1 → 2"}},
		{"store removed", func(_, n *State) {
			n.Members = []string{"s1", "s3"}
			n.Stores = slices.Delete(n.Stores, 1, 2)
		}, []string{"warn member store s2 is no longer a member"}},
		{"leader moves with a gap", func(_, n *State) {
			n.Leader, n.Term = "s2", 4
			n.Stores[0].Term, n.Stores[0].Gap = 4, 0.42
			n.Stores[1].Gap = 9 // of an older term
		}, []string{"warn leader leader s1 → s2, term 4, 0.42 s without one"}},
		{"same leader, new term", func(_, n *State) { n.Term = 5 }, []string{"info leader s1 was elected again, term 5"}},
		{"same leader, after a while without one", func(_, n *State) { n.Term, n.Stores[0].Term, n.Stores[0].Gap = 5, 5, 0.43 }, []string{"warn leader s1 was elected again, term 5, 0.43 s without one"}},
		{"backend reconfigured", func(o, n *State) {
			o.Proxies[0].Backends[0].Weight, o.Proxies[0].Backends[0].Addr = 1, "a:1"
			n.Proxies[0].Backends[0].Weight, n.Proxies[0].Backends[0].Addr = 3, "a:2"
		}, []string{"info config backend c1: address a:1 → a:2", "info config backend c1: weight 1 → 3"}},
		{"learner votes", func(o, _ *State) { o.Stores[0].Voter = false }, []string{"good member s1 votes now"}},
		{"node dies with its roles", func(o, n *State) {
			o.Stores[1].Name, n.Stores[1].Name = "h2", "h2"
			n.Nodes[1].Alive, n.Stores[1].Alive = false, false
		}, []string{"bad node node h2 is down"}},
		{"role found dead after its process", func(o, n *State) {
			o.Stores[1].Name, n.Stores[1].Name = "h2", "h2"
			o.Nodes[1].Alive, n.Nodes[1].Alive, n.Stores[1].Alive = false, false, false
		}, nil},
		{"backend falls", func(_, n *State) {
			n.Proxies[0].Backends = []Backend{{Name: "c1", State: "DOWN", Check: "L4CON"}, {Name: "c2", State: "UP"}}
		}, []string{"bad backend backend c1 is DOWN (L4CON), says p1"}},
		{"backend that another proxy has already, and still has", func(o, n *State) {
			more := Proxy{Name: "p2", Alive: true, Backends: []Backend{{Name: "c1", State: "UP"}, {Name: "c9", State: "UP"}}}
			o.Proxies, n.Proxies = append(o.Proxies, more), append(n.Proxies, more)
			n.Proxies[0].Backends = []Backend{{Name: "c2", State: "UP"}, {Name: "c9", State: "UP"}}
		}, nil},
		{"backend added and removed", func(_, n *State) {
			n.Proxies[0].Backends = []Backend{{Name: "c2", State: "UP"}, {Name: "c9", Addr: "a:1", State: "CHECKING"}}
		}, []string{"info backend backend c9 (a:1) added, CHECKING", "info backend backend c1 removed"}},
		{"two proxies tell once", func(o, n *State) {
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
