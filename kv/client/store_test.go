package client_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"pingd/kv"
	"pingd/kv/client"
)

// member is one node of the real store.
type member struct {
	*kv.Node
	name, redis string
	stop        context.CancelFunc
	done        chan error
}

func (m *member) end(t *testing.T) {
	t.Helper()
	m.stop()
	if err := <-m.done; err != nil {
		t.Errorf("node %s: %v", m.name, err)
	}
	m.done <- nil
}

// startStore starts n store nodes that form one cluster.
func startStore(t *testing.T, n int) []*member {
	t.Helper()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	var redis, raft []net.Listener
	var join []string
	for range n {
		redis, raft = append(redis, listen()), append(raft, listen())
		join = append(join, redis[len(redis)-1].Addr().String())
	}
	nodes := make([]*member, n)
	for i := range n {
		name := fmt.Sprint("n", i)
		node, err := kv.New(kv.Config{
			Name: name, Dir: t.TempDir(), Redis: redis[i], Raft: raft[i], Join: join, Expect: n,
			Advertised: kv.Addresses{Redis: join[i], Raft: raft[i].Addr().String()},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		m := &member{Node: node, name: name, redis: join[i], stop: cancel, done: make(chan error, 1)}
		go func() { m.done <- node.Run(ctx) }()
		nodes[i] = m
		t.Cleanup(func() { m.end(t) })
	}
	return nodes
}

func leaderAmong(t *testing.T, nodes []*member) *member {
	t.Helper()
	var leader *member
	waitFor(t, "a leader", func() bool {
		i := slices.IndexFunc(nodes, func(m *member) bool { return m.Replica().IsLeader() })
		if i < 0 {
			return false
		}
		leader = nodes[i]
		return true
	})
	return leader
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within 15 s: %s", what)
		case <-tick.C:
		}
	}
}

// Numbers stay without gap and without repetition while the leader goes away;
// the lease holds and the watcher sees everything.
func TestRealStoreLosesItsLeader(t *testing.T) {
	nodes := startStore(t, 3)
	c, err := client.New(client.Config{Addrs: []string{nodes[0].redis}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()

	var wg sync.WaitGroup
	defer wg.Wait()
	background, stop := context.WithCancel(ctx)
	defer stop()
	wg.Go(func() {
		if err := c.Lease(background, "/app/a", "h:1", 2*time.Second); err != nil {
			t.Errorf("Lease: %v", err)
		}
	})
	var mu sync.Mutex
	seen := map[string]string{}
	wg.Go(func() {
		err := c.Watch(background, "/app/", func(m map[string]string) {
			mu.Lock()
			seen = m
			mu.Unlock()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Watch: %v", err)
		}
	})
	shows := func(want map[string]string) {
		t.Helper()
		waitFor(t, fmt.Sprint("list ", want), func() bool {
			mu.Lock()
			defer mu.Unlock()
			return maps.Equal(seen, want)
		})
	}
	shows(map[string]string{"/app/a": "h:1"})

	next := int64(1)
	var longest time.Duration
	count := func(rounds int) {
		t.Helper()
		for range rounds {
			start := time.Now()
			got, err := c.OnceIncr(ctx, "hits", time.Minute, []string{fmt.Sprint("x", next), fmt.Sprint("y", next)})
			if want := []int64{next, next + 1}; err != nil || !slices.Equal(got, want) {
				t.Fatalf("got %v %v, want %v", got, err, want)
			}
			next += 2
			longest = max(longest, time.Since(start))
		}
	}
	count(50)
	waitFor(t, "the members' addresses", func() bool {
		members, err := c.Members(ctx)
		if err != nil {
			t.Fatalf("Members: %v", err)
		}
		return len(members) == 3 && !slices.ContainsFunc(members, func(m client.Member) bool { return m.Redis == "" })
	})
	gone := leaderAmong(t, nodes)
	ended := make(chan struct{})
	go func() { gone.end(t); close(ended) }()
	count(100)
	<-ended
	count(50)
	t.Logf("longest call %v", longest)
	if longest > 10*time.Second {
		t.Errorf("a call took %v", longest)
	}
	if _, err := c.Do(ctx, "SET", "/app/b", "h:2"); err != nil {
		t.Fatal(err)
	}
	shows(map[string]string{"/app/a": "h:1", "/app/b": "h:2"})
	if _, err := c.Do(ctx, "FLUSHALL"); err != nil {
		t.Fatal(err)
	}
	shows(map[string]string{"/app/a": "h:1"}) // the lease is back at once
	stop()
	wg.Wait()
	if got, err := c.Do(ctx, "GET", "/app/a"); got != nil || err != nil {
		t.Errorf("the lease is left behind: %v %v", got, err)
	}
}

// The same token gets the same answer, whatever is asked.
func TestRealStoreOnce(t *testing.T) {
	nodes := startStore(t, 1)
	c, err := client.New(client.Config{Addrs: []string{nodes[0].redis}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	for range 3 {
		if got, err := c.Once(ctx, time.Minute, "tok", "INCRBY", "n", 5); got != int64(5) || err != nil {
			t.Fatalf("%v %v", got, err)
		}
	}
	peers, err := client.Peers(ctx, client.Config{Addrs: []string{nodes[0].redis}})
	if err != nil || len(peers) != 1 {
		t.Errorf("Peers: %s %v", peers, err)
	}
	if st, err := c.Status(ctx); err != nil || len(st) == 0 {
		t.Errorf("Status: %s %v", st, err)
	}
}
