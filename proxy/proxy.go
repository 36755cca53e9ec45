package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"pingd/proxy/accesslog"
	"pingd/proxy/acme"
	"pingd/proxy/cert"
	"pingd/proxy/cluster"
	"pingd/proxy/compress"
	"pingd/proxy/dispatch"
	"pingd/proxy/exchange"
	"pingd/proxy/front"
	"pingd/proxy/latency"
	"pingd/proxy/limit"
	"pingd/proxy/loop"
	"pingd/proxy/retry"
	"pingd/proxy/trace"
	"pingd/proxy/upstream"
)

// Proxy is the role. Make it with New.
type Proxy struct {
	cfg   Config
	log   *slog.Logger
	ln    net.Listener
	addr  string
	gate  *exchange.Gate
	pack  *compress.Compressor // nil: nothing is compressed
	front *front.Front         // takes everything
	loops *loop.Engine         // takes what is plain, and gives the rest to front; nil: none

	began     chan struct{}  // closed when Run serves
	access    *accesslog.Log // nil: none
	durations latency.Histogram
	closed    sync.Once

	services []*dispatch.Service // the default one first
	sources  []Source            // of services
	limit    *limit.Table        // nil: none
	secure   *secure             // nil: none
	tcps     []*tcp
	acme     *acme.Keeper  // nil: none
	sync     *cluster.Sync // nil: this proxy decides alone

	mu      sync.Mutex
	decided map[string]map[string]Override // by service and server, where there is no sync
	rings   []*trace.Ring
	shared  *trace.Ring // of those that are not loops
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
	p := &Proxy{
		cfg: cfg, log: cfg.Logger.With("component", "proxy"), ln: ln, addr: ln.Addr().String(), began: make(chan struct{}), decided: map[string]map[string]Override{},
	}
	p.shared = p.ring()
	if cfg.RateLimit != (Rate{}) {
		p.limit = limit.NewTable(cfg.RateLimit, rand.Uint64(), limitEvery, 1)
	}
	router, err := p.makeServices()
	if err != nil {
		_ = ln.Close()
		return nil, err
	}
	if most := loop.MostClients(); cfg.MaxConn > most {
		p.log.Warn("fewer clients than configured: this process may not open more files", "maxconn", most, "configured", cfg.MaxConn,
			"hint", "ulimit -n, or LimitNOFILE= in its service unit")
		cfg.MaxConn = most
	}
	p.gate = exchange.NewGate(cfg.MaxConn)
	if cfg.AccessLog != nil {
		p.access = accesslog.New(cfg.AccessLog, cfg.AccessLogJSON, p.log)
	}
	ec, err := p.exchange(router)
	if err != nil {
		_ = ln.Close()
		return nil, err
	}
	p.front = front.New(ec)
	if _, plain := ln.(*net.TCPListener); plain && loop.Supported && cfg.Loops > 0 {
		p.loops, err = loop.New(loop.Config{Exchange: ec, Loops: cfg.Loops, Sets: p.sets(), Adopt: p.front.Adopt, Recorder: p.recorder}, ln)
		if err != nil {
			_ = ln.Close()
			return nil, fmt.Errorf("serve %s: %w", ln.Addr(), err)
		}
		p.front.Offload(p.loops.Admit)
	}
	if err := p.complete(&ec); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// exchange returns what both engines are told.
func (p *Proxy) exchange(router exchange.Router) (ec exchange.Config, err error) {
	cfg := &p.cfg
	ec = exchange.Config{
		Router: router, NoRequestID: cfg.NoRequestID, Announced: cfg.Announced, Limits: cfg.Limits, Timeouts: cfg.Timeouts, Gate: p.gate,
		Retry:  retry.Policy{Connects: cfg.Retries, Replays: min(cfg.Retries, 1)},
		Budget: retry.NewBudget(cfg.RetryPercent, 100), Trusted: cfg.Trusted, Logger: p.log, Record: p.record,
	}
	if !cfg.NoVia {
		ec.Via = "pingd"
	}
	if cfg.Compress != nil {
		if p.pack, err = compress.New(*cfg.Compress); err != nil {
			return ec, err
		}
		ec.Compress = p.pack
	}
	return ec, nil
}

// complete makes what a proxy may have beside its first listener.
func (p *Proxy) complete(ec *exchange.Config) (err error) {
	cfg := &p.cfg
	if cfg.TLS != nil {
		if p.secure, err = p.newSecure(cfg.TLS); err != nil {
			return err
		}
	}
	for _, t := range cfg.TCP {
		if err := p.newTCP(t, ec); err != nil {
			return err
		}
	}
	if cfg.ACME != nil {
		if p.acme, err = p.newKeeper(cfg.ACME); err != nil {
			return err
		}
	}
	if cfg.Store != nil {
		if err := p.newSync(); err != nil {
			return err
		}
	}
	if cfg.Metrics != nil {
		if err := cfg.Metrics.Register(collector{p}); err != nil {
			return fmt.Errorf("register proxy metrics: %w", err)
		}
	}
	return nil
}

// limitEvery is how often proxies tell each other of busy clients.
const limitEvery = 250 * time.Millisecond

// trusts tells whether addr is a proxy of our own.
func (p *Proxy) trusts(addr netip.Addr) bool {
	for _, n := range p.cfg.Trusted {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}

// opinion takes in that this proxy's checks have changed their mind.
func (p *Proxy) opinion() {
	if p.sync != nil {
		p.sync.Opinion()
	}
}

// ring makes a memory for requests of one worker.
func (p *Proxy) ring() *trace.Ring {
	g := trace.NewRing()
	p.mu.Lock()
	p.rings = append(p.rings, g)
	p.mu.Unlock()
	return g
}

// newSync makes what keeps this proxy and the others in step.
func (p *Proxy) newSync() (err error) {
	cc := cluster.Config{
		Name: p.cfg.Name, Store: p.cfg.Store, Sets: map[string]*upstream.Set{}, Limit: p.limit, Every: limitEvery, Secret: p.cfg.Secret, Logger: p.log,
	}
	for _, s := range p.services {
		cc.Sets[s.Name] = s.Set
	}
	if p.secure != nil {
		cc.Tickets = func(k cert.TicketKeys) { p.secure.cfg.SetSessionTicketKeys(k.Secrets()) }
	}
	p.sync, err = cluster.New(cc)
	return err
}

// Addrs returns the bound addresses of the listeners "proxy" and, where there are such,
// "proxy-tls" and "proxy-tcp" with a service's name.
func (p *Proxy) Addrs() map[string]string {
	addrs := map[string]string{"proxy": p.addr}
	if p.secure != nil {
		addrs["proxy-tls"] = p.secure.addr
	}
	for _, t := range p.tcps {
		addrs["proxy-tcp "+t.name] = t.addr
	}
	return addrs
}

// Close releases the listener of a Proxy that never ran.
func (p *Proxy) Close() error {
	var err error
	p.closed.Do(func() {
		if p.secure != nil {
			err = p.secure.ln.Close()
		}
		for _, t := range p.tcps {
			err = errors.Join(err, t.ln.Close())
		}
		if p.loops != nil {
			p.loops.Close() // has the listener
			return
		}
		err = errors.Join(err, p.ln.Close())
	})
	return err
}

// Began is closed when Run begins to serve.
func (p *Proxy) Began() <-chan struct{} { return p.began }

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
	wg.Go(func() { p.watchServices(behind, fail) })
	if p.sync != nil {
		wg.Go(func() { p.sync.Run(behind) })
	}
	if p.acme != nil {
		wg.Go(func() { p.acme.Run(behind) })
	}
	if p.access != nil {
		wg.Go(func() { p.access.Run(behind) })
	}
	if p.cfg.Settle > 0 {
		settling, cancel := context.WithTimeout(serving, p.cfg.Settle)
		if !p.Settle(settling) && ctx.Err() == nil {
			p.log.Warn("serving without a verdict about every server")
		}
		cancel()
	}
	close(p.began)
	p.log.Info("proxy serving", "addr", p.addr)
	err := p.serve(serving)
	stop()
	wg.Wait()
	for _, s := range p.services {
		s.Set.Close()
	}
	if err == nil && ctx.Err() == nil {
		err = context.Cause(serving)
	}
	if err != nil {
		return fmt.Errorf("serve proxy: %w", err)
	}
	return nil
}

// serve lets the listeners serve until ctx ends and all clients are gone. One that
// breaks ends the others.
func (p *Proxy) serve(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var wg sync.WaitGroup
	if p.secure != nil {
		wg.Go(func() {
			if err := p.secure.serve(ctx, p); err != nil {
				fail(err)
			}
		})
	}
	for _, t := range p.tcps {
		wg.Go(func() {
			if err := t.serve(ctx); err != nil {
				fail(err)
			}
		})
	}
	err := p.servePlain(ctx)
	fail(nil)
	wg.Wait()
	if cause := context.Cause(ctx); err == nil && cause != context.Canceled {
		err = cause
	}
	return err
}

// servePlain serves the plain listener, and lets the engines finish.
func (p *Proxy) servePlain(ctx context.Context) error {
	if p.loops == nil {
		return p.front.Serve(ctx, p.ln)
	}
	// Loops may still hand clients over while they stop.
	release := p.front.Hold()
	var wg sync.WaitGroup
	wg.Go(func() { _ = p.front.Serve(ctx, nil) })
	err := p.loops.Serve(ctx)
	release()
	wg.Wait()
	return err
}
