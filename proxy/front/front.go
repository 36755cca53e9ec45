package front

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/wire"
)

// Front serves clients. Make it with New; Serve may be called once.
type Front struct {
	cfg exchange.Config
	log *slog.Logger

	hard     context.Context // ends when requests in flight are cut
	cutAll   context.CancelFunc
	calm     context.Context // ends when no more requests are to be begun
	calmAll  context.CancelFunc
	draining atomic.Bool
	secure   secureStats
	offload  func(conn *tls.Conn, by *wire.Carrier, from netip.Addr) bool

	mu      sync.Mutex
	ended   bool // Serve takes no more clients
	held    bool // until whoever holds it lets go
	clients map[*client]struct{}
	wg      sync.WaitGroup // one for each client
}

// New returns a Front for cfg.
func New(cfg exchange.Config) *Front {
	cfg = cfg.WithDefaults()
	f := &Front{cfg: cfg, log: cfg.Logger, clients: make(map[*client]struct{})}
	// Not of Serve's context: what is in flight outlives that by the grace time.
	f.hard, f.cutAll = context.WithCancel(context.Background())
	f.calm, f.calmAll = context.WithCancel(context.Background())
	return f
}

// Serve accepts clients from ln, unless that is nil, and takes in those of Adopt
// and Listen until ctx ends, which closes ln, lets requests in flight finish for the
// grace time with Connection: close, and then cuts what is left. Clients that are
// idle may send one more request within the parting time. It returns when the last
// goroutine has ended: nil, or the error that ended accepting early.
func (f *Front) Serve(ctx context.Context, ln net.Listener) error {
	defer f.cutAll()
	var err error
	if ln != nil {
		err = f.Listen(ctx, ln, nil)
	} else {
		<-ctx.Done()
	}
	f.drain()
	return err
}

// Offload names an engine that is offered each client which speaks HTTP/1 over TLS, once
// its handshake is over. Where it returns true the client is its own. Call it before
// Listen.
func (f *Front) Offload(admit func(conn *tls.Conn, by *wire.Carrier, from netip.Addr) bool) {
	f.offload = admit
}

// Hold makes Adopt take clients also while Serve stops, until release is called,
// which must be. Serve does not return before. Call it once, before Serve.
func (f *Front) Hold() (release func()) {
	f.held = true
	f.wg.Add(1)
	return func() {
		f.mu.Lock()
		f.held = false
		f.ended = f.ended || f.draining.Load()
		f.mu.Unlock()
		f.wg.Done()
	}
}

// Listen accepts clients from ln until ctx ends, which closes ln; over TLS where
// secure is not nil. It returns nil, or the error that ended accepting early.
func (f *Front) Listen(ctx context.Context, ln net.Listener, secure *tls.Config) error {
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	defer ln.Close()
	return f.accept(ctx, ln, secure)
}

func (f *Front) drain() {
	f.draining.Store(true)
	f.mu.Lock()
	f.ended = !f.held
	f.mu.Unlock()
	f.calmAll()
	ended := make(chan struct{})
	go func() { f.wg.Wait(); close(ended) }()
	parting := time.NewTimer(exchange.Parting)
	defer parting.Stop()
	select {
	case <-ended:
		return
	case <-parting.C:
		f.each((*client).closeIdle)
	}
	grace := time.NewTimer(f.cfg.Timeouts.Grace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		f.cutAll()
		f.each((*client).cut)
		<-ended
	}
}

func (f *Front) accept(ctx context.Context, ln net.Listener, secure *tls.Config) error {
	var pause time.Duration
	for {
		if !f.cfg.Gate.Enter(ctx.Done()) {
			return nil
		}
		conn, err := ln.Accept()
		if err == nil {
			pause = 0
			f.cfg.Gate.Accepted()
			if !f.adopt(conn, nil, secure) {
				return nil
			}
			continue
		}
		f.cfg.Gate.Cancel()
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

// Adopt serves the client at the other end of conn, from which early, the whole
// or a part of its first request, has been read. The connection has its room in
// the Gate, which is given back at its end. Once Serve has begun to stop, Adopt
// closes conn and returns false.
func (f *Front) Adopt(conn net.Conn, early []byte) bool { return f.adopt(conn, early, nil) }

func (f *Front) adopt(conn net.Conn, early []byte, secure *tls.Config) bool {
	f.mu.Lock()
	if f.ended {
		f.mu.Unlock()
		_ = conn.Close()
		f.cfg.Gate.Leave()
		return false
	}
	c := newClient(f, f.hard, conn, early)
	f.clients[c] = struct{}{}
	f.wg.Go(func() {
		defer f.end(c)
		if c.greet(secure) && (secure == nil || !c.leaves()) {
			c.serve()
		}
	})
	f.mu.Unlock()
	return true
}

// end closes a client's connection. A panic is a fault in the proxy, and one
// client's request must not end everybody's.
func (f *Front) end(c *client) {
	if r := recover(); r != nil {
		f.log.Error("panic while serving a client", "panic", r, "stack", string(debug.Stack()))
	}
	if c.left {
		return
	}
	_ = c.conn.Close()
	c.release()
	f.mu.Lock()
	delete(f.clients, c)
	f.mu.Unlock()
	f.cfg.Gate.Leave()
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

// address returns a's, not valid if it is not of TCP.
func address(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := t.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port())
}
