package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"pingd/kv"
	"pingd/kv/client"
	"pingd/kv/replica"
	"pingd/sentinel"
)

// storeRole is a store node with its Sentinel endpoint.
type storeRole struct {
	*kv.Node
	sentinel *sentinel.Server // nil when it is off
}

// Run serves both until ctx ends; if one fails, both end.
func (s storeRole) Run(ctx context.Context) error {
	if s.sentinel == nil {
		return s.Node.Run(ctx)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Node.Run(ctx) })
	g.Go(func() error { return s.sentinel.Run(ctx) })
	return g.Wait()
}

func (s storeRole) Close() error {
	if s.sentinel == nil {
		return s.Node.Close()
	}
	return errors.Join(s.sentinel.Close(), s.Node.Close())
}

func (s storeRole) Addrs() map[string]string {
	addrs := map[string]string{}
	for name, a := range s.Node.Addrs() {
		addrs[name] = a
	}
	if s.sentinel != nil {
		for name, a := range s.sentinel.Addrs() {
			addrs[name] = a
		}
	}
	return addrs
}

// nodeCluster is the cluster as the store node of this process sees it.
type nodeCluster struct{ replica *replica.Replica }

func (c nodeCluster) View() sentinel.View {
	st := c.replica.Status()
	v := sentinelView(st)
	v.Self = st.Name
	return v
}

func (c nodeCluster) Changes(ctx context.Context) <-chan struct{} {
	out := make(chan struct{})
	go func() { // ends with ctx, which ends the channel it ranges over
		defer close(out)
		for range c.replica.Changes(ctx) {
			select {
			case out <- struct{}{}:
			case <-ctx.Done():
			}
		}
	}()
	return out
}

func (c nodeCluster) Failover(ctx context.Context) error { return c.replica.Transfer(ctx, "") }

// sentinelView is what a store node's status says in the terms of Sentinel. A
// node that has not announced its addresses yet is left out, and until the leader
// has, there is none to name: clients would be sent to port 0.
func sentinelView(st replica.Status) sentinel.View {
	v := sentinel.View{Term: st.Term, Quorum: st.Voters/2 + 1}
	for _, m := range st.Members {
		n := sentinel.Node{Name: m.Name, Alive: m.Alive, Voter: m.Voter, ReplOffset: m.Applied, Cut: m.Cut, RunID: m.RunID}
		if n.Host, n.RedisPort = splitPort(m.Redis); n.RedisPort == 0 {
			continue
		}
		_, n.SentinelPort = splitPort(m.Sentinel)
		n.LastContact = time.Duration(max(0, m.LastContactSeconds) * float64(time.Second))
		v.Nodes = append(v.Nodes, n)
		if m.Name == st.Leader {
			v.Leader = m.Name
		}
	}
	return v
}

func splitPort(addr string) (host string, port int) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, 0
	}
	port, _ = strconv.Atoi(p) // 0 = no such listener, as of an empty address
	return host, port
}

// remoteCluster is the cluster as a process without a store sees it: asked for
// every remoteInterval, since nobody pushes it.
type remoteCluster struct {
	store *client.Client
	last  atomic.Pointer[sentinel.View] // nil until a node has answered
}

const remoteInterval = 100 * time.Millisecond

func (c *remoteCluster) View() sentinel.View {
	if v := c.last.Load(); v != nil {
		return *v
	}
	return sentinel.View{}
}

func (c *remoteCluster) Changes(ctx context.Context) <-chan struct{} {
	out := make(chan struct{})
	go func() { // ends with ctx
		defer close(out)
		tick := time.NewTicker(remoteInterval)
		defer tick.Stop()
		for {
			// A node that was paused or cut off may still tell of an earlier term.
			if v, err := c.ask(ctx); err == nil && v.Term >= c.View().Term {
				c.last.Store(&v)
				select {
				case out <- struct{}{}:
				case <-ctx.Done():
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// ask reads the view from whichever store node answers.
func (c *remoteCluster) ask(ctx context.Context) (sentinel.View, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	raw, err := c.store.Status(ctx)
	if err != nil {
		return sentinel.View{}, err
	}
	var st replica.Status
	if err := json.Unmarshal(raw, &st); err != nil {
		return sentinel.View{}, fmt.Errorf("read the status of the store: %w", err)
	}
	v := sentinelView(st)
	v.At = time.Now()
	return v, nil
}

func (c *remoteCluster) Failover(ctx context.Context) error { return c.store.Transfer(ctx, "") }
