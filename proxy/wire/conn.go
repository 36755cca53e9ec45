package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrInterrupted is returned by a Read that Interrupt ended.
var ErrInterrupted = errors.New("read interrupted")

// Instant is a point in time on this process's monotonic clock. 0 as a limit
// means none.
type Instant time.Duration

var (
	start   = time.Now()
	longAgo = time.Unix(1, 0) // by every clock, also that of a test
)

// Now returns the current instant; it is never 0.
func Now() Instant { return Instant(time.Since(start)) + 1 }

// After returns the instant d later.
func (i Instant) After(d time.Duration) Instant { return i + Instant(d) }

// Sub returns the time from j to i.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i - j) }

// Time returns the instant as wall clock with monotonic reading.
func (i Instant) Time() time.Time { return start.Add(time.Duration(i)) }

// Conn is a connection. One goroutine may read while another writes; Close and
// Interrupt may be called by any.
type Conn struct {
	net.Conn
	raw syscall.RawConn // nil: plain reads and writes
	by  *Carrier        // what Conn speaks TLS on; nil: plain, or not known

	in          direction
	out         direction
	interrupted atomic.Bool

	peek   func(fd uintptr)
	peeked [1]byte
	first  [1]byte
	quiet  bool
}

// Lease hands out the buffer for a read only once there is something to read,
// so that a connection that waits holds none.
type Lease interface {
	// Take returns a buffer to read into.
	Take() []byte
	// Return takes the buffer back: there was nothing to read yet.
	Return()
}

// direction is the state of one direction, owned by the goroutine using it.
type direction struct {
	buf   []byte
	lease Lease
	n     int
	err   error
	armed Instant // limit set on the descriptor, 0 for none
	call  func(fd uintptr) bool
}

// New wraps c. Raw system calls are used when c is a TCP connection on a system
// that has them, or speaks TLS on a Carrier.
func New(c net.Conn) *Conn {
	w := &Conn{Conn: c}
	if tcp, ok := c.(*net.TCPConn); ok && rawCalls {
		if raw, err := tcp.SyscallConn(); err == nil {
			w.raw = raw
			w.in.call, w.out.call, w.peek = w.rawRead, w.rawWrite, w.rawPeek
		}
	}
	if over, ok := c.(interface{ NetConn() net.Conn }); ok {
		w.by, _ = over.NetConn().(*Carrier)
	}
	return w
}

// Read reads once into p, waiting until limit at most. The error satisfies
// os.ErrDeadlineExceeded after the limit and is io.EOF at the end.
func (c *Conn) Read(p []byte, limit Instant) (int, error) {
	for {
		if limit == 0 || c.in.armed == 0 || c.in.armed > limit {
			c.arm(&c.in, limit, c.SetReadDeadline)
		}
		// Interrupt sets its mark before its deadline, so either the mark is
		// seen here or its deadline comes after the one just set.
		if c.interrupted.Load() {
			return 0, ErrInterrupted
		}
		n, err := c.read(p)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if c.interrupted.Load() {
			return 0, ErrInterrupted
		}
		if limit != 0 && Now() >= limit {
			return 0, err
		}
		c.in.armed = 0
	}
}

// piece is how much is written at once where a write that ran into its deadline cannot
// be gone on with: a record of TLS.
const piece = 16 << 10

// Write writes all of p. It fails when nothing could be written for as long as
// stall.
func (c *Conn) Write(p []byte, stall time.Duration) error {
	if c.by != nil {
		return c.writeBy(p, stall)
	}
	limit := Now().After(stall)
	for len(p) > 0 {
		part := p
		if c.raw == nil { // TLS perhaps: a deadline that was set before must not strike
			part, c.out.armed = p[:min(len(p), piece)], 0
		}
		if c.out.armed == 0 || c.out.armed > limit {
			c.arm(&c.out, limit, c.SetWriteDeadline)
		}
		n, err := c.write(part)
		p = p[n:]
		if err == nil {
			if len(p) > 0 {
				limit = Now().After(stall)
			}
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.raw == nil && n == 0 {
			return err
		}
		now := Now()
		if n > 0 {
			limit = now.After(stall)
		}
		if now >= limit {
			return err
		}
		c.out.armed = 0
	}
	return nil
}

// writeBy is Write by way of a carrier, which minds the limit.
func (c *Conn) writeBy(p []byte, stall time.Duration) error {
	c.by.gather(stall)
	_, err := c.Conn.Write(p)
	return errors.Join(err, c.by.send())
}

// Interrupt makes a Read that waits, and every later one, return
// ErrInterrupted until Resume is called.
func (c *Conn) Interrupt() {
	c.interrupted.Store(true)
	_ = c.SetReadDeadline(longAgo) // fails only on a closed connection
}

// Resume undoes Interrupt. The caller must be the only reader.
func (c *Conn) Resume() {
	c.interrupted.Store(false)
	c.in.armed = 0
}

// CloseWrite shuts down the writing side when the connection can do that.
func (c *Conn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}

// Abort closes the connection so that the peer sees a reset: a body whose end
// is the connection's end must not look complete when it is not.
func (c *Conn) Abort() {
	conn := c.Conn
	for { // below TLS, which would say that this is the end
		inner, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = inner.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// ReadLeased is Read into a buffer that lease gives. It stays taken when data
// was read or the end was met.
func (c *Conn) ReadLeased(lease Lease, limit Instant) (n int, err error) {
	if c.raw == nil {
		return c.readFirst(lease, limit)
	}
	c.in.lease = lease
	n, err = c.Read(nil, limit)
	c.in.lease = nil
	return n, err
}

// readFirst is ReadLeased for connections that cannot be asked whether there is
// something to read: it waits for one byte, and the rest is there for the next Read.
func (c *Conn) readFirst(lease Lease, limit Instant) (n int, err error) {
	if r, ok := c.Conn.(interface{ Ready() bool }); ok && r.Ready() {
		return c.Read(lease.Take(), limit)
	}
	n, err = c.Read(c.first[:], limit)
	if err == nil || errors.Is(err, io.EOF) {
		copy(lease.Take(), c.first[:n])
	}
	return n, err
}

// More reports whether a Read gives something at once, as far as that is known. No other
// goroutine may read at the same time.
func (c *Conn) More() bool {
	if c.raw == nil {
		r, ok := c.Conn.(interface{ Ready() bool })
		return ok && r.Ready()
	}
	return !c.Quiet()
}

func (c *Conn) arm(d *direction, limit Instant, set func(time.Time) error) {
	if limit == 0 && d.armed == 0 {
		if d == &c.out {
			return
		}
		// An interrupted or expired deadline may still be set.
		_ = set(time.Time{})
		return
	}
	d.armed = limit
	if limit == 0 {
		_ = set(time.Time{})
		return
	}
	_ = set(limit.Time()) // fails only on a closed connection: the call will say so
}

func (c *Conn) read(p []byte) (int, error) {
	if c.raw == nil {
		return c.Conn.Read(p)
	}
	c.in.buf, c.in.n, c.in.err = p, 0, nil
	err := c.raw.Read(c.in.call)
	c.in.buf = nil
	if c.in.err != nil {
		err = c.in.err
	}
	return c.in.n, err
}

func (c *Conn) write(p []byte) (int, error) {
	if c.raw == nil {
		return c.Conn.Write(p)
	}
	c.out.buf, c.out.n, c.out.err = p, 0, nil
	err := c.raw.Write(c.out.call)
	c.out.buf = nil
	if c.out.err != nil {
		err = c.out.err
	}
	return c.out.n, err
}
