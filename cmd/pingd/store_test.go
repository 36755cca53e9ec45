package main

import (
	"testing"

	"pingd/kv/replica"
)

func TestSentinelViewNamesNoNodeWithoutAddress(t *testing.T) {
	st := replica.Status{Name: "s1", Term: 3, Leader: "s2", Voters: 3, Members: []replica.Member{
		{Name: "s1", Redis: "host1:6379", Sentinel: "host1:26379", Voter: true, Alive: true, Applied: 7, LastContactSeconds: -1},
		{Name: "s2", Voter: true, Alive: true},
	}}
	v := sentinelView(st)
	if v.Leader != "" || len(v.Nodes) != 1 || v.Quorum != 2 || v.Term != 3 {
		t.Errorf("before the leader announced itself: %+v", v)
	}
	if n := v.Nodes[0]; n.Host != "host1" || n.RedisPort != 6379 || n.SentinelPort != 26379 || n.LastContact != 0 {
		t.Errorf("node %+v", n)
	}
	st.Members[1].Redis = "[::1]:7002"
	v = sentinelView(st)
	if v.Leader != "s2" || len(v.Nodes) != 2 || v.Nodes[1].Host != "::1" || v.Nodes[1].RedisPort != 7002 {
		t.Errorf("after it did: %+v", v)
	}
}
