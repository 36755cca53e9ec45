package cluster

import (
	"strings"
	"testing"
)

func TestVerdict(t *testing.T) {
	for _, tc := range []struct {
		change func(*State)
		word   Word
		part   string
	}{
		{func(*State) {}, "OK", "leader s1, term 3, 3 of 3"},
		{func(s *State) { *s = State{} }, "UNKNOWN", ""},
		{func(s *State) { s.Leader = "" }, "DOWN", "no leader"},
		{func(s *State) { s.Stores[0].Alive = false }, "DEGRADED", "store s1 dead"},
		{func(s *State) { s.Nodes[1].Alive = false }, "DEGRADED", "leader s1, term 3, node h2 dead"},
		{func(s *State) { s.Nodes, s.Stores = s.Nodes[:1], nil; s.Leader = "" }, "OK", "1 nodes"},
		{func(s *State) { s.Proxies[0].Alive = false }, "OK", "3 of 3 stores"},
		{func(s *State) {
			for i := range 7 {
				s.Nodes = append(s.Nodes, Node{Name: string(rune('t' + i))})
			}
		}, "DEGRADED", "node t, node u, node v, node w and 3 more dead"},
		{func(s *State) { s.Proxies[0].Backends[0].State = "DOWN" }, "DEGRADED", "1 of 2 backends"},
		{func(s *State) {
			for i := range s.Proxies[0].Backends {
				s.Proxies[0].Backends[i].State = "DOWN"
			}
		}, "DOWN", "no backend"},
	} {
		s := healthy(0)
		tc.change(&s)
		if v := Judge(s); v.Word != tc.word || !strings.Contains(v.Why, tc.part) {
			t.Errorf("verdict %s (%s), want %s (%s)", v.Word, v.Why, tc.word, tc.part)
		}
	}
}
