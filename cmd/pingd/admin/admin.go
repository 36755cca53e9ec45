package admin

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pingd/cmd/pingd/past"
)

// Role is what the listener tells about a part of the process. Each of its methods
// may be called at any time, from several goroutines.
type Role interface {
	Status() any              // JSON-encodable, shown under the role's name
	Addrs() map[string]string // listener's name -> bound address
}

// Readier is a Role that is not ready as soon as it runs.
type Readier interface {
	Ready() error // nil, or why it cannot serve now, in a few words
}

// Config of a Server.
type Config struct {
	Listener net.Listener // bound by the caller; closed by Run or Close
	Name     string       // this node's name
	Version  string       // shown in /status and in the metric pingd_build_info
	Secret   string       // empty: nobody is asked for it

	// TLS is the listening side of TLS; nil: none. It may let in clients without a
	// certificate: ClientCerts refuses them all but /healthz and /readyz, which
	// whoever watches over a process must reach.
	TLS         *tls.Config
	ClientCerts bool

	// Hosts are the names that requests may use for this machine, besides IP
	// addresses, localhost and Name.
	Hosts []string

	// Remember keeps the status of each second for an hour, for /status/past.
	Remember bool
	// Actions lets requests that change something through to the page, from those
	// who know the secret; without a secret none is.
	Actions bool

	Registry *prometheus.Registry // gathered by /metrics; nil: none
	Logger   *slog.Logger         // nil: silent
}

// Limits of the listener. Headers are small here, and those who hold connections
// open are kept from those who look after the process.
const (
	maxConns       = 256
	maxHeader      = 16 << 10 // bytes
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
	answerTimeout  = 30 * time.Second // of our own answers; a page may stream for ever
	idleTimeout    = time.Minute
	drainTimeout   = time.Second
)

// Server is the admin listener. Roles are added before Run.
type Server struct {
	cfg     Config
	started time.Time
	auth    *authority
	past    *past.Keeper
	hosts   map[string]bool

	mu      sync.Mutex
	roles   []named
	page    http.Handler
	proxy   http.Handler
	closing bool
}

type named struct {
	name string
	role Role
}

// New returns a server on cfg.Listener.
func New(cfg Config) (*Server, error) {
	if cfg.Listener == nil {
		return nil, errors.New("admin: no listener")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, started: time.Now(), auth: newAuthority(cfg.Secret), hosts: knownHosts(cfg)}
	s.auth.log = cfg.Logger
	if cfg.Registry != nil {
		if err := cfg.Registry.Register(s.auth.wrong); err != nil {
			return nil, fmt.Errorf("admin: %w", err)
		}
	}
	s.past = past.New(func() ([]byte, error) { return json.Marshal(s.briefly()) })
	return s, nil
}

// Add shows role under name.
func (s *Server) Add(name string, role Role) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roles = append(s.roles, named{name, role})
}

// Mount serves page at /, behind the same checks as everything else.
func (s *Server) Mount(page http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.page = page
}

// MountProxy serves what operators ask a proxy and tell it, below /proxy/.
func (s *Server) MountProxy(api http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proxy = api
}

// Stopping makes /readyz say that the process is going away.
func (s *Server) Stopping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
}

// Addr returns the bound address.
func (s *Server) Addr() string { return s.cfg.Listener.Addr().String() }

// Close closes the listener of a server that is not run.
func (s *Server) Close() error { return s.cfg.Listener.Close() }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	// The requests' context ends with ctx, so that streams do not hold up the stop.
	srv := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withVisitor,
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	defer func() { <-stopped }()
	serving, done := context.WithCancel(ctx)
	defer done()
	if s.cfg.Remember {
		remembering := make(chan struct{})
		defer func() { <-remembering }()
		go func() { // ends with serving; Run waits for remembering
			defer close(remembering)
			s.past.Run(serving)
		}()
	}
	go func() { // ends with serving; Run waits for stopped
		defer close(stopped)
		<-serving.Done()
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if srv.Shutdown(bound) != nil {
			_ = srv.Close() // a client that reads slowly; nothing is owed to it
		}
	}()
	ln := net.Listener(newCrowd(s.cfg.Listener, maxConns))
	if s.cfg.TLS != nil {
		ln = tls.NewListener(ln, s.cfg.TLS) // on top: the server has to see it
	}
	err := srv.Serve(ln)
	if ctx.Err() != nil && errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve admin on %s: %w", s.Addr(), err)
}
