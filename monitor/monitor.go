package monitor

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pingd/monitor/history"
	"pingd/monitor/host"
)

const (
	// firstGap lies between the first two samples, so that rates exist at once.
	firstGap = 250 * time.Millisecond
	// slowEvery is how often processes, containers' names and spaces are sent to
	// pages, and how often the whole process table is read, in ticks.
	slowEvery = 5
	// inventoryEvery is how often file systems are measured.
	inventoryEvery = 30 * time.Second
	topProcesses   = 10
)

// Monitor samples its host each second, follows the cluster, and answers the
// page and its API. Create it with New. Its methods are safe for concurrent use;
// Run may be called once.
type Monitor struct {
	cfg     Config
	ring    *history.Ring
	events  eventLog
	hub     hub
	handler http.Handler
	roots   host.Roots

	// Owned by the sampling goroutine.
	sampler   *host.Sampler
	processes *host.Processes
	rec       recorder
	spare     *host.Sample
	recorded  time.Time // Time of the newest cluster state in the ring
	ticks     int
	stream    streamer

	samples  atomic.Uint64
	tookNano atomic.Int64

	// mu guards what handlers and the sampler share. Never held while waiting.
	mu        sync.RWMutex
	now, prev *host.Sample
	cluster   ClusterState
	before    ClusterState // the state before cluster
	slow      slowState
	inventory host.Inventory
	spaces    []host.Space
}

// slowState is what is refreshed every few ticks; its slices are never changed.
type slowState struct {
	Processes []host.Process  `json:"processes"`
	Count     int             `json:"process_count"`
	Spaces    []host.Space    `json:"spaces"`
	Contained []ContainerInfo `json:"containers"`
	Warnings  []string        `json:"warnings"`
}

// ContainerInfo says which container the series container.<id>.* are about.
type ContainerInfo struct {
	ID       string  `json:"id"` // as in the series' names
	Name     string  `json:"name"`
	Image    string  `json:"image,omitempty"`
	Engine   string  `json:"engine,omitempty"`
	CPULimit float64 `json:"cpu_limit"` // cores; 0 = none
	MemLimit uint64  `json:"memory_limit"`
	OOMKills uint64  `json:"oom_kills"`
}

// New makes a Monitor from cfg. It reads nothing yet and starts nothing: that is
// Run's. The error lists every mistake in cfg.
func New(cfg Config) (*Monitor, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Monitor{
		cfg:       cfg,
		ring:      history.NewRing(int(cfg.Span / time.Second)),
		roots:     host.Roots{Proc: cfg.HostProc, Sys: cfg.HostSys, Root: cfg.HostRoot},
		sampler:   host.NewSampler(cfg.HostProc, cfg.HostSys),
		processes: host.NewProcesses(cfg.HostProc),
		now:       &host.Sample{}, prev: &host.Sample{}, spare: &host.Sample{},
	}
	m.handler = m.routes()
	if cfg.Metrics != nil {
		if err := cfg.Metrics.Register(m); err != nil {
			return nil, fmt.Errorf("register monitor metrics: %w", err)
		}
	}
	return m, nil
}

// Run samples until ctx ends, then ends every stream and returns nil.
func (m *Monitor) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { m.takeInventory(ctx) })
	if m.cfg.Cluster != nil {
		wg.Go(func() { m.pollCluster(ctx) })
	}
	m.sample(ctx)
	m.hub.close()
	cancel()
	wg.Wait()
	return m.Close()
}

// Close lets go of a Monitor that was never Run, and is harmless otherwise.
func (m *Monitor) Close() error {
	if m.cfg.Metrics != nil {
		m.cfg.Metrics.Unregister(m)
	}
	m.hub.close()
	m.sampler.Close()
	m.processes.Close()
	return nil
}

// Handler answers the page, its parts and the API; see the package comment.
func (m *Monitor) Handler() http.Handler { return m.handler }

// Addrs is empty: the monitor is mounted on the admin listener.
func (m *Monitor) Addrs() map[string]string { return map[string]string{} }

// Status is what /status says of a monitor.
type Status struct {
	Series     int      `json:"series"`
	Samples    uint64   `json:"samples"` // taken since the start
	SampleMS   float64  `json:"sample_ms"`
	Viewers    int      `json:"viewers"`
	Containers int      `json:"containers"`
	Cgroups    string   `json:"cgroups"` // v1, v2, hybrid or empty
	Warnings   []string `json:"warnings,omitempty"`
}

// Status tells how the monitor itself is.
func (m *Monitor) Status() any {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return Status{
		Series: m.ring.Len(), Samples: m.samples.Load(),
		SampleMS: float64(m.tookNano.Load()) / 1e6, Viewers: m.hub.count(),
		Containers: len(m.now.Containers), Cgroups: string(m.sampler.Mode()),
		Warnings: m.slow.Warnings,
	}
}

// sample is the sampling loop: two samples close together, then one at each
// whole second, so that the seconds of several monitors are the same ones.
func (m *Monitor) sample(ctx context.Context) {
	m.tick(time.Now())
	timer := time.NewTimer(firstGap)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now := time.Now()
		m.tick(now)
		next := now.Truncate(m.cfg.Interval).Add(m.cfg.Interval)
		timer.Reset(time.Until(next))
	}
}

// tick takes one sample, records it and tells the pages.
func (m *Monitor) tick(now time.Time) {
	seconds := float64(now.UnixNano()) / 1e9
	m.sampler.Read(now, m.spare)
	slow := m.ticks < 2 || m.ticks%slowEvery == 0
	if slow {
		if err := m.processes.Scan(seconds); err != nil {
			m.cfg.Logger.Debug("process table unreadable", "component", "monitor", "err", err)
		}
	} else {
		m.processes.Refresh(seconds)
	}
	m.ticks++

	m.mu.Lock()
	m.prev, m.now, m.spare = m.now, m.spare, m.prev
	m.mu.Unlock()
	var slowNow *slowState
	if slow {
		slowNow = m.refreshSlow()
	}
	m.record(now)
	m.samples.Add(1)
	m.tookNano.Store(int64(time.Since(now)))
	m.publish(now, slowNow)
}

// record writes the newest second into the ring.
func (m *Monitor) record(now time.Time) {
	m.mu.RLock()
	prev, cur, before, cluster := m.prev, m.now, m.before, m.cluster
	m.mu.RUnlock()
	if prev.Time.IsZero() {
		return
	}
	m.rec.w = m.ring.Begin(now.Unix())
	defer m.rec.w.Close()
	m.rec.host(prev, cur)
	m.rec.put(float64(m.processes.Count()), "procs.count")
	if cluster.Time != m.recorded {
		m.rec.cluster(&before, &cluster)
		m.recorded = cluster.Time
	}
}

// refreshSlow renews what pages get every few ticks.
func (m *Monitor) refreshSlow() *slowState {
	s := slowState{
		Processes: m.processes.Top(topProcesses),
		Count:     m.processes.Count(),
		Warnings:  m.warnings(),
	}
	for i := range m.now.Containers {
		c := &m.now.Containers[i]
		s.Contained = append(s.Contained, ContainerInfo{
			ID: shortID(c.ID), Name: shortID(c.ID), Engine: c.Engine,
			CPULimit: c.CPULimit, MemLimit: c.MemoryLimit, OOMKills: c.OOMKills,
		})
	}
	m.mu.Lock()
	s.Spaces = m.spaces
	if !slices.Equal(s.Warnings, m.slow.Warnings) && len(s.Warnings) > 0 {
		m.cfg.Logger.Warn("host figures incomplete", "component", "monitor", "missing", strings.Join(s.Warnings, "; "))
	}
	m.slow = s
	m.mu.Unlock()
	return &s
}

func (m *Monitor) warnings() []string {
	w := m.sampler.Warnings()
	if m.cfg.HostProc == "/proc" && inContainer() {
		w = append(w, "this is a container's own view: mount the host's with -v /proc:/host/proc:ro -v /sys:/host/sys:ro")
	}
	return w
}

// takeInventory measures what is slow to ask for, now and every half minute.
func (m *Monitor) takeInventory(ctx context.Context) {
	ticker := time.NewTicker(inventoryEvery)
	defer ticker.Stop()
	for {
		m.takeOnce(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (m *Monitor) takeOnce(ctx context.Context) {
	inv, spaces := m.roots.Take(ctx), m.roots.Spaces(ctx)
	if inv.Host == "" {
		inv.Host = m.cfg.Name
	}
	m.mu.Lock()
	m.inventory, m.spaces, m.slow.Spaces = inv, spaces, spaces
	m.mu.Unlock()
}

// pollCluster asks for the cluster's state at once, then halfway between ticks,
// so that each tick finds one new answer.
func (m *Monitor) pollCluster(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	failing := false
	for {
		asked := time.Now()
		c, cancel := context.WithTimeout(ctx, pollTimeout)
		next, err := m.cfg.Cluster(c)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			m.cfg.Logger.Warn("cluster state unknown", "component", "monitor", "err", err)
		}
		failing = err != nil
		m.setCluster(next, err, asked)
		now := time.Now()
		half := m.cfg.Interval / 2
		timer.Reset(time.Until(now.Add(half).Truncate(m.cfg.Interval).Add(half)))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

// setCluster takes over a new state, or notes why there is none, and derives the
// events. That the asking failed says nothing of the cluster, so the last state
// stays as it was.
func (m *Monitor) setCluster(next ClusterState, err error, now time.Time) {
	m.mu.Lock()
	old := m.cluster
	if err != nil {
		m.cluster.Error = err.Error()
		m.mu.Unlock()
		return
	}
	next = remember(old, next, now)
	m.before, m.cluster = old, next
	m.mu.Unlock()
	m.events.add(Events(old, next))
}
