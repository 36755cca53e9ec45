package front

import (
	"sync/atomic"

	"pingd/proxy/exchange"
	"pingd/proxy/http1"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

// tunnel passes bytes both ways after a 101 that was asked for, until both
// sides have ended, one fails, or both are silent for too long. A side that
// ends first is told to the other, which may still speak.
func (c *client) tunnel(up *upstream.Conn, early []byte) {
	c.rec.Answered = wire.Now()
	up.Server.Responses[1].Add(1)
	stall := c.f.cfg.Timeouts.Body
	c.note = http1.Reply{Method: c.req.Method, Minor: 1, Switch: true}
	c.extra = c.plan.Reply(&c.note, &c.rec, c.extra)
	c.out = c.resp.Append(c.out[:0], c.up, &c.note)
	c.out = append(c.out, early...)
	err := c.conn.Write(c.out, stall)
	if rest := c.in[c.head+c.whole : c.w]; err == nil && len(rest) > 0 {
		err = up.Write(rest, stall)
	}
	if err == nil {
		var last atomic.Int64
		last.Store(int64(wire.Now()))
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.rec.In += c.oneWay(up.Conn, c.conn, &last)
		}()
		c.rec.Out = c.oneWay(c.conn, up.Conn, &last)
		<-done
	}
	_ = up.Close()
	end := exchange.EndTunnel
	if c.hard.Err() != nil {
		end = exchange.EndStopped
	}
	c.finish(101, end)
}

// oneWay copies from src to dst and returns how much.
func (c *client) oneWay(dst, src *wire.Conn, last *atomic.Int64) (n int64) {
	buf := buffers.Get().(*[bufSize]byte)
	defer buffers.Put(buf)
	silence := c.f.cfg.Timeouts.Tunnel
	for {
		m, err := src.Read(buf[:], wire.Instant(last.Load()).After(silence))
		if err != nil {
			if now := wire.Now(); wire.Instant(last.Load()).After(silence) > now && isTimeout(err) {
				continue // the other direction was alive
			}
			if isEOF(err) {
				_ = dst.CloseWrite()
				return n
			}
			_ = dst.Close()
			_ = src.Close()
			return n
		}
		last.Store(int64(wire.Now()))
		n += int64(m)
		if err := dst.Write(buf[:m], c.f.cfg.Timeouts.Body); err != nil {
			_ = dst.Close()
			_ = src.Close()
			return n
		}
	}
}
