package server

import (
	"time"

	"pingd/kv/server/outbox"
)

// writeChunk is how much a client must take within the write timeout.
const writeChunk = 256 << 10

// lastWrite is how long a connection that ends may take for the rest.
const lastWrite = time.Second

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
		box.Add(out, false)
		return nil
	}
	return c.send(out)
}

// send writes b with a deadline for each part of it. Setting a deadline costs
// about as much as a small write, so that one is renewed when half is used up.
func (c *conn) send(b []byte) error {
	for len(b) > 0 {
		timeout := c.srv.cfg.WriteTimeout
		if c.closing.Load() {
			timeout = min(timeout, lastWrite)
		}
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

// startOutbox makes all further output go through an outbox, which alone writes
// to the connection from then on. Only the connection's goroutine calls it.
func (c *conn) startOutbox() {
	if c.box.Load() != nil {
		return
	}
	box := outbox.New(outbox.Config{Send: c.send, Limit: c.srv.live.pubsub.Load, Cut: c.Cut})
	c.box.Store(box)
	go func() { // ends with finishOutbox, which waits for it
		if box.Run() != nil {
			c.end()
		}
	}()
}

// Push takes a message from the hub. Safe for concurrent use.
func (c *conn) Push(message []byte) {
	if box := c.box.Load(); box != nil {
		box.Add(message, c.isResp3.Load())
	}
}

// finishOutbox lets the client take what is pending, within lastWrite.
func (c *conn) finishOutbox() {
	if box := c.box.Load(); box != nil {
		c.closing.Store(true)
		c.nc.SetWriteDeadline(time.Now().Add(lastWrite)) //nolint:errcheck // closed next
		box.Finish()
	}
}
