package front

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/http1"
	"pingd/proxy/retry"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

// verdict is the outcome of one attempt.
type verdict uint8

const (
	keepOn  verdict = iota // answered; the client's connection goes on
	hangUp                 // answered or given up; the connection ends
	failedV                // not answered: client.failure says how
)

// exchange serves the request whose head was read. It reports whether the
// connection goes on.
func (c *client) exchange() bool {
	c.body.begin(&c.req)
	n, perr := c.body.take(c.in[c.head:c.w])
	if perr != nil {
		c.refuse(perr)
		return false
	}
	c.whole = n
	c.rec.In = int64(n)
	c.pumped = false
	c.key = c.key[:0]
	if b := c.f.cfg.Budget; b != nil {
		b.Request(time.Duration(c.rec.Start))
	}
	if c.req.Last() {
		return c.page(exchange.Last(c.req.Method))
	}
	c.query = exchange.Query{Request: &c.req, Buf: c.in, Client: c.ip, Trusted: c.trusted, Secure: c.secure, Now: wire.Now()}
	c.rec.HTTP2 = c.stream
	c.plan.Make(&c.f.cfg, &c.ids, &c.query, &c.rec)
	set := c.plan.Set
	if set == nil {
		return c.page(c.plan.Own)
	}
	a := retry.Attempt{Method: c.req.Method}
	for {
		srv, err := set.Acquire(c.hard, &c.plan.Want)
		if err != nil {
			return c.unavailable(err, &a)
		}
		if c.rec.Server != nil && c.rec.Server != srv {
			c.rec.Redispatches++
			c.rec.Server.Redispatches.Add(1)
		}
		c.rec.Server, c.rec.Picked, c.rec.Why = srv, wire.Now(), c.plan.Want.Why
		v, failure := c.visit(srv, &a)
		set.Release(srv)
		if v != failedV {
			return v == keepOn
		}
		c.rec.Fail(failure, wire.Now())
		if !c.again(srv, failure, &a) {
			return c.page(exchange.Failed(failure))
		}
	}
}

// visit makes one attempt on srv, whose slot is held.
func (c *client) visit(srv *upstream.Server, a *retry.Attempt) (verdict, retry.Failure) {
	up := c.connection(srv, a)
	if up == nil {
		return failedV, retry.Connect
	}
	c.rec.Connected, c.rec.Reused = wire.Now(), up.Reused
	srv.Requests.Add(1)
	c.attach(up)
	v, failure := c.attempt(up)
	c.attach(nil)
	if v == failedV {
		_ = up.Close()
		switch failure {
		case retry.Died:
			srv.Deaths.Add(1)
		case retry.TimedOut:
			srv.Timeouts.Add(1)
		case retry.Invalid:
			srv.Invalid.Add(1)
		}
	}
	return v, failure
}

// connection takes a kept connection or makes one. A request that already
// failed on a kept one gets a fresh one: the others are probably as dead.
func (c *client) connection(srv *upstream.Server, a *retry.Attempt) *upstream.Conn {
	if a.Replays == 0 {
		if up := srv.Idle(); up != nil {
			return up
		}
	}
	ctx, cancel := context.WithTimeout(c.hard, c.f.cfg.Timeouts.Connect)
	defer cancel()
	up, err := srv.Dial(ctx, c.from, address(c.conn.LocalAddr()))
	if err != nil {
		return nil
	}
	return up
}

// again decides whether the request is sent once more after failure on srv.
func (c *client) again(srv *upstream.Server, failure retry.Failure, a *retry.Attempt) bool {
	if c.hard.Err() != nil {
		return false
	}
	a.Failure, a.Whole = failure, !c.body.over
	a.ConnectOnly, a.Keyed = srv.Backend().ConnectOnly, srv.Backend().Keyed
	if c.f.cfg.Retry.Decide(*a) != retry.Again {
		return false
	}
	if b := c.f.cfg.Budget; b != nil && !b.Spend(time.Duration(wire.Now())) {
		return false
	}
	same := c.plan.Want.Tried.Has(srv)
	c.plan.Want.Tried.Add(srv)
	srv.Retries.Add(1)
	c.rec.Retries++
	if failure != retry.Connect {
		a.Replays++
		// A visit that may have been counted under a key is only safe where the
		// key is known.
		c.plan.Want.Keyed = srv.Backend().Keyed
		return true
	}
	a.Connects++
	if same {
		c.pause()
	}
	return true
}

// pause waits before the same server is tried again: it is probably starting.
func (c *client) pause() {
	t := time.NewTimer(c.f.cfg.Timeouts.Pause(rand.Int64N))
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.hard.Done():
	}
}

// unavailable answers a request for which there was no server, or none left.
func (c *client) unavailable(err error, a *retry.Attempt) bool {
	switch {
	case c.hard.Err() != nil:
		return c.page(exchange.ErrStopping)
	case a.Connects > 0 || a.Replays > 0:
		return c.page(exchange.Failed(a.Failure))
	case errors.Is(err, upstream.ErrQueue):
		return c.page(exchange.ErrQueue)
	}
	return c.page(exchange.ErrNoServer)
}

// send writes the request, as far as it is held, to up.
func (c *client) send(up *upstream.Conn) error {
	b := up.Server.Backend()
	c.fwd = http1.Forward{
		ClientIP: c.ip, Proto: "http", Trusted: c.trusted, Via: c.f.cfg.Via,
	}
	c.plan.Forward(&c.fwd)
	if c.stream {
		c.fwd.Version = "2.0"
	}
	if c.req.Minor() == 0 {
		c.fwd.DefaultHost = []byte(b.Addr)
	}
	if b.Keyed {
		if len(c.key) == 0 {
			if own := c.req.IdempotencyKey(c.in); len(own) > 0 {
				c.key = append(c.key, own...)
			} else {
				c.key = c.keys.Append(c.key)
			}
		}
		c.fwd.IdempotencyKey = c.key
	}
	c.out = c.req.Append(c.out[:0], c.in, &c.fwd)
	c.out = append(c.out, c.in[c.head:c.head+c.whole]...)
	c.out = append(c.out, c.body.held...)
	return up.Write(c.out, c.f.cfg.Timeouts.Body)
}
