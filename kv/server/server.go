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

	"pingd/kv/resp"
	"pingd/kv/server/pause"
	"pingd/kv/server/pubsub"
	"pingd/kv/server/settings"
	"pingd/kv/server/slowlog"
)

// Config says what a Server is. Listener and Store are required.
type Config struct {
	Listener net.Listener // bound by the caller; closed by Run and Close
	Store    Store

	Secret     string // password of the user default; empty = none is asked for
	MaxClients int    // connections at a time (Redis setting maxclients); default 10000
	RunID      string // 40 hex digits shown as run_id; default random
	Name       string // node name shown by INFO; default none

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
	secret   [32]byte // SHA-256
	table    commandTable
	settings *settings.Table
	hub      *pubsub.Hub
	events   *pubsub.Events
	clients  *clients
	slow     *slowlog.Log
	pause    pause.Pause
	stats    stats
	live     liveSettings
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
		secret:  digest([]byte(cfg.Secret)),
		table:   newCommandTable(),
		hub:     pubsub.NewHub(),
		clients: newClients(),
		slow:    slowlog.New(),
	}
	s.events = pubsub.NewEvents(s.hub)
	s.configure()
	if cfg.Metrics != nil {
		if err := cfg.Metrics.Register(collector{s}); err != nil {
			return nil, err
		}
	}
	cfg.Store.Engine().OnEvents(s.events.Add)
	cfg.Store.OnPublish(s.hub.Publish)
	return s, nil
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
	for _, name := range []string{
		"timeout", "maxclients", "slowlog-log-slower-than", "slowlog-max-len", "proto-max-bulk-len",
		"client-query-buffer-limit", "client-output-buffer-limit", "notify-keyspace-events",
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
	s.clients.refuse()
	s.clients.endAll()
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
		s.clients.cutAll()
		<-done
	}
}

// followLeadership ends the connections of a node that stops being the leader:
// some clients look for the new leader only when their connection breaks.
func (s *Server) followLeadership(ctx context.Context) {
	was := s.cfg.Store.IsLeader()
	for range s.cfg.Store.Changes(ctx) {
		is := s.cfg.Store.IsLeader()
		if was && !is {
			n := s.clients.endAll()
			s.log.Info("connections closed after losing leadership", "clients", n)
		}
		was = is
	}
}
