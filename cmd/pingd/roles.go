package main

import (
	"context"
	"errors"
	"net"
	"time"

	"pingd/cmd/pingd/config"
	"pingd/counter"
	"pingd/kv"
	"pingd/kv/client"
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
	clients, askers := mostClients(e.log)
	node, err := kv.New(kv.Config{
		Name:  e.o.Name,
		Dir:   e.o.Data,
		Redis: e.listeners.take("redis-addr"),
		Raft:  e.listeners.take("raft-addr"),
		Advertised: kv.Addresses{
			Redis: e.addr("redis-addr"), Raft: e.addr("raft-addr"),
			Sentinel: e.addr("sentinel-addr"), Admin: e.addr("admin-addr"),
		},
		Dial:            dialer(e.certs),
		DialBus:         busDialer(e.certs),
		Join:            e.o.JoinAddrs(),
		Expect:          e.o.Expect,
		Secret:          e.o.Secret.Reveal(),
		LogStore:        e.o.LogStore,
		FollowerWrites:  e.o.FollowerWrites,
		ElectionTimeout: e.o.ElectionTimeout,
		LeaseReads:      e.o.StoreLeaseReads,
		StaleBound:      e.o.StoreStaleBound,
		Reserve:         reserve(e.o.StoreReserve),
		RemoveDead:      e.o.StoreRemoveDead,
		MaxClients:      clients,
		Logger:          e.log, Metrics: e.metrics,
	})
	if err != nil {
		return nil, err
	}
	r := storeRole{Node: node}
	if ln := e.listeners.take("sentinel-addr"); ln != nil {
		if r.sentinel, err = e.sentinelOn(ln, nodeCluster{node.Replica()}, askers); err != nil {
			return nil, errors.Join(err, node.Close())
		}
	}
	return r, nil
}

// newSentinel makes the Sentinel endpoint of a process without a store.
func newSentinel(e *env) (role, error) {
	_, askers := mostClients(e.log)
	s, err := e.sentinelOn(e.listeners.take("sentinel-addr"), &remoteCluster{store: e.store}, askers)
	if err != nil {
		return nil, err // not s: a nil *Server would be a role that is not nil
	}
	return s, nil
}

func (e *env) sentinelOn(ln net.Listener, c sentinel.Cluster, maxClients int) (*sentinel.Server, error) {
	return sentinel.New(sentinel.Config{
		Listener: ln, Cluster: c, MasterName: e.o.MasterName, Secret: e.o.Secret.Reveal(), Logger: e.log,
		MaxClients: maxClients,
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

// newProxy makes the proxy.
func newProxy(e *env) (role, error) {
	access, err := e.accessLog()
	if err != nil {
		return nil, err
	}
	cfg, err := e.proxyConfig(access)
	if err != nil {
		return nil, err
	}
	p, err := proxy.New(cfg)
	if err != nil {
		return nil, err // not p: a nil *Proxy would be a role that is not nil
	}
	return p, nil
}

// reserve turns MiB into bytes; 0 means never here, but the default there.
func reserve(mib int) int64 {
	if mib == 0 {
		return -1
	}
	return int64(mib) << 20
}
