package counter

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// Memory of a connection for heads.
const (
	firstBuffer = 1 << 10 // a visit that comes through a proxy fits
	keptBuffer  = 4 << 10 // larger ones are given back after each request
)

// How a connection is closed whose client may still be sending: a reset must not
// overtake the answer (RFC 9112, section 9.6).
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// never is no time.
const never = time.Duration(-1)

// conn is one client's connection.
//
// A goroutine of its own reads it, also while a visit waits: so it learns at once
// that the visitor has left, and wakes once per visit. Answers are written by
// whoever has them, without waiting; what the socket does not take is left to a
// goroutine that may wait.
type conn struct {
	counter *Counter
	nc      net.Conn
	raw     syscall.RawConn       // nil: no write without waiting
	put     func(fd uintptr) bool // c.rawPut; a method value made once

	in []byte // what was read and not used yet; of the reading goroutine

	mu      sync.Mutex
	turn    sync.Cond // busy has ended, or closed has begun
	waiting *visit    // the visit whose outcome is awaited
	spare   *visit    // one to use for the next
	req     request   // the one being answered, without its key
	end     fate      // what its answer says of the connection
	busy    bool      // a request was read and its answer is not written yet
	closed  bool
	fresh   bool          // nothing was received yet
	idle    time.Duration // since when nothing is under way; since the counter's start, as the next
	begun   time.Duration // when a head began to come that is not whole; none: never
	out     []byte        // the answer
	written int           // bytes of it
	failed  error         // of writing it
}

func newConn(c *Counter, nc net.Conn) *conn {
	cn := &conn{counter: c, nc: nc, fresh: true, idle: c.now(), in: make([]byte, 0, firstBuffer)}
	cn.begun = cn.idle // the first request has the time that a head has
	cn.turn.L = &cn.mu
	cn.put = cn.rawPut
	if s, ok := nc.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			cn.raw = raw
		}
	}
	return cn
}

// serve answers requests until the connection is over.
func (c *conn) serve() {
	defer c.leave()
	for {
		head, err := c.next()
		if err != nil {
			c.refuse(err)
			return
		}
		r, err := parseHead(head)
		if err != nil {
			c.refuse(err)
			return
		}
		if r.body {
			// Where content ends is not worth reading: the connection ends instead.
			r.close = true
		}
		if !c.begin(r) {
			return
		}
		c.handle(r)
		c.drop(len(head))
		if r.body {
			c.linger()
			return
		}
	}
}

// next reads until a head is whole. Errors are those of reading, and *headError.
func (c *conn) next() ([]byte, error) {
	for from := 0; ; {
		end, next, err := headEnd(c.in, from)
		switch {
		case err != nil:
			return nil, err
		case end == 2: // an empty line before a request is forgiven (RFC 9112, section 2.2)
			c.drop(2)
			from = 0
			continue
		case end > 0:
			return c.in[:end], nil
		case len(c.in) >= maxHead:
			return nil, errTooLarge
		}
		from = next
		if len(c.in) > 0 {
			c.headBegins()
		}
		if len(c.in) == cap(c.in) {
			c.in = append(make([]byte, 0, min(2*cap(c.in), maxHead)), c.in...)
		}
		n, err := c.nc.Read(c.in[len(c.in):cap(c.in)])
		if n == 0 && err != nil {
			return nil, err
		}
		c.in = c.in[:len(c.in)+n]
	}
}

// headBegins notes when a head began to come that is not whole yet.
func (c *conn) headBegins() {
	c.mu.Lock()
	if c.begun == never || c.fresh {
		c.begun = c.counter.now()
	}
	c.fresh = false
	c.mu.Unlock()
}

// drop forgets the first n bytes that were read.
func (c *conn) drop(n int) {
	rest := c.in[n:]
	if cap(c.in) > keptBuffer && len(rest) <= firstBuffer {
		c.in = make([]byte, 0, firstBuffer)
	}
	c.in = append(c.in[:0], rest...)
}

// begin waits until the request before r is answered. False: the connection is
// closed.
func (c *conn) begin(r request) bool {
	r.key = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.busy && !c.closed {
		c.turn.Wait()
	}
	if c.closed {
		return false
	}
	c.busy, c.fresh, c.begun, c.req = true, false, never, r
	return true
}

// decide says what becomes of the connection after the answer. c.mu is held.
func (c *conn) decide() fate {
	c.end = stays
	switch {
	case c.req.close || c.counter.draining.Load():
		c.end = ends
	case c.req.announce:
		c.end = announced
	}
	return c.end
}

// reply answers the request under way.
func (c *conn) reply(a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.send(appendAnswer(c.out[:0], a, c.counter.date(), c.decide()))
	}
}

// send writes an answer. c.mu is held.
func (c *conn) send(out []byte) {
	c.out, c.written, c.failed = out, 0, nil
	if c.raw != nil {
		if err := c.raw.Write(c.put); err != nil {
			c.failed = err
		}
	}
	switch {
	case c.failed != nil:
		c.cut()
	case c.written < len(c.out):
		// The reading goroutine is counted, and has not ended: closed is not set.
		c.counter.serving.Go(c.sendRest)
	default:
		c.answered()
	}
}

// rawPut writes what the socket takes.
func (c *conn) rawPut(fd uintptr) bool {
	for c.written < len(c.out) {
		n, err := syscall.Write(int(fd), c.out[c.written:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return true
		case err != nil:
			c.failed = err
			return true
		}
		c.written += n
	}
	return true
}

// sendRest writes what the socket did not take at once. Nobody else touches the
// answer: busy is set.
func (c *conn) sendRest() {
	_ = c.nc.SetWriteDeadline(time.Now().Add(c.counter.writeTimeout()))
	_, err := c.nc.Write(c.out[c.written:])
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || c.closed {
		c.cut()
		return
	}
	_ = c.nc.SetWriteDeadline(time.Time{})
	c.answered()
}

// answered ends a request. c.mu is held.
func (c *conn) answered() {
	if c.end == ends && !c.req.body {
		c.cut()
		return
	}
	c.busy, c.idle = false, c.counter.now()
	c.turn.Signal()
}

// cut closes the connection; its goroutine then ends. c.mu is held.
func (c *conn) cut() {
	c.closed, c.busy = true, false
	_ = c.nc.Close()
	c.turn.Signal()
}

// refuse ends a connection whose bytes are no request, with an answer if that is
// their fault.
func (c *conn) refuse(err error) {
	var bad *headError
	if !errors.As(err, &bad) || !c.begin(request{close: true, body: true}) {
		return
	}
	c.reply(answer{status: bad.status, text: bad.text + "\n"})
	c.linger()
}

// linger waits until the client has the last answer: it has closed, or some time
// has passed.
func (c *conn) linger() {
	if !c.begin(request{}) {
		return
	}
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, c.nc, lingerBytes)
}

// leave is the end of the reading goroutine: a visit that still waits need not be
// made.
func (c *conn) leave() {
	c.mu.Lock()
	v := c.waiting
	c.waiting = nil
	c.cut()
	c.mu.Unlock()
	if v != nil {
		c.counter.batch.withdraw(v)
		c.counter.stats.left()
	}
	c.counter.conns.remove(c)
}
