package front

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/http1"
	"pingd/proxy/wire"
)

const (
	bufSize  = 32 << 10 // one read of a body
	inSize   = 8 << 10  // first size of the request buffer; it grows to the head limit
	heldSize = 64 << 10 // request body kept for sending it again
)

// work is what a connection needs while a request is under way. Idle ones
// return it.
type work struct {
	in    []byte // from the client; in[:client.w] is unread
	out   []byte // heads and small bodies on their way, either direction
	up    []byte // from the server, leased while waiting
	lease serverBuffer
	req   http1.Request
	resp  http1.Response
	fwd   http1.Forward
	body  body
	key   []byte
	date  exchange.Clock
	keys  *exchange.Keys
	ids   exchange.IDs
	query exchange.Query
	plan  exchange.Plan
	note  http1.Reply // what a response's head is changed to
	extra []byte      // of it

	trailer []byte // of a response that is compressed
}

var (
	works = sync.Pool{New: func() any {
		return &work{in: make([]byte, inSize), out: make([]byte, 0, inSize), keys: exchange.NewKeys(), ids: exchange.NewIDs()}
	}}
	buffers = sync.Pool{New: func() any { return (*[bufSize]byte)(make([]byte, bufSize)) }}
)

// client is one client connection. Its goroutine owns all but what mu guards.
type client struct {
	f    *Front
	conn *wire.Conn      // replaced under mu, before the first request
	hard context.Context // ends when requests in flight are cut

	ip      []byte
	from    netip.AddrPort // as far as known
	trusted bool
	secure  bool // came over TLS
	stream  bool // of an HTTP/2 connection
	first   bool // no request yet
	left    bool // it is another engine's
	*work
	w      int // bytes in work.in
	head   int // of them, the request head
	whole  int // of them, the part of the body that came with it
	rec    exchange.Record
	pumped bool // a part of the request body came after the head
	unsent bool // writing what was held to the server failed, perhaps half-way

	mu      sync.Mutex
	waiting bool // between requests
	other   io.Closer
}

// newClient returns the client at the other end of conn, from which early has
// been read.
func newClient(f *Front, hard context.Context, conn net.Conn, early []byte) *client {
	c := &client{f: f, conn: wire.New(conn), hard: hard, first: true, secure: isSecure(conn)}
	c.know(conn.RemoteAddr())
	if len(early) > 0 {
		c.Take()
		if len(early) > len(c.in) {
			c.in = make([]byte, len(early))
		}
		c.w = copy(c.in, early)
	}
	return c
}

// know notes whom the connection is from.
func (c *client) know(a net.Addr) {
	if c.from = address(a); c.from.IsValid() {
		c.ip = c.from.Addr().AppendTo(nil)
		c.trusted = c.f.cfg.Trusts(c.from.Addr())
	}
}

// Take lends the connection its buffers for the read that ends its idle time.
func (c *client) Take() []byte {
	if c.work == nil {
		c.work = works.Get().(*work)
	}
	return c.in
}

// Return takes them back: the client has sent nothing yet.
func (c *client) Return() { c.release() }

func (c *client) release() {
	if c.work == nil {
		return
	}
	w := c.work
	c.work = nil
	w.body.held = w.body.held[:0]
	w.plan, w.query = exchange.Plan{}, exchange.Query{}
	if cap(w.out) <= 2*bufSize && w.up == nil {
		works.Put(w)
	}
}

// serve answers requests until one of both sides has had enough.
func (c *client) serve() {
	if c.speaksHTTP2() {
		c.http2(nil)
		return
	}
	for c.next() {
		if !c.exchange() || c.stream {
			return
		}
		c.first = false
	}
}

// next waits for a request and reads its head. It is false when there is none.
func (c *client) next() bool {
	c.rec, c.head = exchange.Record{Client: c.ip}, 0
	if c.w == 0 && !c.idle() {
		return false
	}
	c.rec.Start = wire.Now()
	limit := c.rec.Start.After(c.f.cfg.Timeouts.Head)
	c.req.Reset(c.f.cfg.Limits)
	c.plan.Forget()
	for {
		n, perr := c.req.Parse(c.in[:c.w])
		switch {
		case perr == nil:
		case c.first && bytes.HasPrefix(c.in[:c.w], []byte(prefaceLine)):
			c.http2(c.in[:c.w])
			return false
		default:
			c.refuse(perr)
			return false
		}
		if n > 0 {
			c.head = n
			return true
		}
		if c.w == len(c.in) {
			c.in = append(c.in, make([]byte, len(c.in))...)
		}
		m, err := c.conn.Read(c.in[c.w:], limit)
		c.w += m
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.refuse(exchange.ErrSlow)
			return false
		case err != nil:
			return false // gone, with half a head: nobody to answer
		}
	}
}

// idle waits for the first byte of a request without holding buffers.
func (c *client) idle() bool {
	c.release()
	c.mu.Lock()
	c.waiting = true
	c.mu.Unlock()
	draining := c.f.draining.Load() && !c.stream
	if draining && !c.first {
		return false
	}
	wait := c.f.cfg.Timeouts.KeepAlive
	if c.first {
		wait = min(wait, c.f.cfg.Timeouts.Head)
	}
	if draining { // it was let in before, and its first request is on its way
		wait = min(wait, exchange.Parting)
	}
	limit := wire.Now().After(wait)
	for {
		n, err := c.conn.ReadLeased(c, limit)
		if err != nil && !errors.Is(err, wire.ErrInterrupted) {
			return false
		}
		c.mu.Lock()
		c.waiting = false
		c.mu.Unlock()
		// Told to stop, but a request is already here: it is answered.
		if err != nil && c.conn.Quiet() {
			return false
		}
		c.conn.Resume()
		if err == nil {
			c.w = n
			return true
		}
		limit = wire.Now().After(time.Second)
	}
}

// closeIdle ends the connection if it is between requests.
func (c *client) closeIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting {
		c.conn.Interrupt()
	}
}

// cut ends the connection and the one to the server at once, so that neither side
// takes it for a proper end.
func (c *client) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn.Abort()
	if c.other != nil {
		_ = c.other.Close()
	}
}

// attach names the server's connection that cut must close too.
func (c *client) attach(up io.Closer) {
	c.mu.Lock()
	c.other = up
	c.mu.Unlock()
	if up != nil && c.hard.Err() != nil {
		_ = up.Close()
	}
}

// leave closes our side and reads on for a moment: closing with unread bytes
// resets the connection, and the reset can overtake the response (RFC 9112
// section 9.6).
func (c *client) leave() {
	_ = c.conn.CloseWrite()
	c.conn.Resume()
	buf := buffers.Get().(*[bufSize]byte)
	defer buffers.Put(buf)
	limit := wire.Now().After(2 * time.Second)
	for left := 1 << 20; left > 0; {
		n, err := c.conn.Read(buf[:], limit)
		if err != nil {
			return
		}
		left -= n
	}
}

// finish counts and records the request.
func (c *client) finish(status int, end string) {
	c.rec.Status, c.rec.End, c.rec.Done = status, end, wire.Now()
	if s := c.rec.Server; s != nil {
		s.BytesIn.Add(c.rec.In)
		s.BytesOut.Add(c.rec.Out)
	}
	if c.f.cfg.Record == nil {
		return
	}
	if c.head > 0 {
		c.rec.Method, c.rec.Target, c.rec.Host = c.req.MethodBytes(c.in), c.req.Target(c.in), c.req.Host(c.in)
	}
	c.f.cfg.Record(&c.rec)
}
