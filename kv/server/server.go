package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"pingd/kv/engine"
	"pingd/kv/resp"
	"pingd/kv/resp/clients"
	"pingd/kv/resp/session"
	"pingd/kv/server/follow"
	"pingd/kv/server/info"
	"pingd/kv/server/latency"
	"pingd/kv/server/pause"
	"pingd/kv/server/pubsub"
	"pingd/kv/server/settings"
	"pingd/kv/server/slowlog"
	"pingd/kv/server/tap"
	"pingd/kv/server/tracking"
)

// Config says what a Server is. Listener and Store are required.
type Config struct {
	Listener net.Listener // bound by the caller; closed by Run and Close
	Store    Store

	Secret     string // password of the user default; empty = none is asked for
	MaxClients int    // connections at a time (Redis setting maxclients); default 10000
	RunID      string // 40 hex digits shown as run_id; default random
	Name       string // node name shown by INFO; default none

	// FollowerWrites says what becomes of writes while this node does not lead;
	// default: the leader gets them.
	FollowerWrites follow.Mode

	// WriteTimeout is how long a client may leave a reply unread before it is cut
	// off; default 30 s.
	WriteTimeout time.Duration
	// DrainTimeout is how long Run waits for commands in flight once its context
	// has ended, before it cuts the connections; default 5 s.
	DrainTimeout time.Duration

	Logger  *slog.Logger          // default: discarded
	Metrics prometheus.Registerer // default: none
}

// Server is the Redis front of one store node. Create it with New.
type Server struct {
	cfg      Config
	log      *slog.Logger
	started  time.Time
	session  *session.Server
	table    commandTable
	settings *settings.Table
	hub      *pubsub.Hub
	events   *pubsub.Events
	clients  *clients.Set
	tracking *tracking.Table
	tap      tap.Tap
	slow     *slowlog.Log
	latency  latency.Monitor
	pause    pause.Pause
	rates    info.Rates
	stats    stats
	live     liveSettings
	told     session.Seldom // of what strangers do
}

// liveSettings are copies of settings that every connection looks at.
type liveSettings struct {
	timeout    atomic.Int64 // seconds; 0 = never
	maxClients atomic.Int64
	slowerThan atomic.Int64 // microseconds; negative = no slow log
	bulkLimit  atomic.Int64
	queryLimit atomic.Int64
	pubsub     atomic.Pointer[settings.Limit]
	normal     atomic.Pointer[settings.Limit]
}

// New validates cfg and wires the server to its store. Nothing runs yet.
func New(cfg Config) (*Server, error) {
	if cfg.Listener == nil || cfg.Store == nil {
		return nil, errors.New("configure Redis front: a listener and a store are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.RunID == "" {
		cfg.RunID = randomID()
	}
	if cfg.WriteTimeout <= 0 {
		cfg.WriteTimeout = 30 * time.Second
	}
	if cfg.DrainTimeout <= 0 {
		cfg.DrainTimeout = 5 * time.Second
	}
	s := &Server{
		cfg:     cfg,
		log:     cfg.Logger.With("component", "redis"),
		started: time.Now(),
		table:   newCommandTable(),
		hub:     pubsub.NewHub(),
		clients: clients.NewSet(),
		slow:    slowlog.New(),
	}
	s.session = session.NewServer(cfg.Secret, s.log, "standalone", s.role)
	s.tracking = tracking.NewTable(s.trackingClient)
	s.events = pubsub.NewEvents(s.hub)
	s.configure()
	if cfg.Metrics != nil {
		if err := cfg.Metrics.Register(collector{s}); err != nil {
			return nil, err
		}
	}
	cfg.Store.Engine().OnEvents(s.applied)
	cfg.Store.Engine().OnRestore(s.restored)
	cfg.Store.OnPublish(s.hub.Deliver)
	return s, nil
}

// applied takes in the events of a log entry, on the goroutine that applies it.
func (s *Server) applied(events []engine.Event) {
	s.tracking.Changed(events)
	s.events.Add(events)
}

// restored hears that a snapshot has replaced everything: what changed is not
// known.
func (s *Server) restored() {
	s.tracking.Flush()
	s.hub.CutAll("keyspace events were lost: state taken over from a snapshot")
}

// trackingClient finds a connection that others redirect messages to.
func (s *Server) trackingClient(id int64) (tracking.Client, bool) {
	c, ok := s.clients.Get(id).(*conn)
	return c, ok
}

// role is what HELLO calls this node.
func (s *Server) role() string {
	if s.cfg.Store.IsLeader() {
		return "master"
	}
	return "replica"
}

func randomID() string {
	var b [20]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// configure fills the settings from cfg and keeps the live copies in step.
func (s *Server) configure() {
	s.settings = settings.New(func(name, _ string) { s.applySetting(name) })
	if s.cfg.MaxClients > 0 {
		s.settings.Preset("maxclients", itoa(int64(s.cfg.MaxClients)))
	}
	if host, port, err := net.SplitHostPort(s.cfg.Listener.Addr().String()); err == nil {
		s.settings.Preset("bind", host)
		s.settings.Preset("port", port)
	}
	if s.cfg.Secret != "" {
		s.settings.Preset("requirepass", "(set)") // never the password itself
	}
	if s.cfg.FollowerWrites == follow.Forward {
		s.settings.Preset("replica-read-only", "no")
	}
	for _, name := range []string{
		"timeout", "maxclients", "slowlog-log-slower-than", "slowlog-max-len", "proto-max-bulk-len",
		"client-query-buffer-limit", "client-output-buffer-limit", "notify-keyspace-events",
		"tracking-table-max-keys", "latency-monitor-threshold",
	} {
		s.applySetting(name)
	}
}

func (s *Server) applySetting(name string) {
	switch name {
	case "timeout":
		s.live.timeout.Store(s.settings.Int(name))
	case "maxclients":
		s.live.maxClients.Store(s.settings.Int(name))
	case "slowlog-log-slower-than":
		s.live.slowerThan.Store(s.settings.Int(name))
	case "slowlog-max-len":
		s.slow.Resize(int(s.settings.Int(name)))
	case "proto-max-bulk-len":
		s.live.bulkLimit.Store(s.settings.Int(name))
	case "client-query-buffer-limit":
		s.live.queryLimit.Store(s.settings.Int(name))
	case "client-output-buffer-limit":
		value := s.settings.Get(name)
		pub, normal := settings.BufferLimit(value, "pubsub"), settings.BufferLimit(value, "normal")
		s.live.pubsub.Store(&pub)
		s.live.normal.Store(&normal)
	case "tracking-table-max-keys":
		s.tracking.SetMax(s.settings.Int(name))
	case "latency-monitor-threshold":
		s.latency.SetThreshold(s.settings.Int(name))
	case "notify-keyspace-events":
		s.events.Select(s.settings.Get(name))
	}
}

// limits returns how much an authenticated client may send at once.
func (s *Server) limits() resp.Limits {
	return resp.Limits{MaxBulk: int(s.live.bulkLimit.Load()), MaxTotal: int(s.live.queryLimit.Load())}
}

// Addrs returns the bound address under "redis".
func (s *Server) Addrs() map[string]string {
	return map[string]string{"redis": s.cfg.Listener.Addr().String()}
}

// Close releases the listener of a Server that is never Run.
func (s *Server) Close() error { return s.cfg.Listener.Close() }

// Run serves clients until ctx ends, then stops accepting, lets commands in
// flight finish for at most DrainTimeout and closes all connections. It returns
// nil after that, or an error if the listener fails. Run may be called once.
func (s *Server) Run(ctx context.Context) error {
	runCtx, stopRun := context.WithCancel(ctx)
	defer stopRun()
	var g errgroup.Group
	// Commands in flight and events for subscribers outlive ctx by the drain.
	late, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	var conns sync.WaitGroup
	g.Go(func() error { s.events.Run(late); return nil })
	g.Go(func() error { s.followLeadership(runCtx); return nil })
	g.Go(func() error { s.sample(runCtx); return nil })
	g.Go(func() error {
		defer stopRun() // without a listener there is nothing to serve
		return s.accept(runCtx, late, &conns)
	})
	<-runCtx.Done()
	s.cfg.Listener.Close() //nolint:errcheck // wakes accept, which reports the fault that matters
	s.drain(&conns, stop)
	return g.Wait()
}

// drain ends all connections: idle ones now, the others after their command.
func (s *Server) drain(conns *sync.WaitGroup, stop context.CancelCauseFunc) {
	defer stop(errStopping)
	s.clients.Refuse()
	s.clients.EndAll()
	done := make(chan struct{})
	go func() { // ends with the connections, which are cut below at the latest
		conns.Wait()
		close(done)
	}()
	late := time.NewTimer(s.cfg.DrainTimeout)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		s.log.Warn("commands did not finish in time", "took", s.cfg.DrainTimeout)
		stop(errStopping)
		s.clients.CutAll("server stops")
		<-done
	}
}
