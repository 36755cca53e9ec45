package counter

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Counter is the visit service. Its methods may be called from any goroutine.
type Counter struct {
	cfg      Config
	log      *slog.Logger
	listener net.Listener
	conns    conns
	tokens   *tokens
	batch    *batcher
	stats    *stats

	registered atomic.Bool
	draining   atomic.Bool
	lastVisit  atomic.Int64  // when a request came last, nanoseconds since start
	closing    chan struct{} // closed when the listener is about to be
	accepted   chan struct{} // closed when no connection is added any more
	started    time.Time
	dated      atomic.Pointer[date]
	serving    sync.WaitGroup // goroutines of connections
}

// New checks cfg and listens. The counter serves nothing before Run; without
// Run, Close it.
func New(cfg Config) (*Counter, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Counter{
		cfg: cfg, log: cfg.Logger, tokens: newTokens(cfg.Key), conns: conns{all: map[*conn]struct{}{}}, started: time.Now(),
		closing: make(chan struct{}), accepted: make(chan struct{}),
	}
	c.batch = newBatcher(cfg.Store, cfg.Key, cfg.MaxWaiting, cfg.MaxBatch, c.observe)
	if c.stats, err = newStats(cfg.Metrics, c); err != nil {
		return nil, err
	}
	if c.listener = cfg.Listener; c.listener == nil {
		if c.listener, err = net.Listen("tcp", cfg.Addr); err != nil {
			return nil, fmt.Errorf("listen on %s: %w\nhint: --counter-addr=:0 takes any free port", cfg.Addr, err)
		}
	}
	return c, nil
}

// Addr returns the bound address.
func (c *Counter) Addr() net.Addr { return c.listener.Addr() }

// Addrs returns the bound addresses by listener name: "counter".
func (c *Counter) Addrs() map[string]string {
	return map[string]string{"counter": c.listener.Addr().String()}
}

// Close frees the port of a counter that is not Run.
func (c *Counter) Close() error { return c.listener.Close() }

// Run serves until ctx ends, then stops without failing a visit: it
// deregisters, goes on serving until no visit has come for a while, answers
// those under way and closes. It returns nil then, or the first failure.
func (c *Counter) Run(ctx context.Context) error {
	// Serving and counting must outlive ctx: they end when stop has drained.
	alive := context.WithoutCancel(ctx)
	group, failed := errgroup.WithContext(alive)
	counting, stopCounting := context.WithCancel(alive)
	defer stopCounting()
	registering, deregister := context.WithCancel(failed)
	defer deregister()
	deregistered := make(chan struct{})

	go c.batch.run(counting)
	c.serving.Go(func() { c.sweep(counting) })
	group.Go(func() error { return c.accept() })
	group.Go(func() error {
		defer close(deregistered)
		return c.register(registering)
	})
	group.Go(func() error {
		select {
		case <-ctx.Done():
		case <-failed.Done(): // nothing to be gentle about
		}
		c.stop(alive, deregister, deregistered)
		return nil
	})
	c.log.Info("counter serves", "addr", c.listener.Addr().String(), "key", c.cfg.Key)
	err := group.Wait()
	stopCounting()
	<-c.batch.finished
	c.serving.Wait()
	return err
}

// register holds the registration until ctx ends.
func (c *Counter) register(ctx context.Context) error {
	if c.cfg.Registrar == nil {
		return nil
	}
	c.registered.Store(true)
	defer c.registered.Store(false)
	err := c.cfg.Registrar.Register(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		// The registration ends by itself when it is not renewed.
		c.log.Warn("deregistration failed", "err", err)
		return nil
	case err != nil:
		return fmt.Errorf("register: %w", err)
	}
	return nil
}
