package main

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"pingd/cmd/pingd/config"
	"pingd/kv/client"
	"pingd/proxy"
	"pingd/proxy/dispatch"
)

// proxyConfig puts the settings of role proxy together.
func (e *env) proxyConfig(access io.Writer) (proxy.Config, error) {
	o := &e.o
	cfg := proxy.Config{
		Listener:    e.listeners.take("proxy-addr"),
		ServiceName: strings.Trim(o.Prefix, "/"),
		Cookie:      o.Sticky,
		SlowStart:   o.Slowstart,
		Trusted:     o.TrustedProxies(),
		Announced:   o.AnnouncedProxies(),
		NoRequestID: !o.RequestID,
		Checks: proxy.Checks{
			Interval: o.CheckInterval, FastInterval: o.CheckFastInterval, DownInterval: o.CheckDownInterval,
			Timeout: o.CheckTimeout, Rise: o.CheckRise, Fall: o.CheckFall,
		},
		Timeouts: proxy.Timeouts{
			Connect: o.TimeoutConnect, Response: o.TimeoutResponse, Body: o.TimeoutClient, Grace: o.ProxyGrace,
		},
		Queue:         o.TimeoutQueue,
		MaxConn:       o.ProxyMaxconn,
		Loops:         e.proxyLoops(),
		Retries:       noneIfZero(o.ProxyRetries),
		AccessLog:     access,
		AccessLogJSON: o.AccessLogFormat == "json",
		Logger:        e.log, Metrics: e.metrics,
	}
	if e.store != nil {
		cfg.Name, cfg.Store = o.Name, shared{e.store}
	}
	if e.listeners.past != nil {
		cfg.Settle = settleTimeout // the process before this one serves as long
	}
	if s := o.Secret.Reveal(); s != "" {
		cfg.Secret = []byte(s)
	}
	e.proxyTLS(&cfg)
	var err error
	if cfg.Balance, err = proxy.ParseBalance(o.Balance); err != nil {
		return cfg, err
	}
	if o.RateLimit != "" {
		if cfg.RateLimit, err = proxy.ParseRate(o.RateLimit); err != nil {
			return cfg, err
		}
	}
	if c, on := o.Compression(); on {
		cfg.Compress = &c
	}
	if cfg.Source, err = e.defaultSource(); err != nil {
		return cfg, err
	}
	for _, s := range o.Routes() {
		cfg.Routes = append(cfg.Routes, proxy.Route{Pattern: s.Pattern, Service: e.service(&s)})
	}
	for _, l := range o.TCPListeners() {
		key := config.Listener{Flag: "proxy-tcp", Addr: o.HostPort(l.Addr)}.Key()
		cfg.TCP = append(cfg.TCP, proxy.TCP{Listener: e.listeners.take(key), Addr: o.HostPort(l.Addr), Service: e.service(&l.Spec)})
	}
	return cfg, nil
}

// proxyTLS puts in what concerns TLS.
func (e *env) proxyTLS(cfg *proxy.Config) {
	o := &e.o
	if o.ServesTLS() {
		cfg.TLS = &proxy.TLS{Listener: e.listeners.take("proxy-tls-addr"), Certificates: o.ProxyCert}
		cfg.RedirectPort = o.RedirectHTTPS
	}
	if len(o.ProxyACME) > 0 {
		cfg.ACME = &proxy.ACME{Names: o.ProxyACME, Directory: o.ProxyACMEDirectory, Email: o.ProxyACMEEmail}
		if o.ProxyACMEChallenge != "any" {
			cfg.ACME.Challenge = o.ProxyACMEChallenge
		}
	}
}

// service returns the service of a route.
func (e *env) service(s *dispatch.Spec) proxy.Service {
	service := proxy.Service{Name: s.Name, Balance: s.Balance, Cookie: s.Cookie, Source: proxy.Static(s.Servers)}
	if s.Prefix != "" {
		service.Source = registry{e.store, s.Prefix, e.log}
	}
	return service
}

// defaultSource names the servers of what no route is for: static --backend ones,
// and those that registered in the store where one is named.
func (e *env) defaultSource() (proxy.Source, error) {
	var own []proxy.Backend
	for _, value := range e.o.Backend {
		b, err := proxy.ParseBackend("", value)
		if err != nil {
			return nil, err
		}
		own = append(own, b)
	}
	sources := []proxy.Source{proxy.Static(own)}
	if e.store != nil {
		sources = append(sources, registry{e.store, e.o.Prefix, e.log})
	}
	return proxy.Merge(sources...), nil
}

// proxyLoops returns how many event loops the proxy has, and makes room for them
// beside the rest. A loop keeps its processor while it works; counted on top of
// those that Go has, loops and goroutines share the machine by the kernel's rules,
// and neither a leader's heartbeat nor a request waits for the other's slice to
// end. Where the process has a store too, half of the processors get a loop: the
// other half's worth of work is the store's.
func (e *env) proxyLoops() int {
	n := e.o.ProxyLoops
	if _, on := e.o.Compression(); on {
		return -1 // they would stand still while they compress
	}
	processors := runtime.GOMAXPROCS(0)
	switch {
	case n < 0:
		return n
	case n == 0 && (e.o.Starts(config.Store) || e.o.Starts(config.Counter)):
		n = max(1, processors/2)
	case n == 0:
		n = processors
	}
	runtime.GOMAXPROCS(processors + n)
	return n
}

// noneIfZero says "none" to a role whose zero value means its default.
func noneIfZero(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// registry is the list of servers that registered in the store.
type registry struct {
	store  *client.Client
	prefix string
	log    *slog.Logger
}

func (r registry) Watch(ctx context.Context, fn func([]proxy.Backend)) error {
	return r.store.Watch(ctx, r.prefix, func(values map[string]string) {
		list := make([]proxy.Backend, 0, len(values))
		for key, value := range values {
			b, err := proxy.ParseBackend(strings.TrimPrefix(key, r.prefix), value)
			if err != nil {
				// Others must not suffer from one mistyped key.
				r.log.Warn("registered server left out", "key", key, "err", err)
				continue
			}
			list = append(list, b)
		}
		fn(list)
	})
}

// shared is the store as proxies share it.
type shared struct{ *client.Client }

func (s shared) Set(ctx context.Context, key, value string, life time.Duration) error {
	args := []any{"SET", key, value}
	if life > 0 {
		args = append(args, "PX", life.Milliseconds())
	}
	_, err := s.Do(ctx, args...)
	return err
}

func (s shared) Add(ctx context.Context, key, value string, life time.Duration) (added bool, err error) {
	args := []any{"SET", key, value, "NX"}
	if life > 0 {
		args = append(args, "PX", life.Milliseconds())
	}
	answer, err := s.Do(ctx, args...)
	return answer != nil, err
}

func (s shared) Delete(ctx context.Context, key string) error {
	_, err := s.Do(ctx, "DEL", key)
	return err
}
