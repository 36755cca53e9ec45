package counter

import (
	"context"
	"net"
	"net/http"
	"sync"
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
		_ = c.server.Close()
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
		select {
		case <-ctx.Done():
			return
		case <-time.After(left):
		}
	}
}

// shutdown closes the listener and waits for requests under way. Connections on
// which nothing was ever sent do not hold it up: net/http would give them five
// seconds each.
func (c *Counter) shutdown(ctx context.Context) error {
	closeSilent := time.AfterFunc(c.cfg.Grace, c.conns.closeSilent)
	defer closeSilent.Stop()
	return c.server.Shutdown(ctx)
}

// conns knows the connections on which nothing was received yet.
type conns struct {
	mu     sync.Mutex
	silent map[net.Conn]struct{}
}

func newConns() *conns { return &conns{silent: map[net.Conn]struct{}{}} }

// track is the server's ConnState hook.
func (s *conns) track(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.mu.Lock()
		s.silent[conn] = struct{}{}
		s.mu.Unlock()
	case http.StateActive, http.StateClosed, http.StateHijacked:
		s.mu.Lock()
		delete(s.silent, conn)
		s.mu.Unlock()
	}
}

func (s *conns) closeSilent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.silent {
		_ = conn.Close()
	}
}
