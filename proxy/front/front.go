package front

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Front serves clients. Make it with New; Serve may be called once.
type Front struct {
	cfg   Config
	log   *slog.Logger
	slots chan struct{}
	keys  keys

	draining atomic.Bool
	peak     atomic.Int64
	accepted atomic.Int64
	refused  [6]atomic.Int64 // responses made here, by class

	mu      sync.Mutex
	clients map[*client]struct{}
	wg      sync.WaitGroup
}

// New returns a Front for cfg.
func New(cfg Config) *Front {
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	if cfg.MaxConn <= 0 {
		cfg.MaxConn = 10_000
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Front{
		cfg: cfg, log: cfg.Logger, slots: make(chan struct{}, cfg.MaxConn),
		keys: newKeys(), clients: make(map[*client]struct{}),
	}
}

// Stats are sums over all clients.
type Stats struct {
	Connections int64    // open now
	Peak        int64    // most open at once
	Limit       int64    // how many may be open at once
	Accepted    int64    // ever
	Own         [6]int64 // responses made by the proxy itself, by class: Own[4] counts 4xx
}

// Stats returns the current sums.
func (f *Front) Stats() Stats {
	f.mu.Lock()
	open := int64(len(f.clients))
	f.mu.Unlock()
	s := Stats{Connections: open, Peak: f.peak.Load(), Limit: int64(f.cfg.MaxConn), Accepted: f.accepted.Load()}
	for i := range s.Own {
		s.Own[i] = f.refused[i].Load()
	}
	return s
}

// Serve accepts clients from ln until ctx ends, which closes ln and idle
// connections at once, lets requests in flight finish for the grace time with
// Connection: close, and then cuts what is left. It returns when the last
// goroutine has ended: nil, or the error that ended accepting early.
func (f *Front) Serve(ctx context.Context, ln net.Listener) error {
	hard, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	err := f.accept(ctx, hard, ln)
	stop()
	_ = ln.Close()

	f.draining.Store(true)
	f.each((*client).closeIdle)
	ended := make(chan struct{})
	go func() { f.wg.Wait(); close(ended) }()
	grace := time.NewTimer(f.cfg.Timeouts.Grace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		cut()
		f.each((*client).cut)
		<-ended
	}
	return err
}

func (f *Front) accept(ctx, hard context.Context, ln net.Listener) error {
	var pause time.Duration
	for {
		select {
		case f.slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := ln.Accept()
		if err == nil {
			pause = 0
			f.start(hard, conn)
			continue
		}
		<-f.slots
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		// Out of descriptors, or a client gone before it was accepted: neither
		// is a reason to stop serving.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		f.log.Warn("accept client", "err", err, "retry_in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

func (f *Front) start(hard context.Context, conn net.Conn) {
	f.accepted.Add(1)
	c := newClient(f, hard, conn)
	f.mu.Lock()
	f.clients[c] = struct{}{}
	f.peak.Store(max(f.peak.Load(), int64(len(f.clients))))
	f.mu.Unlock()
	f.wg.Go(func() {
		defer f.end(c)
		c.serve()
	})
}

// end closes a client's connection. A panic is a fault in the proxy, and one
// client's request must not end everybody's.
func (f *Front) end(c *client) {
	if r := recover(); r != nil {
		f.log.Error("panic while serving a client", "panic", r, "stack", string(debug.Stack()))
	}
	_ = c.conn.Close()
	c.release()
	f.mu.Lock()
	delete(f.clients, c)
	f.mu.Unlock()
	<-f.slots
}

func (f *Front) each(do func(*client)) {
	f.mu.Lock()
	all := make([]*client, 0, len(f.clients))
	for c := range f.clients {
		all = append(all, c)
	}
	f.mu.Unlock()
	for _, c := range all {
		do(c)
	}
}

func (f *Front) trusts(addr netip.Addr) bool {
	for _, p := range f.cfg.Trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// count adds a response made by the proxy itself.
func (f *Front) count(status int) { f.refused[min(status/100, 5)].Add(1) }

func remote(conn net.Conn) netip.Addr {
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}
