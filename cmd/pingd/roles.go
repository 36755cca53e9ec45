package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"time"

	"pingd/cmd/pingd/config"
	"pingd/counter"
	"pingd/kv"
	"pingd/kv/client"
	"pingd/monitor"
	"pingd/proxy"
	"pingd/sentinel"
)

// makers makes every role, in the order of their start; they stop in reverse. The
// proxy stops before the counters so that no visitor meets one that is gone, and
// the store last, since everybody takes leave of it.
var makers = []struct {
	name string
	make func(*env) (role, error)
}{
	{config.Store, newStore},
	{config.Sentinel, newSentinel},
	{config.Counter, newCounter},
	{config.Proxy, newProxy},
	{config.Monitor, newMonitor},
}

// newStore makes the store node, with its Sentinel endpoint unless that is off.
func newStore(e *env) (role, error) {
	node, err := kv.New(kv.Config{
		Name:  e.o.Name,
		Dir:   e.o.Data,
		Redis: e.listeners.take("redis-addr"),
		Raft:  e.listeners.take("raft-addr"),
		Advertised: kv.Addresses{
			Redis: e.addr("redis-addr"), Raft: e.addr("raft-addr"),
			Sentinel: e.addr("sentinel-addr"), Admin: e.addr("admin-addr"),
		},
		Join:            e.o.JoinAddrs(),
		Expect:          e.o.Expect,
		Secret:          e.o.Secret.Reveal(),
		LogStore:        e.o.LogStore,
		ElectionTimeout: e.o.ElectionTimeout,
		Logger:          e.log, Metrics: e.metrics,
	})
	if err != nil {
		return nil, err
	}
	r := storeRole{Node: node}
	if ln := e.listeners.take("sentinel-addr"); ln != nil {
		if r.sentinel, err = e.sentinelOn(ln, nodeCluster{node.Replica()}); err != nil {
			return nil, errors.Join(err, node.Close())
		}
	}
	return r, nil
}

// newSentinel makes the Sentinel endpoint of a process without a store.
func newSentinel(e *env) (role, error) {
	s, err := e.sentinelOn(e.listeners.take("sentinel-addr"), &remoteCluster{store: e.store})
	if err != nil {
		return nil, err // not s: a nil *Server would be a role that is not nil
	}
	return s, nil
}

func (e *env) sentinelOn(ln net.Listener, c sentinel.Cluster) (*sentinel.Server, error) {
	return sentinel.New(sentinel.Config{
		Listener: ln, Cluster: c, MasterName: e.o.MasterName, Secret: e.o.Secret.Reveal(), Logger: e.log,
	})
}

// Times of the counter's dealings with the store.
const (
	tokenTTL       = time.Minute      // how long a visit that is sent again is recognised
	registryLease  = 10 * time.Second // a counter that dies without a word leaves the list after this
	registryFormat = " idempotency=key check=/healthz"
)

// newCounter makes the visit service on the store.
func newCounter(e *env) (role, error) {
	address := e.addr("counter-addr")
	c, err := counter.New(counter.Config{
		Listener:     e.listeners.take("counter-addr"),
		Key:          e.o.CounterKey,
		Store:        counterStore{e.store},
		Registrar:    registration{e.store, e.o.Prefix + e.o.Name, address + registryFormat},
		VisitTimeout: e.o.CounterTimeout,
		Logger:       e.log, Metrics: e.metrics,
	})
	if err != nil {
		return nil, err // not c: a nil *Counter would be a role that is not nil
	}
	return c, nil
}

// counterStore counts visits in the store, each token once.
type counterStore struct{ store *client.Client }

func (s counterStore) Incr(ctx context.Context, key string, tokens []string) ([]int64, error) {
	return s.store.OnceIncr(ctx, key, tokenTTL, tokens)
}

// registration is a key that tells proxies of a server as long as it is held.
type registration struct {
	store      *client.Client
	key, value string
}

func (r registration) Register(ctx context.Context) error {
	return r.store.Lease(ctx, r.key, r.value, registryLease)
}

// newProxy makes the proxy: static --backend servers, and those that registered
// in the store where one is named.
func newProxy(e *env) (role, error) {
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
	access, err := e.accessLog()
	if err != nil {
		return nil, err
	}
	p, err := proxy.New(proxy.Config{
		Listener: e.listeners.take("proxy-addr"),
		Source:   proxy.Merge(sources...),
		Checks: proxy.Checks{
			Interval: e.o.CheckInterval, Timeout: e.o.CheckTimeout, Rise: e.o.CheckRise, Fall: e.o.CheckFall,
		},
		Timeouts: proxy.Timeouts{
			Connect: e.o.TimeoutConnect, Response: e.o.TimeoutResponse, Body: e.o.TimeoutClient, Grace: e.o.ProxyGrace,
		},
		MaxConn:   e.o.ProxyMaxconn,
		Loops:     e.proxyLoops(),
		Retries:   noneIfZero(e.o.ProxyRetries),
		AccessLog: access,
		Logger:    e.log, Metrics: e.metrics,
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// proxyLoops returns how many event loops the proxy has, and makes room for them
// beside the rest. A loop keeps its processor while it works; counted on top of
// those that Go has, loops and goroutines share the machine by the kernel's rules,
// and neither a leader's heartbeat nor a request waits for the other's slice to
// end. Where the process has a store too, half of the processors get a loop: the
// other half's worth of work is the store's.
func (e *env) proxyLoops() int {
	n := e.o.ProxyLoops
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

// newMonitor makes the monitor. Its Handler is mounted on the admin listener.
func newMonitor(e *env) (role, error) {
	cfg := monitor.Config{
		Name: e.o.Name, Version: e.build.short(), HostProc: e.o.MonitorProc, HostSys: e.o.MonitorSys,
		Hosts: e.adminHosts(), Logger: e.log, Metrics: e.metrics,
	}
	var s *survey
	if e.store != nil {
		s = &survey{store: e.store, secret: e.o.Secret.Reveal(), log: e.log}
		cfg.Cluster = s.state
	}
	m, err := monitor.New(cfg)
	if err != nil {
		return nil, err
	}
	return monitorRole{m, s}, nil
}
