package front

import (
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
		c.rec.In, c.rec.Out = wire.Tunnel(c.conn, up.Conn, c.f.cfg.Timeouts.Tunnel, stall)
	}
	_ = up.Close()
	end := exchange.EndTunnel
	if c.hard.Err() != nil {
		end = exchange.EndStopped
	}
	c.finish(101, end)
}
