package server

import (
	"sync"
	"time"
)

// writeChunk is how much a client must take within the write timeout.
const writeChunk = 256 << 10

// write sends the replies collected so far: directly, or through the outbox once
// messages for the client may come from elsewhere.
func (c *conn) write() error {
	if len(c.out) == 0 {
		return nil
	}
	out := c.out
	c.out = c.out[:0]
	if cap(out) > keptOut {
		c.out = nil
	}
	if box := c.box.Load(); box != nil {
		box.add(out, false)
		return nil
	}
	return c.send(out)
}

// send writes b with a deadline for each part of it. Setting a deadline costs
// about as much as a small write, so that one is renewed when half is used up.
func (c *conn) send(b []byte) error {
	timeout := c.srv.cfg.WriteTimeout
	for len(b) > 0 {
		if now := time.Now(); c.writeUntil.Sub(now) < timeout/2 {
			c.writeUntil = now.Add(timeout)
			if err := c.nc.SetWriteDeadline(c.writeUntil); err != nil {
				return err
			}
		}
		n, err := c.nc.Write(b[:min(len(b), writeChunk)])
		c.srv.stats.bytesOut.Add(int64(n))
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// outbox holds what a subscribed client has not taken yet, in the order in which
// it must see it. Its own goroutine is the only writer of the connection.
type outbox struct {
	c    *conn
	wake chan struct{} // capacity 1
	done chan struct{} // closed when the writer has ended

	mu        sync.Mutex
	pending   []byte
	inFlight  int       // bytes being written
	softSince time.Time // when the soft limit was exceeded; zero = it is not
	finished  bool      // nothing is added any more
}

// startOutbox makes all further output go through an outbox. Only the
// connection's goroutine calls it.
func (c *conn) startOutbox() {
	if c.box.Load() != nil {
		return
	}
	box := &outbox{c: c, wake: make(chan struct{}, 1), done: make(chan struct{})}
	c.box.Store(box)
	go box.run() // ends with finish, which close waits for
}

// Push takes a message from the hub. Safe for concurrent use.
func (c *conn) Push(message []byte) {
	if box := c.box.Load(); box != nil {
		box.add(message, c.isResp3.Load())
	}
}

// add appends b; push marks it as an out-of-band message of RESP3. A client that
// has left too much unread is cut.
func (o *outbox) add(b []byte, push bool) {
	o.mu.Lock()
	if o.finished {
		o.mu.Unlock()
		return
	}
	at := len(o.pending)
	o.pending = append(o.pending, b...)
	if push {
		o.pending[at] = '>'
	}
	over := o.over(len(o.pending) + o.inFlight)
	o.mu.Unlock()
	if over {
		o.c.Cut("unread output exceeds client-output-buffer-limit pubsub")
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// size returns how many bytes the client has not taken.
func (o *outbox) size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.pending) + o.inFlight
}

// over reports whether size bytes exceed the limit of the class pubsub.
func (o *outbox) over(size int) bool {
	limit := o.c.srv.live.pubsub.Load()
	if limit.Hard > 0 && int64(size) > limit.Hard {
		return true
	}
	if limit.Soft == 0 || int64(size) <= limit.Soft {
		o.softSince = time.Time{}
		return false
	}
	now := time.Now()
	if o.softSince.IsZero() {
		o.softSince = now
	}
	return now.Sub(o.softSince) > time.Duration(limit.SoftSeconds)*time.Second
}

func (o *outbox) run() {
	defer close(o.done)
	var spare []byte
	for range o.wake {
		o.mu.Lock()
		b, finished := o.pending, o.finished
		o.pending, o.inFlight = spare[:0], len(b)
		o.mu.Unlock()
		if err := o.c.send(b); err != nil {
			o.c.end()
			return
		}
		o.mu.Lock()
		o.inFlight = 0
		o.mu.Unlock()
		if finished {
			return
		}
		if spare = b[:0]; cap(b) > keptOut {
			spare = nil
		}
	}
}

// finish lets the writer send what is pending, bounded by the write timeout for
// an unhurried client and by a second for one that is slow, and waits for it.
func (o *outbox) finish() {
	o.mu.Lock()
	o.finished = true
	o.mu.Unlock()
	o.c.nc.SetWriteDeadline(time.Now().Add(time.Second)) //nolint:errcheck // closed next
	select {
	case o.wake <- struct{}{}:
	default:
	}
	<-o.done
}
