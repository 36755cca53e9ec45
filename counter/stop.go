package counter

import (
	"context"
	"time"
)

// stop ends the service in the order that loses no visit:
//
//  1. /healthz fails and answers carry Connection: close, so that whoever holds
//     a connection opens the next one elsewhere;
//  2. the registration is removed, so that proxies send no more;
//  3. serving goes on until Grace has passed since then without a new visit;
//  4. the listener closes and the visits under way are answered.
//
// All of it within DrainTimeout.
func (c *Counter) stop(ctx context.Context, deregister func(), deregistered <-chan struct{}) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DrainTimeout)
	defer cancel()
	c.log.Info("counter stops", "waiting", c.batch.size())
	c.draining.Store(true)
	deregister()
	select {
	case <-deregistered:
	case <-ctx.Done():
	}
	c.awaitQuiet(ctx)
	if err := c.shutdown(ctx); err != nil {
		c.log.Warn("connections cut", "err", err)
	}
	c.log.Info("counter stopped", "took", time.Since(start))
}

// awaitQuiet returns when Grace has passed, from now on, without a visit. It
// leaves half of DrainTimeout to the visits under way.
func (c *Counter) awaitQuiet(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DrainTimeout/2)
	defer cancel()
	from := time.Now()
	for {
		if last := c.started.Add(time.Duration(c.lastVisit.Load())); last.After(from) {
			from = last
		}
		left := time.Until(from.Add(c.cfg.Grace))
		if left <= 0 {
			return
		}
		if !sleep(ctx, left) {
			return
		}
	}
}
