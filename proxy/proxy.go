package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"pingd/proxy/accesslog"
	"pingd/proxy/front"
	"pingd/proxy/latency"
	"pingd/proxy/retry"
	"pingd/proxy/upstream"
)

// Proxy is the role. Make it with New.
type Proxy struct {
	cfg   Config
	log   *slog.Logger
	ln    net.Listener
	set   *upstream.Set
	front *front.Front

	access    *accesslog.Log // nil: none
	durations latency.Histogram
	closed    sync.Once
}

// New checks cfg and binds the listener. Nothing is served before Run; a Proxy
// that never runs must be closed.
func New(cfg Config) (*Proxy, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		if cfg.Listener != nil {
			_ = cfg.Listener.Close()
		}
		return nil, err
	}
	ln := cfg.Listener
	if ln == nil {
		if ln, err = net.Listen("tcp", cfg.Addr); err != nil {
			return nil, fmt.Errorf("listen on proxy address %q: %w\nhint: --proxy-addr=:8081 picks another port", cfg.Addr, err)
		}
	}
	p := &Proxy{cfg: cfg, log: cfg.Logger.With("component", "proxy"), ln: ln}
	p.set = upstream.NewSet(upstream.Config{Health: cfg.Checks, Queue: cfg.Queue, Logger: p.log})
	fc := front.Config{
		Set: p.set, Limits: cfg.Limits, Timeouts: cfg.Timeouts, MaxConn: cfg.MaxConn,
		Retry:  retry.Policy{Connects: cfg.Retries, Replays: min(cfg.Retries, 1)},
		Budget: retry.NewBudget(cfg.RetryPercent, 100), Trusted: cfg.Trusted, Logger: p.log,
	}
	if !cfg.NoVia {
		fc.Via = "1.1 pingd"
	}
	if cfg.AccessLog != nil {
		p.access = accesslog.New(cfg.AccessLog, cfg.AccessLogJSON, p.log)
	}
	fc.Record = p.record
	p.front = front.New(fc)
	if cfg.Metrics != nil {
		if err := cfg.Metrics.Register(collector{p}); err != nil {
			_ = ln.Close()
			return nil, fmt.Errorf("register proxy metrics: %w", err)
		}
	}
	return p, nil
}

// Addrs returns the bound address of the listener "proxy".
func (p *Proxy) Addrs() map[string]string {
	return map[string]string{"proxy": p.ln.Addr().String()}
}

// Close releases the listener of a Proxy that never ran.
func (p *Proxy) Close() error {
	var err error
	p.closed.Do(func() { err = p.ln.Close() })
	return err
}

// Run serves until ctx ends, lets requests in flight finish for the grace time
// and returns nil; or it returns the error that made serving impossible.
//
// Stop order: the listener and idle clients first, then requests in flight; the
// checks and the source go on as long as a request may still need a backend.
func (p *Proxy) Run(ctx context.Context) error {
	serving, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	behind, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()

	var wg sync.WaitGroup
	wg.Go(func() { p.set.Run(behind) })
	wg.Go(func() {
		if err := p.cfg.Source.Watch(behind, p.set.Update); err != nil && behind.Err() == nil {
			fail(fmt.Errorf("watch backends: %w", err))
		}
	})
	if p.access != nil {
		wg.Go(func() { p.access.Run(behind) })
	}
	p.log.Info("proxy serving", "addr", p.ln.Addr().String())
	err := p.front.Serve(serving, p.ln)
	stop()
	wg.Wait()
	p.set.Close()
	if err == nil && ctx.Err() == nil {
		err = context.Cause(serving)
	}
	if err != nil {
		return fmt.Errorf("serve proxy: %w", err)
	}
	return nil
}
