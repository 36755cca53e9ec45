package demo

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"pingd/monitor/cluster"
)

// Cluster is a made-up cluster. Create it with New. Safe for concurrent use.
type Cluster struct {
	mu     sync.Mutex
	start  time.Time
	s      cluster.State
	bounds []float64
	rand   *rand.Rand

	// What is broken; see Break.
	dead   map[string]bool
	leader string
	last   time.Time // of At
	dt     float64   // seconds since then
}

// New makes a cluster whose story begins at start: after 100 s a counter fails for
// 45 s, after 200 s the leader dies, and 12 s later it is back.
func New(start time.Time) *Cluster {
	c := &Cluster{start: start, rand: rand.New(rand.NewPCG(7, 7)), dead: map[string]bool{}}
	for b := 0.0002; b < 5; b *= 1.6 {
		c.bounds = append(c.bounds, b)
	}
	at := start.Add(-3 * time.Hour)
	c.s = cluster.State{Name: "demo", Leader: "h2", Term: 7, Quorum: 2}
	for i := 1; i <= 3; i++ {
		name, host := fmt.Sprintf("h%d", i), fmt.Sprintf("10.0.0.%d", i)
		c.s.Members = append(c.s.Members, name)
		c.s.Nodes = append(c.s.Nodes, cluster.Node{
			Name: name, Roles: []string{"store", "proxy", "counter", "sentinel", "monitor"},
			Admin: host + ":19999", Alive: true, Started: at, Version: "demo",
		})
		c.s.Stores = append(c.s.Stores, cluster.Store{
			Name: name, Addr: host + ":6379", State: "follower", Alive: true, Voter: true,
			Term: 7, Commit: 90211, Applied: 90211, Keys: 12044, Clients: 9 + i, Bytes: 41 << 20, DiskBytes: 120 << 20,
			Fsync: c.latency(),
		})
		c.s.Counters = append(c.s.Counters, cluster.Counter{Name: name, Addr: host + ":8000", Alive: true})
	}
	for i := 1; i <= 2; i++ {
		p := cluster.Proxy{Name: fmt.Sprintf("h%d", i), Addr: fmt.Sprintf("10.0.0.%d:8080", i), Alive: true, MaxConn: 2000, Latency: c.latency()}
		for j := 1; j <= 3; j++ {
			p.Backends = append(p.Backends, cluster.Backend{
				Name: fmt.Sprintf("h%d", j), Addr: fmt.Sprintf("10.0.0.%d:8000", j), State: "UP", Weight: 1,
				Check: "L7OK 200", CheckMS: 0.8, LastChange: at, Limit: 400, Latency: c.latency(),
			})
		}
		c.s.Proxies = append(c.s.Proxies, p)
	}
	return c
}

func (c *Cluster) latency() cluster.Latency {
	return cluster.Latency{Bounds: c.bounds, Counts: make([]uint64, len(c.bounds)+1)}
}

// Change lets fn change the cluster, for what a test needs.
func (c *Cluster) Change(fn func(*cluster.State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn(&c.s)
}

// Break makes a node dead, or alive again.
func (c *Cluster) Break(node string, dead bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead[node] = dead
}

// Lead makes a node the leader, in a new term.
func (c *Cluster) Lead(node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leader = node
}

// State is the cluster now; it is a Config.Cluster of a monitor.
func (c *Cluster) State(context.Context) (cluster.State, error) { return c.At(time.Now()), nil }

// At moves the cluster on to time t, a second or so later than the call before.
func (c *Cluster) At(t time.Time) cluster.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := t.Sub(c.start).Seconds()
	c.dt = 1
	if !c.last.IsZero() {
		c.dt = min(max(t.Sub(c.last).Seconds(), 0), 60)
	}
	c.s.Time, c.last = t, t
	failing := age > 100 && age < 145
	lead := "h2"
	switch {
	case c.leader != "":
		lead = c.leader
	case age > 200 && age < 202:
		lead = ""
	case age >= 202:
		lead = "h1"
	}
	if lead != "" && lead != c.s.Leader {
		c.s.Term++
	}
	c.s.Leader = lead
	for i := range c.s.Nodes {
		n := &c.s.Nodes[i]
		if n.Alive = !c.dead[n.Name]; n.Alive {
			n.LastSeen, n.Error = t, ""
		} else {
			n.Error = "connection refused"
		}
	}
	for i := range c.s.Counters {
		n := &c.s.Counters[i]
		if n.Alive = !c.dead[n.Name] && !(failing && n.Name == "h3"); n.Alive {
			n.LastSeen = t
		}
	}
	c.traffic(t, failing, lead != "")
	c.raft(t, age, lead)
	c.hosts(t)
	return copied(c.s)
}

func (c *Cluster) traffic(t time.Time, failing, ok bool) {
	for i := range c.s.Proxies {
		p := &c.s.Proxies[i]
		if p.Alive = !c.dead[p.Name]; !p.Alive {
			continue
		}
		p.LastSeen = t
		load := uint64(6000 + 900*math.Sin(float64(t.Unix())/25) + 300*c.rand.Float64())
		if !ok {
			load /= 12
		}
		load = uint64(float64(load) * c.dt)
		p.Connections = 40 + c.rand.IntN(20)
		for j := range p.Backends {
			c.serve(p, &p.Backends[j], j, load/3, t, failing && j == 2 || c.dead[p.Backends[j].Name], ok)
		}
	}
}

// serve has a backend answer n requests, or be down.
func (c *Cluster) serve(p *cluster.Proxy, b *cluster.Backend, j int, n uint64, t time.Time, down, ok bool) {
	if down != (b.State == "DOWN") && (b.State == "UP" || b.State == "DOWN") {
		b.LastChange = t
		b.State, b.Check = "UP", "L7OK 200"
		if down {
			b.State, b.Check = "DOWN", "L4CON"
			b.ChecksFail += 5
		}
	}
	if b.State == "DOWN" {
		b.DowntimeSec += c.dt
		b.Current = 0
		b.ConnErrors++
		return
	}
	b.Requests += n
	b.Codes[1] += n
	b.BytesIn += 80 * n
	b.BytesOut += 210 * n
	b.Current, b.Max = 6+c.rand.IntN(8), 31
	c.spread(&b.Latency, n, 0.0009+0.0002*float64(j))
	p.Requests += n
	p.Codes[1] += n
	p.BytesIn += 80 * n
	p.BytesOut += 210 * n
	if c.rand.IntN(90) == 0 || !ok {
		p.Errors++
		p.Codes[4]++
		p.Retries += 2
		b.Retries++
	}
	c.spread(&p.Latency, n, 0.0011+0.0002*float64(j))
	if j < len(c.s.Counters) {
		c.s.Counters[j].Visits += n
		c.s.Counters[j].Batches += n / 9
	}
}

// spread adds n log-normal durations around median seconds.
func (c *Cluster) spread(l *cluster.Latency, n uint64, median float64) {
	for range 30 {
		v := median * math.Exp(0.55*c.rand.NormFloat64())
		i := 0
		for i < len(c.bounds) && v > c.bounds[i] {
			i++
		}
		l.Counts[i] += n/30 + 1
	}
}

func (c *Cluster) raft(t time.Time, age float64, lead string) {
	var top uint64
	for i := range c.s.Stores {
		s := &c.s.Stores[i]
		s.Alive = !c.dead[s.Name] && !(s.Name == "h2" && age > 200 && age < 214)
		if !s.Alive {
			s.State = "down"
			continue
		}
		n := uint64((1300 + 100*c.rand.Float64()) * c.dt)
		if lead == "" {
			n = 0
		}
		s.LastSeen, s.State, s.Term, s.LastContactMS = t, "follower", c.s.Term, 20+30*c.rand.Float64()
		if s.Name == lead {
			s.State, s.LastContactMS = "leader", 0
		}
		s.Commit += n
		s.Commands += 9 * n
		c.spread(&s.Fsync, n, 0.0008)
		top = max(top, s.Commit)
	}
	for i := range c.s.Stores {
		if s := &c.s.Stores[i]; s.Alive {
			s.Lag = 0
			if s.Name == "h3" {
				s.Lag = uint64(c.rand.IntN(40))
			}
			s.Commit, s.Last, s.Applied = top, top, top-s.Lag
		}
	}
}

func (c *Cluster) hosts(t time.Time) {
	c.s.Hosts = c.s.Hosts[:0]
	for i := range c.s.Nodes {
		n := &c.s.Nodes[i]
		c.s.Hosts = append(c.s.Hosts, cluster.Host{
			Name: n.Name, Time: t, Alive: n.Alive, Cores: 4,
			CPU: 0.3 + 0.1*float64(i) + 0.1*c.rand.Float64(), Iowait: 0.03 * c.rand.Float64(), Steal: 0.01,
			Load1: 1.2 + c.rand.Float64(), Memory: 5 << 30, MemoryMax: 16 << 30,
			PSICPU: 0.03, PSIIO: 0.02 * c.rand.Float64(), DiskUtil: 0.2 + 0.1*c.rand.Float64(), DiskAwait: 0.9, Space: 0.41 + 0.12*float64(i),
			Rx: 9e6 + 1e6*c.rand.Float64(), Tx: 1.2e7, Retrans: 0.0004,
		})
	}
}

// copied copies what the story changes in place.
func copied(s cluster.State) cluster.State {
	latency := func(l *cluster.Latency) { l.Counts = slices.Clone(l.Counts) }
	s.Nodes, s.Hosts, s.Counters, s.Stores = slices.Clone(s.Nodes), slices.Clone(s.Hosts), slices.Clone(s.Counters), slices.Clone(s.Stores)
	for i := range s.Stores {
		latency(&s.Stores[i].Fsync)
	}
	s.Proxies = slices.Clone(s.Proxies)
	for i := range s.Proxies {
		p := &s.Proxies[i]
		latency(&p.Latency)
		p.Backends = slices.Clone(p.Backends)
		for j := range p.Backends {
			latency(&p.Backends[j].Latency)
		}
	}
	return s
}
