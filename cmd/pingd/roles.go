package main

import (
	"context"
	"errors"
	"time"

	"pingd/cmd/pingd/config"
	"pingd/counter"
	"pingd/kv/client"
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

// errUnlinked marks a role whose package is not there yet.
var errUnlinked = errors.New("this role is not part of this build")

// newStore makes the store node: e.listeners.take("redis-addr"), "raft-addr" and
// "sentinel-addr" (nil when off); e.addr(flag) gives the addresses as others reach
// them, that of "admin-addr" too.
func newStore(*env) (role, error) { return nil, errUnlinked }

// newSentinel makes the Sentinel endpoint of a process without a store.
func newSentinel(*env) (role, error) { return nil, errUnlinked }

// newProxy makes the proxy: static --backend servers, and those at --prefix in
// e.store unless that is nil.
func newProxy(*env) (role, error) { return nil, errUnlinked }

// newMonitor makes the monitor. Its Handler method is mounted on the admin listener.
func newMonitor(*env) (role, error) { return nil, errUnlinked }

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
