package front

import (
	"pingd/proxy/exchange"
	"pingd/proxy/http1"
	"pingd/proxy/wire"
)

// refuse answers a request that is the client's fault and ends the connection:
// where its next request begins is not known.
func (c *client) refuse(e *http1.Error) {
	c.reply(e, true)
	c.finish(e.Status, exchange.EndRefused+e.Reason)
	c.leave()
}

// page answers a request that could not be served. The connection goes on when
// all of the request came with its head.
func (c *client) page(e *http1.Error) bool {
	closing := !c.body.done || c.pumped || !c.req.KeepAlive() || c.f.draining.Load()
	ok := c.reply(e, closing)
	c.finish(e.Status, e.Reason)
	if !ok {
		return false
	}
	if closing {
		c.leave()
		return false
	}
	c.w = copy(c.in, c.in[c.head+c.whole:c.w])
	return true
}

// reply writes a short plain answer that says the reason, and reports whether
// the client took it.
func (c *client) reply(e *http1.Error, closing bool) bool {
	c.f.cfg.Gate.Refused(e.Status)
	a := exchange.Answer{
		Status: e.Status, Reason: e.Reason, Date: c.date.At(wire.Now()),
		Close: closing, Minor: c.req.Minor(), Head: c.req.Method == http1.HEAD,
	}
	c.plan.Dress(&a, e)
	c.out = a.Append(c.out[:0])
	return c.conn.Write(c.out, c.f.cfg.Timeouts.Body) == nil
}
