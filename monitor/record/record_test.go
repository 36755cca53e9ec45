package record

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/monitor/cluster"
	"pingd/monitor/history"
	"pingd/monitor/host"
	"pingd/monitor/host/cgroup"
	"pingd/monitor/host/pressure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Unix(1_800_000_000, 0)

// recorded runs fn in a second of a new ring.
func recorded(fn func(*Recorder)) *history.Ring {
	ring := history.NewRing(300)
	var r Recorder
	r.Begin(ring, t0.Unix())
	fn(&r)
	r.End()
	return ring
}

// expect holds values, and that names marked "-" have none.
func expect(t *testing.T, ring *history.Ring, want map[string]float64) {
	t.Helper()
	for name, v := range want {
		got, ok := ring.Value(strings.TrimPrefix(name, "-"))
		switch {
		case name[0] == '-' && ok:
			t.Errorf("%s has %v, and should have nothing", name[1:], got)
		case name[0] != '-' && (!ok || math.Abs(got-v) > 1e-4*math.Max(1, math.Abs(v))):
			t.Errorf("%s = %v (%v), want %v", name, got, ok, v)
		}
	}
}

func TestHost(t *testing.T) {
	old := host.Sample{
		Time: t0,
		Stat: host.Stat{
			Total: host.CPU{User: 100, Idle: 900}, Cores: []host.CPU{{User: 50, Idle: 450}, {User: 50, Idle: 450}},
			Context: 10, Forks: 5, Intr: 7,
		},
		Disks:    []host.Disk{{Name: "vda", Reads: 10, ReadSectors: 8, ReadMS: 100}, {Name: "vda1", Reads: 10}},
		Nets:     []host.Net{{Name: "eth0", RxBytes: 1000, RxPackets: 10}, {Name: "lo", RxBytes: 5}, {Name: "gone"}, {Name: "veth1", RxBytes: 5}},
		TCP:      host.TCP{OutSegs: 1000, RetransSegs: 10},
		Pressure: pressure.All{CPU: pressure.Stall{Some: 1e6, Known: true}, IRQ: pressure.Stall{Full: 0, Known: true}},
		Containers: []cgroup.Container{
			{ID: "a", CPUNanos: 1e9}, {ID: "b", CPUNanos: 5, OOMKills: 1},
		},
	}
	now := old
	now.Time = t0.Add(2 * time.Second)
	now.Stat = host.Stat{
		Total: host.CPU{User: 190, System: 10, Iowait: 20, Steal: 10, Idle: 970}, Cores: []host.CPU{{User: 150, Idle: 450}, {User: 50, Idle: 550}},
		Context: 210, Forks: 3, Intr: 7, Running: 2,
	}
	now.Memory = host.Memory{Total: 1000, Available: 250, SwapTotal: 100, SwapFree: 40}
	now.Disks = []host.Disk{{Name: "vda", Reads: 30, ReadSectors: 4008, ReadMS: 300, BusyMS: 500}, {Name: "vda1", Reads: 30, ReadSectors: 4000}}
	now.Nets = []host.Net{{Name: "new", RxBytes: 7}, {Name: "eth0", RxBytes: 3000, RxPackets: 100, RxDrops: 10}, {Name: "lo", RxBytes: 9000}, {Name: "veth1", RxBytes: 9000}}
	now.TCP = host.TCP{OutSegs: 1200, RetransSegs: 20, ListenOverflows: 4, Established: 9}
	now.Pressure = pressure.All{CPU: pressure.Stall{Some: 2e6, Known: true}, IRQ: pressure.Stall{Full: 5e5, Known: true}}
	now.Limits = host.Limits{Files: 50, FilesMax: 200, Conntrack: 5, ConntrackMax: 10}
	now.Clock = host.Clock{Known: true, Synced: true, Offset: 0.002}
	now.Containers = []cgroup.Container{
		{ID: "b", CPUNanos: 3, OOMKills: 2},
		{ID: "a", CPUNanos: 4e9, CPULimit: 2, Memory: 300, Inactive: 100, MemoryLimit: 400, NetKnown: true, RxBytes: 10},
		{ID: strings.Repeat("c", 64)},
	}
	ring := recorded(func(r *Recorder) { r.Host(&old, &now) })
	expect(t, ring, map[string]float64{
		"cpu.user": 45, "cpu.system": 5, "cpu.iowait": 10, "cpu.steal": 5, "cpu.busy": 55, "cpu.core.0": 100, "cpu.core.1": 0,
		"procs.switches": 100, "procs.forks": 0, "procs.interrupts": 0, "procs.running": 2,
		"psi.cpu": 50, "psi.irq": 25, "-psi.io": 0,
		"mem.used": 750, "mem.available_share": 25, "swap.used": 60, "swap.used_share": 60,
		"disk.read": 512 * 2000, "disk.vda.read": 512 * 2000, "disk.vda1.read_ops": 10, "disk.vda.await": 10, "disk.util": 25,
		"-net.veth1.rx": 0, "net.rx": 1000, "net.eth0.drops": 5, "net.eth0.drop_share": 10, "net.lo.rx": 4497.5, "-net.new.rx": 0,
		"tcp.retrans": 5, "tcp.listen_overflows": 2, "tcp.established": 9,
		"fd.share": 25, "conntrack.share": 50, "clock.offset": 2, "clock.synced": 1,
		"container.a.cpu": 150, "container.a.cpu_share": 75, "container.a.memory": 200, "container.a.memory_share": 50, "container.a.rx": 5,
		"container.b.cpu": 0, "container.b.oom_kills": 1, "-container.b.rx": 0, "-container.b.memory_share": 0,
		"-container.cccccccccccc.cpu": 0,
	})
	if none := recorded(func(r *Recorder) { r.Host(&now, &old); r.Host(&now, &now) }); none.Len() != 0 {
		t.Errorf("samples in the wrong order give %q", none.Names())
	}
}

func TestHostAllocatesNothing(t *testing.T) {
	s := host.NewSampler("/proc", "/sys")
	defer s.Close()
	var old, now host.Sample
	s.Read(t0, &old)
	s.Read(t0.Add(time.Second), &now)
	if now.Memory.Total == 0 {
		t.Skip("no /proc here")
	}
	ring := history.NewRing(300)
	var r Recorder
	record := func() {
		r.Begin(ring, now.Time.Unix())
		r.Host(&old, &now)
		r.End()
	}
	record()
	if n := testing.AllocsPerRun(50, record); n != 0 {
		t.Errorf("recording a second allocates %v times, want 0", n)
	}
}

func proxied(t time.Time, requests uint64) cluster.State {
	b := cluster.Backend{Name: "c1", State: "UP", Requests: requests, Current: 3}
	p := cluster.Proxy{Name: "p1", Alive: true, LastSeen: t, Requests: requests, Connections: 5, MaxConn: 20, Backends: []cluster.Backend{b, {Name: "c2", State: "DOWN"}}}
	return cluster.State{Time: t, Leader: "s1", Term: 3, Quorum: 2, Proxies: []cluster.Proxy{p}}
}

func TestCluster(t *testing.T) {
	old, now := proxied(t0, 100), proxied(t0.Add(2*time.Second), 300)
	now.Proxies[0].Errors, now.Proxies[0].Codes = 20, cluster.Codes{0, 180, 0, 0, 20}
	now.Proxies[0].Backends[0].Codes[4] = 20
	now.Proxies[0].Backends[0].LastChange = t0
	for i, s := range []*cluster.State{&old, &now} {
		for _, name := range []string{"s1", "s2", "s3"} {
			s.Stores = append(s.Stores, cluster.Store{
				Name: name, Alive: true, Voter: true, Commit: uint64(1000 + 500*i), Lag: uint64(7 * i), Commands: uint64(100 * i),
				Fsync: cluster.Latency{Bounds: []float64{0.001, 0.01}, Counts: []uint64{0, uint64(10 * i), 0}},
			})
		}
		s.Counters = []cluster.Counter{{Name: "c1", Alive: true, Visits: uint64(10 * i), Batches: uint64(2 * i)}}
		s.Nodes = []cluster.Node{{Name: "h1", Alive: true, SkewMS: 12}, {Name: "h2"}, {Name: "h3", Left: t0}}
		s.Hosts = []cluster.Host{{Name: "h1", Alive: true, CPU: 0.5, Memory: 1, MemoryMax: 4, Space: 0.9}, {Name: "h2", CPU: 1}}
	}
	now.Stores[2].Alive = false
	now.Leader = "s2"
	ring := recorded(func(r *Recorder) { r.Cluster(&old, &now) })
	expect(t, ring, map[string]float64{
		"requests.rate": 100, "requests.errors": 10, "requests.error_share": 10, "requests.2xx": 90, "requests.5xx": 10, "requests.connections": 5,
		"proxy.p1.requests": 100, "proxy.p1.connection_share": 25,
		"backend.c1.requests": 100, "backend.c1.errors": 10, "backend.c1.error_share": 10, "backend.c1.up": 1, "backend.c1.current": 3,
		"backend.c2.up": 0, "backend.c2.requests": 0, "backends.up": 1, "backends.down": 1, "-latency.p50": 0,
		"visits.rate": 5, "visits.batches": 1, "counter.c1.visits": 5,
		"raft.commits": 250, "raft.commands": 100, "raft.has_leader": 1, "raft.leader_changes": 1, "raft.alive": 2, "raft.margin": 0, "raft.lag": 7,
		"raft.fsync.p50": 5.5, "store.s1.lag": 7, "store.s1.p50": 5.5, "-store.s3.lag": 0,
		"nodes.alive": 1, "nodes.dead": 1, "node.h1.skew": 12, "-node.h2.skew": 0,
		"host.h1.cpu": 50, "host.h1.memory": 25, "host.h1.space": 90, "-host.h2.cpu": 0,
	})
	if none := recorded(func(r *Recorder) { r.Cluster(&cluster.State{}, &now); r.Cluster(&now, &old) }); none.Len() != 0 {
		t.Errorf("a first state, and one in the past, give %q", none.Names())
	}
}

// TestReturnIsNoSpike holds that a process that was unreachable for a minute is
// reckoned over that minute.
func TestReturnIsNoSpike(t *testing.T) {
	old, now := proxied(t0, 100), proxied(t0.Add(61*time.Second), 6200)
	old.Time, old.Proxies[0].Alive = t0.Add(60*time.Second), false // remembered as dead
	ring := recorded(func(r *Recorder) { r.Cluster(&old, &now) })
	expect(t, ring, map[string]float64{"requests.rate": 100, "backend.c1.requests": 100})
	restarted := proxied(t0.Add(62*time.Second), 5)
	ring = recorded(func(r *Recorder) { r.Cluster(&now, &restarted) })
	expect(t, ring, map[string]float64{"requests.rate": 0})
	fresh := cluster.State{Time: t0.Add(60 * time.Second), Proxies: []cluster.Proxy{}}
	ring = recorded(func(r *Recorder) { r.Cluster(&fresh, &now) })
	expect(t, ring, map[string]float64{"requests.rate": 0, "proxy.p1.connections": 5})
}

func TestSlowThings(t *testing.T) {
	ring := recorded(func(r *Recorder) {
		r.Spaces([]host.Space{
			{Mount: "/", Size: 100, Free: 20, Avail: 20, Files: 10, FilesFree: 1}, {Mount: "/srv", Size: 100, Free: 100, Avail: 100},
		}, map[string]float64{"/": 12})
		r.Temperatures([]host.Temperature{{Chip: "nvme", Sensor: "temp1", Celsius: 41}})
		r.Put(1, strings.Repeat("x", 300))
	})
	expect(t, ring, map[string]float64{
		"space./.used": 80, "space./.inodes": 90, "space./.hours": 12, "space./srv.used": 0, "-space./srv.inodes": 0, "-space./srv.hours": 0,
		"temp.nvme.temp1": 41,
	})
	for _, tc := range []struct{ before, now, seconds, want float64 }{
		{1000, 900, 3600, 9}, {900, 1000, 3600, 0}, {100, 100, 60, 0}, {1e15, 1e15 - 1, 60, 0}, {10, 5, 0, 0},
	} {
		if got := HoursLeft(tc.before, tc.now, tc.seconds); got != tc.want {
			t.Errorf("HoursLeft(%v) = %v", tc, got)
		}
	}
	if ring.Len() != 7 {
		t.Errorf("series %s", fmt.Sprint(ring.Names()))
	}
}
