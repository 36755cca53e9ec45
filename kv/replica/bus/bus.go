package bus

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Config is what a Bus needs. All but Listener and Self is optional.
type Config struct {
	Listener net.Listener
	Secret   string
	Self     func() Identity // asked anew for each handshake
	Logger   *slog.Logger

	// Dial opens a connection; tests put faults into it. Host names are resolved
	// in it, so anew at each dial. Default: net.Dialer.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	// Handler answers requests on Forward and Control connections.
	Handler Handler

	// HandshakeTimeout bounds a handshake. Default 3 s.
	HandshakeTimeout time.Duration
}

// maxPending bounds how many strangers may be in a handshake at once. The one that has
// taken longest gives way to a further one: those who hold connections and say nothing
// must not keep nodes out, whose handshakes take no time.
const maxPending = 256

// Bus is a node's end of the cluster bus. Serve runs it; its methods are safe
// for concurrent use.
type Bus struct {
	cfg  Config
	raft *stream

	mu      sync.Mutex
	pending *list.List      // of net.Conn: who is in a handshake, oldest first
	ctx     context.Context // Serve's
	closed  bool
	warned  time.Time             // when a wrong secret was last told of
	raftAt  time.Time             // when Raft connections are admitted; zero = not yet known
	conns   map[net.Conn]struct{} // every connection, so that Close can end them

	wg sync.WaitGroup
}

// New returns a Bus on cfg.Listener. Nothing runs before Serve.
func New(cfg Config) *Bus {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Dial == nil {
		cfg.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", addr)
		}
	}
	if cfg.HandshakeTimeout <= 0 {
		cfg.HandshakeTimeout = 3 * time.Second
	}
	return &Bus{
		cfg:     cfg,
		pending: list.New(),
		conns:   map[net.Conn]struct{}{},
	}
}

// Serve accepts connections until ctx ends or the listener breaks, then closes
// every connection and waits for what runs on them.
func (b *Bus) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	b.mu.Lock()
	b.ctx = ctx
	b.mu.Unlock()
	stop := context.AfterFunc(ctx, b.shut)
	defer b.wg.Wait()
	defer b.shut()
	defer cancel()
	defer stop()
	for {
		c, err := b.cfg.Listener.Accept()
		if err != nil {
			if ctx.Err() != nil || b.isClosed() {
				return nil
			}
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				continue
			}
			if waitOut(ctx, err) {
				continue
			}
			return fmt.Errorf("accept on cluster bus: %w", err)
		}
		if b.track(c) {
			place := b.enter(c)
			b.wg.Go(func() { b.serveConn(ctx, c, place) })
		}
	}
}

// Shut closes the listener and all connections at once. Serve returns then.
func (b *Bus) Shut() { b.shut() }

func (b *Bus) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	_ = b.cfg.Listener.Close()
	for c := range b.conns {
		_ = c.Close()
	}
	if b.raft != nil {
		b.raft.stop()
	}
}

func (b *Bus) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// silence is for how long a peer may not take what is sent to it. A follower whose
// connection to the leader leads nowhere serves nobody until it breaks.
const silence = 5 * time.Second

// track takes c under the care of Close, or closes it when it is too late.
func (b *Bus) track(c net.Conn) bool {
	bound(below(c))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		_ = c.Close()
		return false
	}
	b.conns[c] = struct{}{}
	return true
}

// enter notes that c is in a handshake, in the place of another if there are too many.
func (b *Bus) enter(c net.Conn) *list.Element {
	b.mu.Lock()
	var oldest net.Conn
	if b.pending.Len() >= maxPending {
		oldest = b.pending.Remove(b.pending.Front()).(net.Conn)
	}
	place := b.pending.PushBack(c)
	b.mu.Unlock()
	if oldest != nil {
		_ = below(oldest).Close() // its handshake fails, and its goroutine ends
	}
	return place
}

// below returns the connection without TLS, which would say goodbye first.
func below(c net.Conn) net.Conn {
	if secured, ok := c.(interface{ NetConn() net.Conn }); ok {
		return secured.NetConn()
	}
	return c
}

// enough notes that the handshake is over, whatever came of it.
func (b *Bus) enough(place *list.Element) {
	b.mu.Lock()
	b.pending.Remove(place) // nothing happens where it had to give way
	b.mu.Unlock()
}

// spawn runs f on a goroutine that Serve waits for, unless the bus is closed.
func (b *Bus) spawn(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.wg.Go(f)
	}
	return !b.closed
}

func (b *Bus) drop(c net.Conn) {
	_ = c.Close()
	b.mu.Lock()
	delete(b.conns, c)
	b.mu.Unlock()
}

// serveConn owns c through its handshake, and after it unless it becomes Raft's.
func (b *Bus) serveConn(ctx context.Context, c net.Conn, place *list.Element) {
	deadline := time.Now().Add(b.cfg.HandshakeTimeout)
	peer, p, err := welcome(c, []byte(b.cfg.Secret), b.cfg.Self(), deadline, b.admit)
	b.enough(place)
	if err != nil {
		b.drop(c)
		level := slog.LevelDebug
		if (errors.Is(err, ErrSecret) || errors.Is(err, ErrTLS)) && b.mayWarn() {
			level = slog.LevelWarn
		}
		b.cfg.Logger.Log(ctx, level, "refused bus connection", "remote", c.RemoteAddr().String(), "peer", peer.Name, "err", err)
		return
	}
	if p == Raft {
		if !b.handOver(c) {
			b.drop(c)
		}
		return
	}
	defer b.drop(c)
	serveRequests(ctx, c, peer, p, b.cfg.Handler)
}

// warnEvery keeps nodes that try again and again in vain from filling the log.
const warnEvery = 10 * time.Second

func (b *Bus) mayWarn() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.warned) < warnEvery {
		return false
	}
	b.warned = time.Now()
	return true
}

// admit decides on a peer that knows the secret.
func (b *Bus) admit(peer Identity, p Purpose) byte {
	self := b.cfg.Self()
	if p == Control {
		return statusOK
	}
	if self.Cluster != peer.Cluster || self.Cluster == "" {
		return statusCluster
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if p == Raft && (b.raftAt.IsZero() || time.Now().Before(b.raftAt)) {
		return statusRefused
	}
	return statusOK
}

// Dial opens a connection for p to addr and returns who is there. Errors wrap
// ErrSecret, ErrCluster, ErrProto or ErrRefused, or come from the network.
func (b *Bus) Dial(ctx context.Context, addr string, p Purpose) (net.Conn, Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.HandshakeTimeout)
	defer cancel()
	c, err := b.cfg.Dial(ctx, addr)
	if err != nil {
		b.tellFinal(ctx, addr, err)
		return nil, Identity{}, fmt.Errorf("dial %s: %w", addr, err)
	}
	if !b.track(c) {
		return nil, Identity{}, fmt.Errorf("dial %s: %w", addr, net.ErrClosed)
	}
	deadline, _ := ctx.Deadline()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	peer, err := greet(c, []byte(b.cfg.Secret), b.cfg.Self(), p, deadline)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		b.drop(c)
		b.tellFinal(ctx, addr, err)
		return nil, peer, fmt.Errorf("dial %s: %w", addr, err)
	}
	return &tracked{Conn: c, bus: b}, peer, nil
}

// tellFinal warns of an error that lasts until somebody does something about it.
func (b *Bus) tellFinal(ctx context.Context, addr string, err error) {
	if final(err) && b.mayWarn() {
		b.cfg.Logger.WarnContext(ctx, "turned away by a node", "addr", addr, "err", err)
	}
}

// final tells whether trying again, without anybody's help, is in vain.
func final(err error) bool {
	if errors.Is(err, ErrSecret) || errors.Is(err, ErrCluster) || errors.Is(err, ErrProto) || errors.Is(err, ErrTLS) {
		return true
	}
	_, theirs := errors.AsType[*tls.CertificateVerificationError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	op, ok := errors.AsType[*net.OpError](err)
	return theirs || plain || ok && op.Op == "remote error" // what TLS's alerts are named
}

// tracked forgets a connection of the bus's once it is closed.
type tracked struct {
	net.Conn
	bus *Bus
}

// Close closes the connection.
func (t *tracked) Close() error {
	t.bus.drop(t.Conn)
	return nil
}

// waitOut pauses after an error that passes, such as too many open files.
func waitOut(ctx context.Context, err error) bool {
	if !isTransient(err) {
		return false
	}
	t := time.NewTimer(50 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
