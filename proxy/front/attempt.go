package front

import (
	"errors"
	"os"

	"pingd/proxy/exchange"
	"pingd/proxy/http1"
	"pingd/proxy/retry"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

// attempt sends the request to up and passes the response on.
func (c *client) attempt(up *upstream.Conn) (verdict, retry.Failure) {
	err := c.send(up)
	c.unsent = err != nil
	var p *pump
	if err == nil && !c.body.done {
		p = c.startPump(up)
	}
	// After a failed write there may still be a response: a server may refuse
	// a large body and close.
	c.lease.w = c.work
	defer c.lease.Return()
	n, u, failure, ok := c.responseHead(up, p)
	if !ok {
		p.stop()
		return c.blame(p, failure)
	}
	if c.resp.Status == 101 {
		if c.req.Upgrade(c.in) == nil {
			p.stop()
			return failedV, retry.Invalid
		}
		c.tunnel(up, c.up[n:u])
		return hangUp, 0
	}
	c.rec.Answered = wire.Now()
	up.Server.Answer.Observe(c.rec.Answered.Sub(c.rec.Connected))
	return c.answer(up, p, n, u)
}

// blame finds out whether it was the client that made the attempt fail.
func (c *client) blame(p *pump, failure retry.Failure) (verdict, retry.Failure) {
	switch {
	case p == nil:
	case p.refused != nil:
		c.refuse(p.refused)
		return hangUp, 0
	case p.gone == exchange.EndClientStall:
		c.refuse(exchange.ErrSlowBody)
		return hangUp, 0
	case p.gone != "":
		c.finish(0, p.gone)
		return hangUp, 0
	}
	return failedV, failure
}

// serverBuffer leases the buffer for a server's response only once it comes.
type serverBuffer struct {
	w   *work
	buf *[bufSize]byte
}

// Take lends the buffer.
func (l *serverBuffer) Take() []byte {
	if l.buf == nil {
		l.buf = buffers.Get().(*[bufSize]byte)
		l.w.up = l.buf[:]
	}
	return l.w.up
}

// Return takes it back.
func (l *serverBuffer) Return() {
	if l.buf != nil {
		l.w.up = nil
		buffers.Put(l.buf)
		l.buf = nil
	}
}

// responseHead reads up to the final response's head, or that of a 101, and
// passes other 1xx on. The head is c.up[:n], what came with it c.up[n:u].
func (c *client) responseHead(up *upstream.Conn, p *pump) (n, u int, failure retry.Failure, ok bool) {
	limit := wire.Now().After(c.f.cfg.Timeouts.Response)
	c.resp.Reset(http1.Limits{Head: bufSize})
	spoke := false
	for {
		var m int
		var err error
		if u == 0 {
			m, err = up.ReadLeased(&c.lease, limit)
		} else {
			m, err = up.Read(c.up[u:], limit)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && p != nil {
			// The server's time begins when it has the whole request.
			if later := p.moved().After(c.f.cfg.Timeouts.Response); later > wire.Now() {
				limit = later
				continue
			}
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return 0, 0, retry.TimedOut, false
		case err != nil && u == 0 && !spoke:
			return 0, 0, retry.Died, false
		case err != nil:
			return 0, 0, retry.Invalid, false
		}
		u += m
		spoke = true
		for {
			n, perr := c.resp.Parse(c.up[:u])
			if perr != nil {
				return 0, 0, retry.Invalid, false
			}
			if n == 0 {
				break
			}
			if c.resp.Status >= 200 || c.resp.Status == 101 {
				return n, u, 0, true
			}
			if !c.interim() {
				return 0, 0, retry.Invalid, false
			}
			u = copy(c.up, c.up[n:u])
			c.resp.Reset(http1.Limits{Head: bufSize})
		}
	}
}

// interim passes a 1xx on to clients that understand it (RFC 9110 section
// 15.2). A client that is gone is noticed with the final response.
func (c *client) interim() bool {
	if c.req.Minor() == 0 {
		return true
	}
	c.out = c.resp.Append(c.out[:0], c.up, &http1.Reply{Method: c.req.Method, Minor: 1})
	_ = c.conn.Write(c.out, c.f.cfg.Timeouts.Body)
	return true
}

// answer passes the final response on. From its first byte on there is no
// other attempt.
func (c *client) answer(up *upstream.Conn, p *pump, n, u int) (verdict, retry.Failure) {
	r := relay{c: c, up: up, rest: c.up[n:u]}
	r.kind, r.left = c.resp.Body(c.req.Method)
	// What the client still has to send after its answer would be taken for
	// the next request, so its connection ends.
	early := c.unsent || p != nil && !p.all.Load() || p == nil && !c.body.done
	old := c.req.Minor() == 0
	r.raw = old && (r.kind == http1.UntilClose || r.kind == http1.ChunkedBody)
	closing := !c.req.KeepAlive() || r.raw || early || c.f.draining.Load() || c.f.cfg.Gate.Crowded()
	c.note = http1.Reply{
		Method: c.req.Method, Minor: c.req.Minor(), Close: closing,
		Chunk: r.kind == http1.UntilClose && !old, Date: c.date.At(wire.Now()),
	}
	c.extra = c.plan.Reply(&c.note, &c.rec, c.extra)
	if c.f.cfg.Compress != nil {
		r.pack = c.encode(c.up[:n], r.kind)
	}
	c.out = c.resp.Append(c.out[:0], c.up[:n], &c.note)
	headLen := len(c.out)
	end := r.run()
	c.rec.Out = r.written - int64(min(headLen, int(r.written)))
	srv := up.Server
	if r.nothing { // the first part of the body was already broken
		p.stop()
		return failedV, retry.Invalid
	}
	srv.Responses[c.resp.Status/100%6].Add(1)
	if end != exchange.EndOK {
		p.stop()
		_ = up.Close()
		if end == exchange.EndTruncated || end == exchange.EndStalled {
			srv.Truncated.Add(1)
		}
		c.finish(c.resp.Status, end)
		if r.raw {
			c.conn.Abort() // an end by close must not look like the body's end
		}
		return hangUp, 0
	}
	return c.settle(up, p, &r, closing), 0
}

// settle decides what becomes of both connections after a whole response.
func (c *client) settle(up *upstream.Conn, p *pump, r *relay, closing bool) verdict {
	// While the pump runs the body is its own. A connection with half a request
	// on it would take the next request for the other half.
	sent := p.finish() && c.body.done && !c.unsent
	if sent && r.clean && c.resp.KeepAlive() {
		up.Server.Keep(up)
	} else {
		_ = up.Close()
	}
	if !sent {
		c.finish(c.resp.Status, exchange.EndEarly)
		c.leave()
		return hangUp
	}
	c.finish(c.resp.Status, exchange.EndOK)
	used := c.head + c.whole
	if p != nil {
		if len(c.body.surplus) > len(c.in) {
			c.in = make([]byte, len(c.body.surplus))
		}
		c.w = copy(c.in, c.body.surplus)
	} else {
		c.w = copy(c.in, c.in[used:c.w])
	}
	if !closing {
		return keepOn
	}
	if c.w > 0 || c.req.KeepAlive() {
		c.leave()
	}
	return hangUp
}
