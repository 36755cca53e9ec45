package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pingd/proxy/h2"
	"pingd/proxy/h2/text"
	"pingd/proxy/http1"
	"pingd/proxy/wire"
)

// PoolConfig says how a server is reached. Dial is required.
type PoolConfig struct {
	// Dial makes a connection on which HTTP/2 is spoken at once.
	Dial func(context.Context) (net.Conn, error)
	// Idle is how long a connection without requests is kept (default 30s).
	Idle time.Duration
	// Stall is how long the server may take nothing of what it is sent (default
	// 30s).
	Stall time.Duration
}

// Pool is the connections to one server. Make it with NewPool; safe for concurrent
// use.
type Pool struct {
	cfg PoolConfig

	mu      sync.Mutex
	conns   []*client
	dialing chan struct{} // closed when the connection being made is there, or is not
	closed  bool
	wg      sync.WaitGroup
}

// NewPool returns a Pool without connections.
func NewPool(cfg PoolConfig) *Pool {
	if cfg.Idle <= 0 {
		cfg.Idle = 30 * time.Second
	}
	if cfg.Stall <= 0 {
		cfg.Stall = 30 * time.Second
	}
	return &Pool{cfg: cfg}
}

// Dial returns a connection for one request: HTTP/1.1 is written to and read from
// it, HTTP/2 is what the server gets. It makes a connection to the server only
// when none has room.
func (p *Pool) Dial(ctx context.Context) (net.Conn, error) {
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, net.ErrClosed
		}
		for _, c := range p.conns {
			if c.reserve() {
				p.mu.Unlock()
				return c.stream(), nil
			}
		}
		wait := p.dialing
		if wait == nil {
			p.dialing = make(chan struct{})
			p.mu.Unlock()
			if err := p.grow(ctx); err != nil {
				return nil, err
			}
			continue
		}
		p.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// grow makes one more connection.
func (p *Pool) grow(ctx context.Context) error {
	c, err := p.connect(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.dialing)
	p.dialing = nil
	switch {
	case err != nil:
		return err
	case p.closed:
		c.end(net.ErrClosed)
		return net.ErrClosed
	}
	p.conns = append(p.conns, c)
	p.wg.Go(c.run)
	return nil
}

// connect makes a connection and waits until the server has said what it allows:
// one that does not speak HTTP/2 is noticed before a request is lost on it.
func (p *Pool) connect(ctx context.Context) (*client, error) {
	conn, err := p.cfg.Dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &client{session: session{conn: wire.New(conn), stall: p.cfg.Stall}, pool: p, busy: wire.Now()}
	c.m = h2.NewClient((*replies)(c))
	stop := context.AfterFunc(ctx, func() { c.conn.Interrupt() })
	c.flush()
	buf := buffers.Get().(*[readSize]byte)
	defer buffers.Put(buf)
	for err == nil && !c.m.Settled() {
		var n int
		if n, err = c.conn.Read(buf[:], 0); err == nil {
			err = c.take(buf[:n])
		}
	}
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		c.end(err)
		if errors.Is(err, wire.ErrInterrupted) {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("begin HTTP/2 with %s: %w", conn.RemoteAddr(), err)
	}
	return c, nil
}

// Retire lets requests under way finish, and their connections end with the last
// of them. No further ones are made.
func (p *Pool) Retire() {
	p.mu.Lock()
	p.closed = true
	conns := slices.Clone(p.conns)
	p.mu.Unlock()
	for _, c := range conns {
		c.mu.Lock()
		c.retired = true
		unused := c.reserved == 0
		c.mu.Unlock()
		if unused {
			c.end(net.ErrClosed)
		}
	}
}

// Close ends all connections and waits for their goroutines.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	conns := slices.Clone(p.conns)
	p.mu.Unlock()
	for _, c := range conns {
		c.end(net.ErrClosed)
	}
	p.wg.Wait()
}

// Conns returns how many connections there are.
func (p *Pool) Conns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// client is one connection to a server.
type client struct {
	session
	pool     *Pool
	reserved int          // streams that were given out and are not closed
	retired  bool         // of no use once reserved is 0, and gives out none
	heard    atomic.Int64 // when the server said something last
	busy     wire.Instant // since when there are none
}

// most is how many streams one connection carries, however many are allowed: what
// is lost with it, and what waits for one window.
const most = 100

// mute is for how long a server may say nothing at all while it is asked something,
// until a request that ends without an answer ends its connection, too: what was there
// may be gone without a word, and the next request would wait as well.
const mute = 250 * time.Millisecond

// maxHeads bounds the heads of a response that nobody reads.
const maxHeads = 256 << 10

// reserve takes a place for a stream, if there is one.
func (c *client) reserve() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.retired || !c.m.Opens() || uint32(c.reserved) >= min(c.m.Peer().Streams, most) {
		return false
	}
	c.reserved++
	return true
}

func (c *client) stream() *stream {
	st := newStream(&c.session, nil)
	st.client = true
	st.out.Begin(true, http1.GET)
	st.finished = func() {
		c.mu.Lock()
		if st.asked != 0 && wire.Instant(c.heard.Load()) < st.asked && wire.Now().Sub(st.asked) > mute {
			c.retired = true
		}
		if c.reserved--; c.reserved == 0 {
			c.busy = wire.Now()
		}
		over := c.reserved == 0 && c.retired
		c.mu.Unlock()
		if over {
			c.end(net.ErrClosed)
		}
	}
	return st
}

// run reads until the connection ends.
func (c *client) run() {
	c.flush()
	buf := buffers.Get().(*[readSize]byte)
	defer buffers.Put(buf)
	for {
		n, err := c.conn.Read(buf[:], wire.Now().After(c.pool.cfg.Idle))
		if err == nil {
			c.heard.Store(int64(wire.Now()))
			err = c.take(buf[:n])
		} else if errors.Is(err, os.ErrDeadlineExceeded) && !c.useless() {
			continue
		}
		if err != nil {
			c.end(err)
			break
		}
	}
	c.pool.mu.Lock()
	c.pool.conns = slices.DeleteFunc(c.pool.conns, func(x *client) bool { return x == c })
	c.pool.mu.Unlock()
}

// useless reports whether the connection has been without requests for long, and
// gives out none any more if so.
func (c *client) useless() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reserved > 0 || wire.Now().Sub(c.busy) < c.pool.cfg.Idle {
		return false
	}
	c.m.Leave(true)
	return true
}

// replies is how the machine tells a client what the server does. The session's mu
// is held.
type replies client

// Headers takes in a response, or trailers.
func (r *replies) Headers(hs *h2.Stream, fields []h2.Field, end, tooLong bool) {
	st, ok := hs.Owner.(*stream)
	if !ok || st.lost || st.closed {
		return
	}
	if len(fields) == 0 || !fields[0].IsPseudo() {
		st.trailers(fields, end)
		return
	}
	in, body, err := text.AppendResponse(st.in, fields, end, st.head)
	if err != nil || tooLong {
		st.abandon(h2.CodeProtocol)
		return
	}
	if len(in)-st.off > maxHeads { // interim ones: no window bounds them
		st.abandon(h2.CodeCalm)
		return
	}
	st.in, st.body, st.ended = in, body, end
	wake(st.readable)
}

// Data takes in a part of a body.
func (r *replies) Data(hs *h2.Stream, p []byte, end bool) { r.absorb(hs, p, end) }

// Reset takes in that a stream has ended.
func (r *replies) Reset(hs *h2.Stream, _ h2.Code) { reset(hs) }

// Window takes in that more may be sent.
func (r *replies) Window(hs *h2.Stream) { r.window(hs) }

// GoAway takes in that streams above last will not be answered.
func (r *replies) GoAway(last uint32, _ h2.Code) {
	for _, hs := range r.m.All() {
		if hs.ID > last {
			reset(hs)
		}
	}
	r.roomy() // those that wait for a stream get none
}
