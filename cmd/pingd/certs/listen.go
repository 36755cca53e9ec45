package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// handshakeTime is how long a stranger may take to say who it is.
	handshakeTime = 10 * time.Second
	// closeTime is how long Close waits for room to say goodbye.
	closeTime = 20 * time.Millisecond
	// warnEvery keeps clients that try again and again from filling the log.
	warnEvery = 10 * time.Second
)

// Listen returns ln with TLS for clients of a kind. A connection's handshake is part
// of its first Read or Write. To one that begins without TLS, plain is said before it
// is closed.
func (k *Keeper) Listen(ln net.Listener, c Clients, plain string) net.Listener {
	return &listener{Listener: ln, keeper: k, cfg: k.Server(c), plain: plain}
}

type listener struct {
	net.Listener
	keeper *Keeper
	cfg    *tls.Config
	plain  string
}

// Accept returns a connection before its handshake: a stranger that takes its time
// holds up nobody.
func (l *listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	in := &incoming{line: &line{Conn: raw}, from: l}
	in.Conn = tls.Server(in.line, l.cfg)
	return in, nil
}

// line is what is below TLS.
type line struct {
	net.Conn
	closing atomic.Bool
}

// SetWriteDeadline keeps what TLS says at the end from waiting for somebody that
// reads nothing.
func (l *line) SetWriteDeadline(t time.Time) error {
	if end := time.Now().Add(closeTime); l.closing.Load() && end.Before(t) {
		t = end
	}
	return l.Conn.SetWriteDeadline(t)
}

// incoming is a client's connection.
type incoming struct {
	*tls.Conn
	line *line
	from *listener

	once sync.Once
	err  error // of the handshake
}

// Read reads, after the handshake.
func (c *incoming) Read(p []byte) (int, error) {
	if err := c.handshake(); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write writes, after the handshake.
func (c *incoming) Write(p []byte) (int, error) {
	if err := c.handshake(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// NetConn returns the line below: closing that ends it without a word.
func (c *incoming) NetConn() net.Conn { return c.line.Conn }

// Close says goodbye if that is possible at once.
func (c *incoming) Close() error {
	c.line.closing.Store(true)
	return c.Conn.Close()
}

func (c *incoming) handshake() error {
	c.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
		defer cancel()
		if c.err = c.Conn.HandshakeContext(ctx); c.err != nil {
			c.from.failed(c.line, c.err)
		}
	})
	return c.err
}

// failed takes leave of a client whose handshake failed.
func (l *listener) failed(raw net.Conn, err error) {
	l.keeper.refused.Inc()
	if head, ok := errors.AsType[tls.RecordHeaderError](err); ok && head.Conn != nil && l.plain != "" {
		_ = raw.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(raw, l.plain) // a courtesy
	}
	_ = raw.Close()
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return // a port scan, a probe of a balancer
	}
	k := l.keeper
	now := time.Now().UnixNano()
	if last := k.failing.Load(); now-last >= int64(warnEvery) && k.failing.CompareAndSwap(last, now) {
		k.log.Warn("TLS handshake failed", "addr", l.Addr().String(), "client", raw.RemoteAddr().String(), "err", err)
	}
}
