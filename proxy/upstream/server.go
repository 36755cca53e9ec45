package upstream

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"pingd/proxy/h2/session"
	"pingd/proxy/health"
	"pingd/proxy/latency"
	"pingd/proxy/proxyproto"
	"pingd/proxy/sticky"
	"pingd/proxy/wire"
)

// Server is a member of a Set with all that is known about it. Its exported
// fields count and may be used by any goroutine.
type Server struct {
	Counters

	addr string
	name string
	set  *Set

	backend atomic.Pointer[Backend]
	state   atomic.Uint32 // health.State, for readers without the lock
	active  atomic.Int64  // requests holding a slot
	peak    atomic.Int64
	gone    atomic.Bool
	drained atomic.Bool // by an operator
	seen    atomic.Bool // a check has come back
	stop    context.CancelFunc
	nudge   chan struct{} // the checker should look again now

	resolved atomic.Pointer[netip.AddrPort] // where the last check got through, or what addr says
	troubled atomic.Bool                    // the last connection could not be made
	parked   atomic.Int64                   // connections kept open by loops

	mark sticky.Mark
	id   uint64 // of the name, the same in every proxy
	pool *session.Pool

	override Override  // guarded by the Set's mu
	risen    time.Time // when it came up, unless it was the first; guarded by the Set's mu

	mu       sync.Mutex
	machine  *health.Machine
	votes    health.Votes
	ownDown  bool
	result   string    // of the last check, as HAProxy writes it: L4OK, L7STS 500
	changed  time.Time // of the state
	downtime time.Duration
	idle     []*Conn // last in, first out
}

// Counters are a server's sums since it appeared.
type Counters struct {
	Requests      atomic.Int64 // requests sent, repeated ones included
	Responses     [6]atomic.Int64
	ConnectErrors atomic.Int64
	Deaths        atomic.Int64 // connection ended before a response
	Timeouts      atomic.Int64 // no response in time
	Invalid       atomic.Int64 // what came was not a response
	Truncated     atomic.Int64 // the response ended early
	Retries       atomic.Int64 // requests sent again because this server failed
	Redispatches  atomic.Int64 // those of them that went to another server
	BytesIn       atomic.Int64 // from clients
	BytesOut      atomic.Int64 // to clients
	ChecksFailed  atomic.Int64
	Answer        latency.Histogram // from a connection for the request to the response's head
}

// Backend returns the current description.
func (s *Server) Backend() *Backend { return s.backend.Load() }

// Name returns the name that the server keeps for life.
func (s *Server) Name() string { return s.name }

// ID is a number that tells the server apart from others, the same in every proxy.
func (s *Server) ID() uint64 { return s.id }

// Mark is what stands for the server in a sticky cookie.
func (s *Server) Mark() *sticky.Mark { return &s.mark }

// Draining reports whether an operator wants the server to get nothing new.
func (s *Server) Draining() bool { return s.drained.Load() }

// describe takes over a description.
func (s *Server) describe(b *Backend) {
	s.backend.Store(b)
	s.mu.Lock()
	s.machine.Configure(s.set.cfg.Health.But(b.Timing))
	s.mu.Unlock()
}

// State returns the current health.
func (s *Server) State() health.State { return health.State(s.state.Load()) }

// Conn is a connection to a server.
type Conn struct {
	*wire.Conn
	Server *Server
	// Reused is set once the connection has carried a response: the server may
	// have closed it meanwhile.
	Reused bool
	single bool         // not to be kept
	since  wire.Instant // idle since
}

// Idle returns a kept connection that is still open, or nil.
func (s *Server) Idle() *Conn {
	for {
		s.mu.Lock()
		n := len(s.idle)
		if n == 0 {
			s.mu.Unlock()
			return nil
		}
		c := s.idle[n-1]
		s.idle[n-1] = nil
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		if c.Quiet() {
			return c
		}
		_ = c.Close() // closed by the server or it spoke unasked
	}
}

// Dial makes a new connection for a client at src that connected to dst. What it
// finds out counts as a passive check.
func (s *Server) Dial(ctx context.Context, src, dst netip.AddrPort) (*Conn, error) {
	b := s.Backend()
	dial := s.set.dial
	if b.HTTP2 {
		dial = func(ctx context.Context, _ string) (net.Conn, error) { return s.pool.Dial(ctx) }
	}
	c, err := dial(ctx, s.addr)
	if err == nil && b.SendProxy != proxyproto.Off && !b.HTTP2 {
		if _, err = c.Write(b.SendProxy.Append(nil, src, dst)); err != nil {
			_ = c.Close()
		}
	}
	if err != nil {
		if ctx.Err() == nil || context.Cause(ctx) == context.DeadlineExceeded {
			s.refused()
		}
		return nil, err
	}
	s.connected()
	return &Conn{Conn: wire.New(c), Server: s, single: b.Special()}, nil
}

// Keep puts a connection back after a complete exchange. It is closed when the
// server has been removed or keeps enough.
func (s *Server) Keep(c *Conn) {
	c.Reused, c.since = true, wire.Now()
	s.mu.Lock()
	if c.single || s.gone.Load() || len(s.idle) >= s.set.cfg.MaxIdle {
		s.mu.Unlock()
		_ = c.Close()
		return
	}
	s.idle = append(s.idle, c)
	s.mu.Unlock()
}

// sweep closes connections that were idle for too long or are no longer open.
func (s *Server) sweep(before wire.Instant) {
	s.mu.Lock()
	n := 0
	for n < len(s.idle) && s.idle[n].since < before {
		n++
	}
	old := append([]*Conn(nil), s.idle[:n]...)
	s.idle = append(s.idle[:0], s.idle[n:]...)
	s.mu.Unlock()
	for _, c := range old {
		_ = c.Close()
	}
}

func (s *Server) connected() {
	if s.troubled.Load() && s.troubled.Swap(false) {
		s.mu.Lock()
		s.machine.Connected()
		s.mu.Unlock()
	}
}

func (s *Server) refused() {
	s.ConnectErrors.Add(1)
	s.troubled.Store(true)
	s.mu.Lock()
	changed := s.machine.Refused()
	s.mu.Unlock()
	if changed {
		s.moved("connections refused")
		s.look()
	}
}

// moved publishes a change of state that the machine has made, or the votes.
func (s *Server) moved(why string) {
	now := time.Now()
	s.mu.Lock()
	own := s.machine.State()
	from, to := s.State(), s.votes.Decide(own)
	if from != to {
		if from == health.Down || from == health.Refusing {
			s.downtime += now.Sub(s.changed)
		}
		s.changed = now
		s.state.Store(uint32(to))
	}
	opinion := (own == health.Down) != s.ownDown
	s.ownDown = own == health.Down
	s.mu.Unlock()
	if from != to {
		s.set.stateChanged(s, from, to, why)
	}
	if opinion && s.set.cfg.Changed != nil {
		s.set.cfg.Changed()
	}
}

// retire lets go of the kept connections; the last request in flight closes its
// own.
func (s *Server) retire() {
	s.mu.Lock()
	s.gone.Store(true)
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	for _, c := range idle {
		_ = c.Close()
	}
}

// crowded reports whether every slot is taken.
func (s *Server) crowded() bool {
	limit := int64(s.Backend().MaxConn)
	return limit > 0 && s.active.Load() >= limit
}

// enter takes a slot if there is one.
func (s *Server) enter() bool {
	n := s.active.Add(1)
	if limit := int64(s.Backend().MaxConn); limit > 0 && n > limit {
		s.active.Add(-1)
		return false
	}
	if n > s.peak.Load() {
		s.peak.Store(n) // a race may lose a count of one; a peak is a hint
	}
	return true
}

func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// View is a server's state at one moment.
type View struct {
	State    health.State
	Check    string    // result of the last check
	Changed  time.Time // when the state last changed
	Downtime time.Duration
	Active   int64 // requests in flight
	Peak     int64
	Idle     int // connections kept open
	Draining bool
	Weight   int // without the slow start, as overridden
	Votes    health.Votes
}

// View returns the current state.
func (s *Server) View() View {
	s.set.mu.Lock()
	weight := s.weight()
	s.set.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	v := View{
		Draining: s.Draining(), Weight: weight, Votes: s.votes,
		State: s.State(), Check: s.result, Changed: s.changed, Downtime: s.downtime,
		Active: s.active.Load(), Peak: s.peak.Load(), Idle: len(s.idle) + int(s.parked.Load()),
	}
	if v.State == health.Down || v.State == health.Refusing {
		v.Downtime += time.Since(s.changed)
	}
	return v
}
