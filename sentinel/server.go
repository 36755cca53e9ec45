package sentinel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pingd/kv/resp/clients"
	"pingd/kv/resp/session"
)

// DefaultAddr is Redis Sentinel's address on loopback.
const DefaultAddr = "127.0.0.1:26379"

// failoverTimeout bounds SENTINEL FAILOVER.
const failoverTimeout = 5 * time.Second

// Config sets up a Server. The zero value of a field means its default.
type Config struct {
	// Listener takes connections; nil = listen on Addr.
	Listener net.Listener
	// Addr is host:port to listen on when Listener is nil (default DefaultAddr).
	Addr string
	// Cluster is what is told about; required.
	Cluster Cluster
	// MasterName is what clients call the cluster (default "master"; Redis's
	// "sentinel monitor <master-name>"). No spaces.
	MasterName string
	// Secret is the password clients must give (Redis setting requirepass);
	// empty = none.
	Secret string
	// MaxClients is how many connections are served at the same time (default
	// 10000; Redis setting maxclients). Further ones get an error.
	MaxClients int
	// WriteTimeout is how long a client may take to read what it is sent
	// (default 10 s) before it is disconnected.
	WriteTimeout time.Duration
	// Logger receives the events, as Sentinel's log has them; nil = discard.
	Logger *slog.Logger
}

// Server is a Sentinel endpoint. Its methods may be called from any goroutine.
type Server struct {
	cfg      Config
	log      *slog.Logger
	listener net.Listener
	hub      *hub
	// containers are the subcommands of the commands that have some.
	containers map[string]map[string]command
	session    *session.Server
	told       session.Seldom // of what strangers do
	clients    *clients.Set
	id         string    // this endpoint's identifier where it belongs to no node
	started    time.Time // for uptime

	accepted atomic.Uint64
	refused  atomic.Uint64
	commands atomic.Uint64
	errors   atomic.Uint64 // error replies
	failing  atomic.Bool   // a FAILOVER is under way

	// mu guards what follows. Events are published while it is held, so that
	// every subscriber hears them in the same order.
	mu       sync.Mutex
	state    state
	settings settings
}

// New checks cfg and listens. The endpoint answers nothing before Run; without
// Run, Close it.
func New(cfg Config) (*Server, error) {
	if cfg.Addr == "" {
		cfg.Addr = DefaultAddr
	}
	if cfg.MasterName == "" {
		cfg.MasterName = "master"
	}
	if cfg.MaxClients <= 0 {
		cfg.MaxClients = 10000
	}
	if cfg.WriteTimeout <= 0 {
		cfg.WriteTimeout = 10 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Cluster == nil {
		return nil, errors.New("sentinel: no cluster to tell about\nhint: --join=127.0.0.1:6379")
	}
	// Event texts are words between spaces.
	if strings.ContainsAny(cfg.MasterName, " \t\r\n,") {
		return nil, fmt.Errorf("sentinel: master name %q holds a space or a comma\nhint: --master-name=master", cfg.MasterName)
	}
	s := &Server{
		cfg: cfg, log: cfg.Logger.With("component", "sentinel"), listener: cfg.Listener, hub: newHub(),
		started: time.Now(), settings: defaultSettings(), clients: clients.NewSet(), containers: containers(),
	}
	s.session = session.NewServer(cfg.Secret, s.log, "sentinel", nil)
	if s.listener == nil {
		var err error
		if s.listener, err = net.Listen("tcp", cfg.Addr); err != nil {
			return nil, fmt.Errorf("listen on %s: %w\nhint: --sentinel-addr=:0 takes any free port", cfg.Addr, err)
		}
	}
	s.id = sentinelID(s.listener.Addr().String())
	return s, nil
}

// Addr returns the bound address.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Addrs returns the bound addresses by listener name: "sentinel".
func (s *Server) Addrs() map[string]string {
	return map[string]string{"sentinel": s.listener.Addr().String()}
}

// Close frees the port of a server that is not Run.
func (s *Server) Close() error { return s.listener.Close() }

// Run answers until ctx ends, then closes all connections and returns nil.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { s.watch(ctx) })
	wg.Go(func() {
		<-ctx.Done()
		_ = s.listener.Close()
		s.clients.Refuse()
		s.clients.CutAll("server stops")
	})
	s.log.Info("sentinel endpoint answers", "addr", s.listener.Addr().String(), "master", s.cfg.MasterName)
	err := s.accept(ctx, &wg)
	cancel()
	wg.Wait()
	return err
}

// accept takes connections until ctx ends or the listener fails.
func (s *Server) accept(ctx context.Context, wg *sync.WaitGroup) error {
	for {
		conn, err := s.listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept on %s: %w", s.listener.Addr(), err)
		case err != nil:
			// Out of file descriptors, for one: it passes.
			s.log.Warn("connection not accepted", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		s.accepted.Add(1)
		c := newClient(s, conn)
		added, made := s.clients.Add(c.ID, c, int64(s.cfg.MaxClients), c.stranger)
		if made {
			s.refused.Add(1)
		}
		if !added {
			s.refused.Add(1)
			wg.Go(c.refuse)
			continue
		}
		wg.Go(func() {
			c.serve(ctx)
			s.clients.Remove(c.ID)
		})
	}
}

// watch takes in changes of the cluster. The ticker is for what changes without
// a notice, such as a node that falls silent.
func (s *Server) watch(ctx context.Context) {
	changes := s.cfg.Cluster.Changes(ctx)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s.refresh()
		select {
		case <-ctx.Done():
			return
		case _, ok := <-changes:
			if !ok {
				changes = nil // the ticker remains
			}
		case <-tick.C:
		}
	}
}

// refresh takes in the cluster's present state, tells what changed and returns
// it. Commands call it too, so that no answer is older than the question.
func (s *Server) refresh() (state, settings) {
	view := s.cfg.Cluster.View()
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []Event
	s.state, events = next(s.state, view, time.Now(), s.cfg.MasterName)
	s.hub.publish(events)
	for _, e := range events {
		s.logEvent(e)
	}
	return s.state, s.settings
}

// logEvent writes an event under the name by which operators of Sentinel search.
func (s *Server) logEvent(e Event) {
	tell := s.log.Info
	switch e.Channel {
	case "+sdown", "+odown", "+switch-master":
		tell = s.log.Warn
	}
	tell(e.Channel + " " + e.Text)
}

// tell publishes an event that is no change of the cluster.
func (s *Server) tell(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hub.publish([]Event{e})
	s.logEvent(e)
}

// failover hands leadership to another node, one such request at a time.
func (s *Server) failover(ctx context.Context) error {
	if !s.failing.CompareAndSwap(false, true) {
		return errInProgress
	}
	defer s.failing.Store(false)
	ctx, cancel := context.WithTimeout(ctx, failoverTimeout)
	defer cancel()
	return s.cfg.Cluster.Failover(ctx)
}

var errInProgress = errors.New("INPROG Failover already in progress")
