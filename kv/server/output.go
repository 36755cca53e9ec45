package server

import "time"

// writeChunk is how much a client must take within the write timeout.
const writeChunk = 256 << 10

// lastWrite is how long a connection that ends may take for the rest.
const lastWrite = time.Second

// write sends the replies collected so far.
func (c *conn) write() error {
	if len(c.Out) == 0 {
		return nil
	}
	out := c.Out
	c.Out = c.Out[:0]
	if cap(out) > keptOut {
		c.Out = nil
	}
	return c.box.Write(out)
}

// send writes b with a deadline for each part of it. Setting a deadline costs
// about as much as a small write, so that one is renewed when half is used up. The
// outbox sees to it that one goroutine sends at a time.
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

// Push takes a message, encoded for RESP2. Safe for concurrent use.
func (c *conn) Push(message []byte) { c.box.Add(message, c.isResp3.Load()) }

// PushLine takes a line for a client of MONITOR. Safe for concurrent use.
func (c *conn) PushLine(line []byte) { c.box.Add(line, false) }

// RESP3 and Subscribes are for those who send messages. Safe for concurrent use.
func (c *conn) RESP3() bool { return c.isResp3.Load() }

// Subscribes reports whether the client is a subscriber.
func (c *conn) Subscribes() bool { return c.subscribes.Load() }

// finishOutput lets the client take what is pending, within lastWrite.
func (c *conn) finishOutput() {
	c.closing.Store(true)
	c.nc.SetWriteDeadline(time.Now().Add(lastWrite)) //nolint:errcheck // closed next
	c.box.Finish()
}
