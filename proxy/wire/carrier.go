package wire

import (
	"io"
	"net"
	"sync"
	"time"
)

// Carrier is a TCP connection as what speaks TLS on it wants it, with the system calls of
// a Conn. While it is gathering, what is written to it leaves in one piece: TLS sends a
// record at a time, and at first small ones.
//
// It may be taken away from under TLS, for an engine with ways of its own to read and
// write, and put back. Whoever does that must be the only one to use the connection.
type Carrier struct {
	net.Conn
	w     *Conn
	other io.ReadWriter // in place of w, unless nil

	mu    sync.Mutex
	stall time.Duration // above 0: gathering
	held  []byte
}

// gathered is up to how much is gathered.
const gathered = 48 << 10

var gathers = sync.Pool{New: func() any { return new([gathered]byte) }}

// NewCarrier returns one for c, which must be used no more, or nil where there are no
// such system calls for c.
func NewCarrier(c *Conn) *Carrier {
	if c.raw == nil {
		return nil
	}
	return &Carrier{Conn: c.Conn, w: c}
}

// Detach has other read and written from now on. Its Read may fail for a while, with a
// net.Error that is Temporary. The TCP connection is the caller's to close.
func (c *Carrier) Detach(other io.ReadWriter) { c.other = other }

// Attach has conn, a TCP connection, read and written from now on.
func (c *Carrier) Attach(conn net.Conn) { c.Conn, c.w, c.other = conn, New(conn), nil }

// NetConn returns the TCP connection.
func (c *Carrier) NetConn() net.Conn { return c.Conn }

// Read implements net.Conn.
func (c *Carrier) Read(p []byte) (int, error) {
	if c.other != nil {
		return c.other.Read(p)
	}
	return c.w.read(p)
}

// Write implements net.Conn.
func (c *Carrier) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.other != nil {
		return c.other.Write(p)
	}
	if c.stall == 0 {
		return c.w.write(p)
	}
	if c.held == nil {
		c.held = gathers.Get().(*[gathered]byte)[:0]
	}
	if len(c.held)+len(p) > gathered {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	if len(p) > gathered {
		return len(p), c.w.Write(p, c.stall)
	}
	c.held = append(c.held, p...)
	return len(p), nil
}

// gather has what is written wait for send, for which the limit of Conn.Write is stall.
func (c *Carrier) gather(stall time.Duration) {
	c.mu.Lock()
	c.stall = stall
	c.mu.Unlock()
}

// send writes what has gathered and ends the gathering.
func (c *Carrier) send() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.flush()
	if c.held != nil {
		gathers.Put((*[gathered]byte)(c.held[:gathered]))
		c.held = nil
	}
	c.stall = 0
	return err
}

func (c *Carrier) flush() error {
	err := c.w.Write(c.held, c.stall)
	c.held = c.held[:0]
	return err
}
