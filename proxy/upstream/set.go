package upstream

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"pingd/proxy/balance"
	"pingd/proxy/h2/session"
	"pingd/proxy/health"
	"pingd/proxy/sticky"
	"pingd/proxy/wire"
)

// Errors of Acquire. Both mean 503 to a client.
var (
	// ErrNoServer is returned at once when no member may get traffic.
	ErrNoServer = errors.New("no server is available")
	// ErrQueue is returned when no slot became free in time.
	ErrQueue = errors.New("no server had a free slot in time")
)

// Config of a Set. Zero fields take their defaults.
type Config struct {
	// Name is the service's, empty for the only one.
	Name string
	// Balance makes what picks among servers (nil: round robin). load tells how
	// many requests a server has in flight.
	Balance func(load func(*Server) int64) balance.Balancer[*Server]
	// StickyKey is what servers' marks in cookies are made with.
	StickyKey []byte
	// SlowStart is how long a server that came up takes to reach its full weight
	// (default 0; HAProxy keyword "slowstart").
	SlowStart time.Duration
	// Changed is called when this proxy's own opinion of a server has changed, by
	// any goroutine (nil: not called).
	Changed func()
	// Health is how fast opinions about servers change.
	Health health.Config
	// Queue is how long a request waits for a slot (default 5s).
	Queue time.Duration
	// FirstCheck is how long a request waits for the very first check of the
	// only servers there are (default 1s): at start-up it beats an error.
	FirstCheck time.Duration
	// IdleTime is how long an unused connection is kept (default 30s).
	IdleTime time.Duration
	// MaxIdle is how many unused connections are kept per server (default 1024).
	MaxIdle int
	// Logger gets each change of a server's state (nil: none).
	Logger *slog.Logger
	// Dial makes connections (nil: TCP).
	Dial func(ctx context.Context, addr string) (net.Conn, error)
}

// Set is the current members. Make it with NewSet; safe for concurrent use.
type Set struct {
	cfg  Config
	log  *slog.Logger
	dial func(ctx context.Context, addr string) (net.Conn, error)

	mu      sync.Mutex
	known   bool // Update has been called
	members []*Server
	leaving []*Server // removed, with requests in flight
	picker  *Picker
	waiting []*Waiter
	ctx     context.Context // of the Set, then of Run; nil before
	began   time.Time       // of the Set, then of Run
	wg      sync.WaitGroup

	list    atomic.Pointer[membership] // members, for Pickers
	queue   atomic.Int64               // len(waiting), and those about to be
	special atomic.Bool                // some member is Special
	signals chan signal
	ramp    chan struct{} // weights change by themselves for a while
	changed []func()

	retired   []*session.Pool // of removed servers, with connections perhaps
	overrides map[string]Override
	votes     func(server string) health.Votes
	downs     map[string]bool // at the start
}

// NewSet returns an empty Set.
func NewSet(cfg Config) *Set {
	cfg.Health = cfg.Health.WithDefaults()
	cfg.Queue = or(cfg.Queue, 5*time.Second)
	cfg.FirstCheck = or(cfg.FirstCheck, time.Second)
	cfg.IdleTime = or(cfg.IdleTime, 30*time.Second)
	if cfg.MaxIdle <= 0 {
		cfg.MaxIdle = 1024
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Dial == nil {
		cfg.Dial = dialTCP
	}
	// A request may come before Run has begun, and waits for it.
	s := &Set{cfg: cfg, log: cfg.Logger, dial: cfg.Dial, began: time.Now(), signals: make(chan signal, 256), ramp: make(chan struct{}, 1)}
	s.list.Store(&membership{})
	s.picker = s.NewPicker()
	return s
}

func or(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

// Run checks the members and closes stale connections until ctx ends. Members
// given to Update before Run are checked when it starts.
func (s *Set) Run(ctx context.Context) {
	s.mu.Lock()
	s.ctx, s.began = ctx, time.Now()
	for _, m := range s.members {
		s.launch(m)
	}
	s.mu.Unlock()

	tick := time.NewTicker(s.cfg.IdleTime / 6)
	defer tick.Stop()
	ramping := time.NewTimer(0)
	defer ramping.Stop()
	for ctx.Err() == nil {
		select {
		case <-s.ramp:
			ramping.Reset(rampTick)
		case <-ramping.C:
			s.mu.Lock()
			s.publish()
			s.mu.Unlock()
		case <-tick.C:
			before := wire.Now() - wire.Instant(s.cfg.IdleTime)
			for _, m := range s.Servers() {
				m.sweep(before)
			}
		case g := <-s.signals:
			g.act()
		case <-ctx.Done():
		}
	}
	s.wg.Wait()
}

// Close lets go of every member and its kept connections. Call it after Run
// returned and the last request ended.
func (s *Set) Close() {
	s.Update(nil)
	s.mu.Lock()
	pools := s.retired
	s.mu.Unlock()
	for _, p := range pools {
		p.Close()
	}
}

// Servers returns the current members in the order of the list.
func (s *Set) Servers() []*Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Server(nil), s.members...)
}

// Leaving returns removed servers that still have requests in flight.
func (s *Set) Leaving() []*Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Server(nil), s.leaving...)
}

// Waiting returns the length of the queue.
func (s *Set) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// Update makes list the members. A server stays the same one, with its health
// and connections, as long as its name and address stay; of two with one name
// the first counts.
func (s *Set) Update(list []Backend) {
	s.mu.Lock()
	old := make(map[string]*Server, len(s.members))
	for _, m := range s.members {
		old[m.name] = m
	}
	var added, members []*Server
	seen := make(map[string]bool, len(list))
	for i := range list {
		b := list[i]
		if seen[b.Name] {
			continue
		}
		seen[b.Name] = true
		m := old[b.Name]
		if m == nil || m.addr != b.Addr {
			m = s.newServer(&b)
			added = append(added, m)
		} else {
			delete(old, b.Name)
			m.describe(&b)
		}
		members = append(members, m)
	}
	s.members, s.known = members, true
	for _, m := range old {
		s.remove(m)
	}
	s.publish()
	if s.ctx != nil {
		for _, m := range added {
			s.launch(m)
		}
	}
	s.serveWaiting()
	s.mu.Unlock()
	for _, m := range added {
		s.log.Info("backend added", "backend", m.name, "addr", m.addr)
	}
	for _, m := range old {
		m.retire()
		s.log.Info("backend removed", "backend", m.name, "addr", m.addr)
	}
	for _, changed := range s.changed {
		changed()
	}
}

func (s *Set) newServer(b *Backend) *Server {
	m := &Server{addr: b.Addr, name: b.Name, set: s, machine: health.NewMachine(s.cfg.Health), nudge: make(chan struct{}, 1), changed: time.Now()}
	m.mark = sticky.MarkOf(s.cfg.StickyKey, s.cfg.Name, b.Name)
	m.id = xxhash.Sum64String(b.Name)
	m.pool = session.NewPool(session.PoolConfig{
		Dial: func(ctx context.Context) (net.Conn, error) { return s.dial(ctx, b.Addr) }, Idle: s.cfg.IdleTime,
	})
	m.override = s.overrides[m.name]
	m.drained.Store(m.override.Drain)
	m.resolved.Store(literal(b.Addr))
	m.describe(b)
	m.votes = s.votesAbout(m, s.votes)
	if s.downs[m.name] {
		m.machine.Restore()
		m.state.Store(uint32(m.votes.Decide(m.machine.State())))
	}
	return m
}

// remove takes m out of the picking; s.mu is held.
func (s *Set) remove(m *Server) {
	m.gone.Store(true)
	if m.stop != nil {
		m.stop()
	}
	if m.active.Load() > 0 {
		s.leaving = append(s.leaving, m)
	}
	m.pool.Retire()
	s.retired = append(slices.DeleteFunc(s.retired, func(p *session.Pool) bool { return p.Conns() == 0 }), m.pool)
}

// launch starts m's checker; s.mu is held and Run is waiting for the group, or
// about to.
func (s *Set) launch(m *Server) {
	if s.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	m.stop = cancel
	s.wg.Go(func() {
		defer cancel()
		m.checkLoop(ctx)
	})
}

func (s *Set) stateChanged(m *Server, from, to health.State, why string) {
	log := s.log.Warn
	if to == health.Up {
		log = s.log.Info
	}
	log("backend state changed", "backend", m.name, "addr", m.addr,
		"from", from.String(), "to", to.String(), "why", why)
	if to == health.Up && from != health.Refusing {
		s.rise(m)
	}
	s.wakeWaiting()
}

func (s *Set) wakeWaiting() {
	s.mu.Lock()
	s.serveWaiting()
	s.mu.Unlock()
}
