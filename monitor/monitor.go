package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"pingd/monitor/alert"
	"pingd/monitor/api"
	"pingd/monitor/board"
	"pingd/monitor/cluster"
	"pingd/monitor/history"
	"pingd/monitor/host"
	"pingd/monitor/host/docker"
	"pingd/monitor/host/process"
	"pingd/monitor/notify"
	"pingd/monitor/record"
)

// Monitor samples its host each second, follows the cluster, and answers the
// page and its API. Create it with New. Its methods are safe for concurrent use;
// Run may be called once.
type Monitor struct {
	cfg     Config
	board   *board.Board
	history *history.History
	api     *api.Server
	notify  *notify.Notifier
	roots   host.Roots
	engine  *docker.Engine // nil when it is off

	// Owned by the sampling goroutine.
	sampler   *host.Sampler
	processes *process.Table
	rec       record.Recorder
	engineOf  *alert.Engine
	prev      *host.Sample
	spare     *host.Sample
	recorded  time.Time // Time of the newest cluster state in the ring
	ticks     int
	nextScan  int // tick at which the whole process table is read
	self      selfUse

	samples  atomic.Uint64
	tookNano atomic.Int64
	strange  chan struct{} // a container without a name was seen

	mu    sync.RWMutex
	now   *host.Sample                // guarded by mu: metrics are collected from it
	names map[string]docker.Container // guarded by mu: by container id
	hours map[string]float64          // guarded by mu: until a file system is full
	own   map[string]alert.Silence    // guarded by mu: silences, where nobody else keeps them
	blind string                      // guarded by mu: why nothing is known of the host's disks
	first bool                        // guarded by mu: this monitor tells of the cluster's alerts
}

// New makes a Monitor from cfg. It opens the history and starts nothing: that is
// Run's. The error lists every mistake in cfg.
func New(cfg Config) (*Monitor, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Monitor{
		cfg:       cfg,
		roots:     host.Roots{Proc: cfg.HostProc, Sys: cfg.HostSys, Root: cfg.HostRoot},
		sampler:   host.NewSampler(cfg.HostProc, cfg.HostSys),
		processes: process.New(cfg.HostProc),
		engineOf:  alert.New(cfg.Rules),
		notify:    notify.New(cfg.Name, cfg.Page, cfg.Logger, cfg.Ways...),
		now:       &host.Sample{}, prev: &host.Sample{}, spare: &host.Sample{},
		strange: make(chan struct{}, 1), own: map[string]alert.Silence{},
	}
	if cfg.Engine != "off" {
		m.engine = docker.New(cfg.Engine)
	}
	m.history, err = history.Open(history.Config{Dir: cfg.Dir, Span: cfg.Span, Keep: cfg.Keep, Logger: cfg.Logger}, time.Now())
	if err != nil {
		return nil, err
	}
	m.board = board.New(cfg.Name, cfg.Version, m.history, m.Status)
	m.board.Clustered = cfg.Cluster != nil
	m.board.Actions = m.actions()
	m.remember()
	m.api = api.New(m.apiConfig())
	if cfg.Metrics != nil {
		if err := cfg.Metrics.Register(m); err != nil {
			return nil, errors.Join(fmt.Errorf("register monitor metrics: %w", err), m.history.Close())
		}
	}
	return m, nil
}

func (m *Monitor) apiConfig() api.Config {
	c := api.Config{
		Board: m.board, Hosts: m.cfg.Hosts, Authorize: m.cfg.Authorize, Peer: m.cfg.Peer, DialTLS: m.cfg.DialTLS, Sockets: m.roots.Sockets, Logger: m.cfg.Logger,
	}
	for _, r := range m.engineOf.Rules() {
		c.Rules = append(c.Rules, r.String())
	}
	if m.cfg.Actions {
		c.Operator = actor{m}
	}
	return c
}

// remember takes over what an earlier life left.
func (m *Monitor) remember() {
	var events []cluster.Event
	for _, text := range m.history.Notes() {
		var e cluster.Event
		if json.Unmarshal(text, &e) == nil && e.ID > 0 {
			events = append(events, e)
		}
	}
	m.board.Events.Restore(events)
	if err := m.engineOf.Restore(m.history.Kept(keptAlerts), time.Now().Unix()); err != nil {
		m.cfg.Logger.Warn("state of alerts lost", "component", "monitor", "err", err)
	}
	var own map[string]alert.Silence
	if json.Unmarshal(m.history.Kept(keptSilences), &own) == nil && own != nil {
		m.own = own
	}
	m.board.SetSilences(m.listOwn())
	m.board.SetAlerts(m.engineOf.Active())
}

// Tags under which the history keeps what must outlive a restart.
const (
	keptAlerts   byte = 'a'
	keptSilences byte = 's'
)

// Run samples until ctx ends, then ends every stream, puts the history on disk and
// returns nil.
func (m *Monitor) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { m.takeMachine(ctx) })
	wg.Go(func() { m.notify.Run(ctx) })
	if m.cfg.Cluster != nil {
		wg.Go(func() { m.pollCluster(ctx) })
	}
	if m.cfg.Silences != nil {
		wg.Go(func() { m.watchSilences(ctx) })
	}
	kept, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	var keeper sync.WaitGroup
	keeper.Go(func() {
		if err := m.history.Run(kept); err != nil {
			m.cfg.Logger.Warn("history ended", "component", "monitor", "err", err)
		}
	})
	m.sample(ctx)
	m.api.Close()
	cancel()
	wg.Wait()
	stopKeeping() // last: it writes what the others recorded
	keeper.Wait()
	return m.Close()
}

// Close lets go of a Monitor that was never Run, and is harmless otherwise.
func (m *Monitor) Close() error {
	if m.cfg.Metrics != nil {
		m.cfg.Metrics.Unregister(m)
	}
	m.api.Close()
	m.sampler.Close()
	m.processes.Close()
	return m.history.Close()
}

// Handler answers the page, its parts and the API; see package api.
func (m *Monitor) Handler() http.Handler { return m.api.Handler() }

// Addrs is empty: the monitor is mounted on the admin listener.
func (m *Monitor) Addrs() map[string]string { return map[string]string{} }

// happened keeps events and shows them at once.
func (m *Monitor) happened(events []cluster.Event) {
	for _, e := range events {
		if text, err := json.Marshal(e); err == nil {
			m.history.Note(time.Now().Unix(), e.ID, text)
		}
	}
	m.api.Happened(events)
}
