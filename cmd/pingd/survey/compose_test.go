package survey

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pingd/counter"
	"pingd/kv"
	"pingd/kv/replica"
	"pingd/monitor/cluster"
	"pingd/proxy"
)

var composed = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func storeAccount(st replica.Status) *Account {
	a := new(Account)
	a.Roles.Store = &kv.Status{Raft: st}
	return a
}

func TestCompose(t *testing.T) {
	members := []replica.Member{
		{Name: "s1", Redis: "h1:6379", Voter: true, Alive: true},
		{Name: "s2", Redis: "h2:6379", Voter: true, Alive: true},
		{Name: "s3", Redis: "h3:6379", Voter: true, Applied: 9, LastContactSeconds: 1.5},
		{Name: "s4", Redis: "h4:6379", LastContactSeconds: -1},
	}
	edge := &Account{Version: "v1", Started: composed.Add(-time.Hour)}
	edge.Roles.Proxy = &proxy.Status{Connections: 3, MaxConnections: 10000}
	edge.Roles.Counter = &counter.Status{Visits: 7, Batches: 2, Errors: 1, Draining: true}
	c := compose(composed,
		[]Announcement{
			{Name: "s1", Roles: []string{"store"}, Admin: "h1:9090", Addrs: map[string]string{"redis": "h1:6379"}},
			{Name: "s2", Roles: []string{"store"}, Admin: "h2:9090"},
			{Name: "edge", Addrs: map[string]string{"proxy": "h5:80", "counter": "h5:8000"}},
			{Name: "lost"},
			{Name: "silent"},
		},
		[]*Account{
			storeAccount(replica.Status{Name: "s1", Cluster: "old", Term: 4, Leader: "s9", State: "leader", Voters: 3}),
			storeAccount(replica.Status{Name: "s2", Cluster: "c", Term: 5, Leader: "s1", State: "follower", Voters: 3, Members: members}),
			edge, nil, nil,
		},
		[]error{nil, nil, nil, errors.New("connection refused"), nil})

	if c.Time != composed || c.Name != "c" || c.Leader != "s1" || c.Term != 5 || c.Quorum != 2 {
		t.Errorf("the newest term does not count: %+v", c)
	}
	if len(c.Nodes) != 5 || !c.Nodes[2].Alive || c.Nodes[2].LastSeen != composed || c.Nodes[2].Version != "v1" {
		t.Errorf("nodes %+v", c.Nodes)
	}
	if n := c.Nodes[3]; n.Alive || n.Error != "connection refused" || !n.LastSeen.IsZero() {
		t.Errorf("unreachable node %+v", n)
	}
	if n := c.Nodes[4]; n.Alive || n.Error != "" {
		t.Errorf("silent node %+v", n)
	}
	var names []string
	for _, s := range c.Stores {
		names = append(names, s.Name)
	}
	if !slices.Equal(names, []string{"s1", "s2", "s3", "s4"}) {
		t.Fatalf("stores %v", names)
	}
	if s := c.Stores[0]; s.Addr != "h1:6379" || s.State != "leader" {
		t.Errorf("store that answered: %+v", s)
	}
	// State learner: no voter.
	if s := c.Stores[1]; s.State != "learner" || !s.Alive {
		t.Errorf("follower without a vote: %+v", s)
	}
	if s := c.Stores[2]; s.Alive || !s.Voter || s.Addr != "h3:6379" || s.Applied != 9 || s.LastContactMS != 1500 {
		t.Errorf("missing store: %+v", s)
	}
	if s := c.Stores[3]; s.LastContactMS != 0 || s.Voter {
		t.Errorf("missing store never heard of: %+v", s)
	}
	if len(c.Proxies) != 1 || c.Proxies[0].Addr != "h5:80" || c.Proxies[0].Connections != 3 || c.Proxies[0].MaxConn != 10000 {
		t.Errorf("proxies %+v", c.Proxies)
	}
	if len(c.Counters) != 1 || c.Counters[0].Visits != 7 || !c.Counters[0].Draining || c.Counters[0].Addr != "h5:8000" {
		t.Errorf("counters %+v", c.Counters)
	}
}

func TestComposeNothing(t *testing.T) {
	c := compose(composed, nil, nil, nil)
	if c.Leader != "" || c.Quorum != 0 || len(c.Nodes)+len(c.Stores)+len(c.Proxies) != 0 {
		t.Errorf("%+v", c)
	}
}

func TestNewer(t *testing.T) {
	for _, c := range []struct {
		a, b replica.Status
		want bool
	}{
		{replica.Status{Term: 2}, replica.Status{Term: 1, State: "leader"}, true},
		{replica.Status{Term: 1, State: "leader"}, replica.Status{Term: 2}, false},
		{replica.Status{Term: 2, State: "leader"}, replica.Status{Term: 2, State: "follower"}, true},
		{replica.Status{Term: 2, State: "follower"}, replica.Status{Term: 2, State: "leader"}, false},
		{replica.Status{Term: 2, State: "leader"}, replica.Status{Term: 2, State: "leader"}, false},
		{replica.Status{Term: 2}, replica.Status{Term: 2}, false},
	} {
		if got := newer(&c.a, &c.b); got != c.want {
			t.Errorf("%+v against %+v: %v", c.a, c.b, got)
		}
	}
}

func TestProxyOf(t *testing.T) {
	changed := composed.Add(-time.Minute)
	p := proxyOf(composed, Announcement{Name: "p"}, &proxy.Status{
		Queue: 4, Refused: map[string]int64{"4xx": 2, "5xx": 1},
		Latency: proxy.Latency{Bounds: []float64{.001, .01}, Counts: []uint64{5, 3, 1}},
		Backends: []proxy.BackendStatus{
			{
				Name: "a", Addr: "h:1", State: "UP", Weight: 2, Check: "L4OK", Current: 1, Max: 5, Limit: 9, Requests: 12,
				Responses: map[string]int64{"2xx": 10, "5xx": 2}, Retries: 3, Redispatches: 1, BytesIn: 100, BytesOut: 200,
				Errors:       map[string]int64{"connect": 1, "died": 2, "timeout": 3, "invalid": 4, "truncated": 5},
				ChecksFailed: 6, LastChange: changed, Downtime: 7.5,
				Latency: proxy.Latency{Bounds: []float64{1}, Counts: []uint64{8, 0}},
			},
			{Name: "b", Responses: map[string]int64{"1xx": 1, "3xx": 1}, Retries: 1, BytesIn: 1},
		},
	})
	if want := (cluster.Codes{1, 10, 1, 2, 3}); p.Codes != want || p.Requests != 17 || p.Errors != 3 {
		t.Errorf("codes %v, %d requests, %d errors", p.Codes, p.Requests, p.Errors)
	}
	if p.Retries != 4 || p.Redispatch != 1 || p.BytesIn != 101 || p.BytesOut != 200 || p.Queue != 4 {
		t.Errorf("sums %+v", p)
	}
	if !slices.Equal(p.Latency.Counts, []uint64{5, 3, 1}) || !slices.Equal(p.Latency.Bounds, []float64{.001, .01}) {
		t.Errorf("latency %+v", p.Latency)
	}
	b := p.Backends[0]
	if b.State != "UP" || b.Weight != 2 || b.Check != "L4OK" || b.Current != 1 || b.Max != 5 || b.Limit != 9 ||
		b.Requests != 12 || b.ConnErrors != 1 || b.RespErrors != 14 || b.ChecksFail != 6 || b.LastChange != changed || b.DowntimeSec != 7.5 {
		t.Errorf("row %+v", b)
	}
	if !slices.Equal(b.Latency.Counts, []uint64{8, 0}) {
		t.Errorf("latency of the backend %+v", b.Latency)
	}
}

func TestAddCode(t *testing.T) {
	var codes cluster.Codes
	for _, class := range []string{"", "2", "0xx", "6xx", "2xxx", "1xx", "5xx", "5xx"} {
		addCode(&codes, class, 2)
	}
	if want := (cluster.Codes{2, 0, 0, 0, 4}); codes != want {
		t.Errorf("%v, want %v", codes, want)
	}
}
