package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"
)

// TestDemo serves the page over a cluster that does not exist, to look at it:
//
//	PINGD_MONITOR_DEMO=127.0.0.1:19990 go test -run TestDemo -timeout 0 ./monitor
func TestDemo(t *testing.T) {
	addr := os.Getenv("PINGD_MONITOR_DEMO")
	if addr == "" {
		t.Skip("set PINGD_MONITOR_DEMO=127.0.0.1:19990 to look at the page")
	}
	d := newDemo()
	m, err := New(Config{
		Name: "h1", Version: "demo", Cluster: d.state,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	d.past(m)
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: m.Handler(), ReadHeaderTimeout: time.Second}
	go srv.Serve(ln) //nolint:errcheck // ends with the test's process
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if err := m.Run(ctx); err != nil {
		t.Error(err)
	}
	_ = srv.Close()
}

// demo makes up a cluster of three machines under load in which things happen.
type demo struct {
	mu     sync.Mutex
	start  time.Time
	s      ClusterState
	bounds []float64
}

func newDemo() *demo {
	d := &demo{start: time.Now()}
	for b := 0.0002; b < 5; b *= 1.6 {
		d.bounds = append(d.bounds, b)
	}
	at := time.Now().Add(-3 * time.Hour)
	d.s = ClusterState{Name: "demo", Leader: "s2", Term: 7, Quorum: 2}
	for i := 1; i <= 3; i++ {
		host := fmt.Sprintf("10.0.0.%d", i)
		d.s.Nodes = append(d.s.Nodes, Node{
			Name: fmt.Sprintf("h%d", i), Roles: []string{"proxy", "counter", "store", "sentinel", "monitor"},
			Admin: host + ":19999", Alive: true, Started: at, Version: "demo",
		})
		d.s.Stores = append(d.s.Stores, Store{
			Name: fmt.Sprintf("s%d", i), Addr: host + ":6379", State: "follower", Alive: true, Voter: true,
			Term: 7, Commit: 90211, Applied: 90211, Keys: 12044, Clients: 9 + i, Bytes: 41 << 20,
			Fsync: Latency{Bounds: d.bounds, Counts: make([]uint64, len(d.bounds)+1)},
		})
		d.s.Counters = append(d.s.Counters, Counter{Name: fmt.Sprintf("c%d", i), Addr: host + ":8000", Alive: true})
	}
	for i := 1; i <= 2; i++ {
		p := Proxy{
			Name: fmt.Sprintf("p%d", i), Addr: fmt.Sprintf("10.0.0.%d:8080", i), Alive: true, MaxConn: 2000,
			Latency: Latency{Bounds: d.bounds, Counts: make([]uint64, len(d.bounds)+1)},
		}
		for j := 1; j <= 3; j++ {
			p.Backends = append(p.Backends, Backend{
				Name: fmt.Sprintf("c%d", j), Addr: fmt.Sprintf("10.0.0.%d:8000", j), State: "UP", Weight: 1,
				Check: "L7OK/200", CheckMS: 0.8, LastChange: at, Limit: 400,
				Latency: Latency{Bounds: d.bounds, Counts: make([]uint64, len(d.bounds)+1)},
			})
		}
		d.s.Proxies = append(d.s.Proxies, p)
	}
	return d
}

// past fills the ring and the log with the last five minutes.
func (d *demo) past(m *Monitor) {
	now := time.Now().Truncate(time.Second)
	d.start = now.Add(-300 * time.Second)
	for t := d.start; t.Before(now); t = t.Add(time.Second) {
		s := d.at(t)
		m.setCluster(s, nil, t)
		rec := recorder{w: m.ring.Begin(t.Unix())}
		before, cluster := m.before, m.cluster
		rec.cluster(&before, &cluster)
		x := float64(t.Unix())
		busy := 38 + 12*math.Sin(x/40) + 6*rand.Float64()
		rec.put(busy*0.6, "cpu.user")
		rec.put(busy*0.4, "cpu.system")
		rec.put(2+2*rand.Float64(), "cpu.iowait")
		rec.put(1, "cpu.steal")
		rec.put(0.5, "cpu.irq")
		rec.put(0, "cpu.nice")
		rec.put(busy, "cpu.busy")
		rec.put(3+2*rand.Float64(), "psi.cpu")
		rec.put(2*rand.Float64(), "psi.io")
		rec.put(0, "psi.memory")
		rec.put(5.5e9+3e8*math.Sin(x/90), "mem.used")
		rec.put(2.4e10, "mem.total")
		rec.put(3.2e9, "mem.cached")
		rec.put(4e5*rand.Float64(), "disk.read")
		rec.put(9e6+2e6*rand.Float64(), "disk.write")
		rec.put(24+8*rand.Float64(), "disk.util")
		rec.put(1.1e7+1e6*rand.Float64(), "net.rx")
		rec.put(1.5e7+1e6*rand.Float64(), "net.tx")
		rec.w.Close()
	}
}

func (d *demo) state(context.Context) (ClusterState, error) { return d.at(time.Now()), nil }

// at moves the cluster on to time t.
func (d *demo) at(t time.Time) ClusterState {
	d.mu.Lock()
	defer d.mu.Unlock()
	age := t.Sub(d.start).Seconds()
	d.s.Time = t
	c3 := age > 100 && age < 145
	for i := range d.s.Counters {
		if d.s.Counters[i].Name == "c3" {
			d.s.Counters[i].Alive = !c3
			d.s.Counters[i].LastSeen = t
		}
	}
	lead := "s2"
	switch {
	case age > 200 && age < 202:
		lead = ""
	case age >= 202:
		lead = "s1"
		d.s.Term = 8
	}
	d.s.Leader = lead
	d.traffic(t, c3, lead != "")
	d.raft(age, lead)
	d.hosts(t)
	return clone(d.s)
}

func (d *demo) traffic(t time.Time, c3down, ok bool) {
	for i := range d.s.Proxies {
		p := &d.s.Proxies[i]
		load := uint64(6000 + 900*math.Sin(float64(t.Unix())/25) + 300*rand.Float64())
		if !ok {
			load /= 12
		}
		p.Connections = 40 + rand.IntN(20)
		for j := range p.Backends {
			b := &p.Backends[j]
			down := c3down && b.Name == "c3"
			if down != (b.State == "DOWN") {
				b.LastChange = t
			}
			b.State, b.Check = "UP", "L7OK/200"
			if down {
				b.State, b.Check, b.DowntimeSec = "DOWN", "L4CON", b.DowntimeSec+1
				b.Current = 0
				b.ConnErrors++
				continue
			}
			n := load / 3
			b.Requests += n
			b.Codes[1] += n
			b.Current, b.Max = 6+rand.IntN(8), 31
			d.spread(&b.Latency, n, 0.0009+0.0002*float64(j))
			p.Requests += n
			p.Codes[1] += n
			if rand.IntN(90) == 0 || !ok {
				p.Errors++
				p.Codes[4]++
				p.Retries += 2
				b.Retries++
			}
			d.spread(&p.Latency, n, 0.0011+0.0002*float64(j))
			d.s.Counters[j].Visits += n
			d.s.Counters[j].Batches += n / 9
		}
	}
}

// spread adds n log-normal durations around median seconds.
func (d *demo) spread(l *Latency, n uint64, median float64) {
	for range 200 {
		v := median * math.Exp(0.55*rand.NormFloat64())
		i := 0
		for i < len(d.bounds) && v > d.bounds[i] {
			i++
		}
		l.Counts[i] += n/200 + 1
	}
}

func (d *demo) raft(age float64, lead string) {
	for i := range d.s.Stores {
		s := &d.s.Stores[i]
		s.State, s.Term = "follower", d.s.Term
		s.LastContactMS = 20 + 30*rand.Float64()
		if s.Name == lead {
			s.State, s.LastContactMS = "leader", 0
		}
		n := uint64(1300 + 100*rand.Float64())
		if lead == "" {
			n = 0
		}
		s.Alive = !(s.Name == "s2" && age > 200 && age < 214)
		if !s.Alive {
			s.State = "down"
			continue
		}
		s.Commit += n
		s.Last = s.Commit
		s.Applied = s.Commit
		s.Lag = 0
		if s.Name == "s3" {
			s.Lag = uint64(rand.IntN(40))
			s.Applied = s.Commit - s.Lag
		}
		s.Commands += 9 * n
		s.Writes += n
		d.spread(&s.Fsync, n, 0.0008)
	}
	var top uint64
	for i := range d.s.Stores {
		top = max(top, d.s.Stores[i].Commit)
	}
	for i := range d.s.Stores {
		if s := &d.s.Stores[i]; s.Alive {
			s.Commit, s.Last, s.Applied = top, top, top-s.Lag
		}
	}
}

func (d *demo) hosts(t time.Time) {
	d.s.Hosts = d.s.Hosts[:0]
	for i := range 3 {
		d.s.Hosts = append(d.s.Hosts, HostSample{
			Name: fmt.Sprintf("h%d", i+1), Time: t, Alive: true, Cores: 4,
			CPU: 0.3 + 0.1*float64(i) + 0.1*rand.Float64(), Iowait: 0.03 * rand.Float64(), Steal: 0.01,
			Load1: 1.2, Memory: 5 << 30, MemoryMax: 16 << 30,
			PSICPU: 0.03, PSIIO: 0.02 * rand.Float64(), DiskUtil: 0.2, DiskAwait: 0.9, Space: 0.41 + 0.12*float64(i),
			Rx: 9e6 + 1e6*rand.Float64(), Tx: 1.2e7, Retrans: 0.0004,
		})
	}
}

// clone copies what the demo changes in place.
func clone(s ClusterState) ClusterState {
	copyOf := func(l Latency) Latency {
		l.Counts = append([]uint64(nil), l.Counts...)
		return l
	}
	s.Nodes = append([]Node(nil), s.Nodes...)
	s.Hosts = append([]HostSample(nil), s.Hosts...)
	s.Counters = append([]Counter(nil), s.Counters...)
	s.Stores = append([]Store(nil), s.Stores...)
	for i := range s.Stores {
		s.Stores[i].Fsync = copyOf(s.Stores[i].Fsync)
	}
	s.Proxies = append([]Proxy(nil), s.Proxies...)
	for i := range s.Proxies {
		p := &s.Proxies[i]
		p.Latency = copyOf(p.Latency)
		p.Backends = append([]Backend(nil), p.Backends...)
		for j := range p.Backends {
			p.Backends[j].Latency = copyOf(p.Backends[j].Latency)
		}
	}
	return s
}
