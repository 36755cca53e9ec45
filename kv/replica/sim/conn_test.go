package sim

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// conn is one end of a connection.
type conn struct {
	net    *network
	local  *host
	remote string
	in     *half // read from
	out    *half // written to
	once   sync.Once
}

// half is one direction of a connection. It has one reader.
type half struct {
	net      *network
	from, to string
	wake     chan struct{} // holds one; the reader looks again

	mu       sync.Mutex
	queue    []chunk
	ended    bool  // nothing more is queued
	closed   error // reads fail with it at once
	orphan   bool  // its writer is gone without a word
	deadline time.Time
}

// chunk is bytes on their way, or, with err, the end.
type chunk struct {
	at  time.Time
	b   []byte
	err error
}

func newHalf(n *network, from, to string) *half {
	return &half{net: n, from: from, to: to, wake: make(chan struct{}, 1)}
}

func (h *half) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// end lets the reader see err after what is queued, or instead of it.
func (h *half) end(err error, drop bool) {
	h.net.mu.Lock()
	at := time.Now().Add(h.net.latency())
	h.net.mu.Unlock()
	h.mu.Lock()
	if drop {
		h.queue, h.closed = nil, err
	}
	if !h.ended {
		h.ended = true
		h.queue = append(h.queue, chunk{at: at, err: err})
	}
	h.mu.Unlock()
	h.nudge()
}

// shut is the reader's own end.
func (h *half) shut(err error) {
	h.mu.Lock()
	h.queue, h.closed = nil, err
	h.mu.Unlock()
	h.nudge()
}

func (h *half) write(b []byte) error {
	if len(b) == 0 {
		return nil // nothing travels: the reader would find nothing, and not the end behind it
	}
	h.net.mu.Lock()
	at := time.Now().Add(h.net.latency())
	h.net.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.ended:
		return syscall.EPIPE
	case h.closed != nil:
		return nil // the reader is gone: its answer to these bytes tells, if it gets here
	}
	if n := len(h.queue); n > 0 && h.queue[n-1].at.After(at) {
		at = h.queue[n-1].at // a stream keeps its order
	}
	h.queue = append(h.queue, chunk{at: at, b: append([]byte(nil), b...)})
	h.nudge()
	return nil
}

// take returns bytes that have arrived, or what to wait for.
func (h *half) take(b []byte) (n int, until time.Time, change <-chan struct{}, err error) {
	h.net.mu.Lock()
	open, changed := h.net.open(h.from, h.to)
	h.net.mu.Unlock()
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed != nil:
		return 0, until, nil, h.closed
	case !h.deadline.IsZero() && !h.deadline.After(now):
		return 0, until, nil, os.ErrDeadlineExceeded
	}
	until = h.deadline
	if len(h.queue) == 0 {
		return 0, until, nil, nil
	}
	if !open {
		return 0, until, changed, nil
	}
	head := &h.queue[0]
	if head.at.After(now) {
		if until.IsZero() || head.at.Before(until) {
			until = head.at
		}
		return 0, until, nil, nil
	}
	if head.err != nil {
		return 0, until, nil, head.err
	}
	n = copy(b, head.b)
	if head.b = head.b[n:]; len(head.b) == 0 {
		h.queue = h.queue[1:]
	}
	return n, until, nil, nil
}

func (h *half) read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, until, change, err := h.take(b)
		if n > 0 || err != nil {
			return n, err
		}
		if until.IsZero() {
			select {
			case <-h.wake:
			case <-change:
			}
			continue
		}
		t := time.NewTimer(time.Until(until))
		select {
		case <-h.wake:
		case <-change:
		case <-t.C:
		}
		t.Stop()
	}
}

func (c *conn) Read(b []byte) (int, error) { return c.in.read(b) }

func (c *conn) Write(b []byte) (int, error) {
	if c.local.isDead() {
		return 0, net.ErrClosed
	}
	if err := c.out.write(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (c *conn) Close() error {
	c.once.Do(func() {
		c.in.shut(net.ErrClosed)
		if !c.local.isDead() {
			c.out.end(io.EOF, false)
		}
		c.net.mu.Lock()
		if !c.local.isDead() {
			delete(c.net.conns, c)
		}
		c.net.mu.Unlock()
	})
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return address(c.local.name) }
func (c *conn) RemoteAddr() net.Addr { return address(c.remote) }

func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.mu.Lock()
	c.in.deadline = t
	c.in.mu.Unlock()
	c.in.nudge()
	return nil
}

// SetWriteDeadline does nothing: a write never waits.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
