package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pingd/kv/engine"
)

// load runs INCR from many clients until stop and keeps a ledger.
type load struct {
	mu        sync.Mutex
	numbers   []int64 // acknowledged
	uncertain int
	definite  int
	acks      []time.Time

	stop atomic.Bool
	wg   sync.WaitGroup
}

func startLoad(c *cluster, clients int) *load {
	l := &load{}
	for i := range clients {
		nd := c.nodes[i%len(c.nodes)]
		l.wg.Go(func() {
			for !l.stop.Load() {
				l.one(nd)
			}
		})
	}
	return l
}

func (l *load) one(nd *node) {
	reply, err := nd.do("INCR", "counter")
	l.mu.Lock()
	switch {
	case err == nil:
		n, perr := strconv.ParseInt(strings.TrimPrefix(reply, ":"), 10, 64)
		if perr == nil {
			l.numbers = append(l.numbers, n)
			l.acks = append(l.acks, time.Now())
		}
	case errors.Is(err, ErrUncertain):
		l.uncertain++
	default:
		l.definite++
	}
	l.mu.Unlock()
	if err != nil {
		pause(2 * time.Millisecond) // a node that is down answers at once
	}
}

// end stops the clients and checks the ledger against the counter's last value.
func (l *load) end(t *testing.T, final int64) {
	t.Helper()
	l.stop.Store(true)
	l.wg.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.numbers)
	for i := 1; i < len(l.numbers); i++ {
		if l.numbers[i] == l.numbers[i-1] {
			t.Errorf("number %d was handed out twice", l.numbers[i])
		}
	}
	acked := int64(len(l.numbers))
	if final < acked || final > acked+int64(l.uncertain) {
		t.Errorf("counter is %d after %d acknowledged and %d uncertain", final, acked, l.uncertain)
	}
	t.Logf("acknowledged %d, uncertain %d, definite errors %d, counter %d", acked, l.uncertain, l.definite, final)
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.numbers)
}

// gapAfter returns the time from at to the next acknowledgement.
func (l *load) gapAfter(at time.Time) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.acks {
		if a.After(at) {
			return a.Sub(at), true
		}
	}
	return 0, false
}

func (c *cluster) counter() int64 { return c.nodes[0].counter() }

func (nd *node) counter() int64 {
	c := nd.c
	c.t.Helper()
	reply := nd.must("GET", "counter")
	_, digits, _ := strings.Cut(reply, "\r\n")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		c.t.Fatalf("counter: %q", reply)
	}
	return n
}

func TestNoAcknowledgedWriteIsLostOrDoneTwice(t *testing.T) {
	faults := map[string]func(c *cluster, leader *node){
		"kill": func(_ *cluster, leader *node) {
			leader.kill()
			leader.start()
		},
		"isolate": func(c *cluster, leader *node) {
			c.net.isolate(leader.name)
			pause(600 * time.Millisecond)
			c.net.heal(leader.name)
		},
		"isolate a follower": func(c *cluster, leader *node) {
			f := c.others(leader)[0]
			c.net.isolate(f.name)
			pause(400 * time.Millisecond)
			c.net.heal(f.name)
		},
		"cut connections": func(c *cluster, leader *node) { c.net.cut(leader.name) },
		"stop in order": func(c *cluster, leader *node) {
			if err := leader.shut(); err != nil {
				c.t.Error(err)
			}
			leader.start()
		},
		"transfer": func(c *cluster, leader *node) {
			to := c.others(leader)[0]
			if err := to.replica().Transfer(context.Background(), to.name); err != nil {
				c.t.Log(err)
			}
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 3, nil)
			c.form()
			l := startLoad(c, 12)
			for range 3 {
				before := l.count()
				c.eventually("progress", func() bool { return l.count() > before+50 })
				fault(c, c.leader())
			}
			c.leader()
			before := l.count()
			c.eventually("progress after the last fault", func() bool { return l.count() > before+50 })
			l.stop.Store(true)
			l.wg.Wait()
			l.end(t, c.counter())
			c.sameDigest()
		})
	}
}

// sameDigest waits until all nodes hold the same data.
func (c *cluster) sameDigest() {
	c.t.Helper()
	c.eventually("equal data on all nodes", func() bool {
		first := c.nodes[0].replica()
		index, _ := first.machine.Applied()
		digest := first.Engine().Digest()
		for _, nd := range c.nodes[1:] {
			i, _ := nd.replica().machine.Applied()
			if i != index || nd.replica().Engine().Digest() != digest {
				return false
			}
		}
		return true
	})
}

func TestRestartOfAllKeepsEverything(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"wal", "bolt"} {
		t.Run(kind, func(t *testing.T) {
			c := newCluster(t, 3, func(cfg *Config) { cfg.LogStore = kind })
			c.form()
			l := startLoad(c, 6)
			c.eventually("some writes", func() bool { return l.count() > 100 })
			var wg sync.WaitGroup
			for _, nd := range c.nodes {
				wg.Go(nd.kill)
			}
			wg.Wait()
			for _, nd := range c.nodes {
				nd.start()
			}
			c.leader()
			l.stop.Store(true)
			l.wg.Wait()
			l.end(t, c.counter())
		})
	}
}

func TestSnapshotRestoreAndFailover(t *testing.T) {
	t.Parallel()
	// The write-ahead log keeps entries that a snapshot covers as long as their
	// segment is in use; bbolt deletes them.
	c := newCluster(t, 3, func(cfg *Config) { cfg.LogStore = "bolt" })
	leader := c.form()
	for i := range 200 {
		leader.must("SET", fmt.Sprintf("k%d", i), strings.Repeat("v", 100))
	}
	leader.must("INCR", "counter")
	away := c.others(leader)[0]
	away.kill()
	// The log that the node misses goes into a snapshot and away.
	for i := range 300 {
		leader.must("SET", "filler", strconv.Itoa(i))
	}
	for _, nd := range c.nodes {
		if r := nd.replica(); r != nil {
			rc := r.raftNode().ReloadableConfig()
			rc.TrailingLogs = 1
			if err := errors.Join(r.raftNode().ReloadConfig(rc), r.raftNode().Snapshot().Error()); err != nil {
				t.Fatal(err)
			}
		}
	}
	away.start()
	c.eventually("the snapshot on the node that was away", func() bool {
		var out engine.Replies
		err := away.replica().ReadLocal([]engine.Command{command("GET", "counter")}, &out)
		return err == nil && string(out.Buf) == "$1\r\n1\r\n"
	})
	c.sameDigest()
	leader.kill()
	c.eventually("a new leader", func() bool { return away.replica().IsLeader() || c.others(leader)[1].replica().IsLeader() })
	if got := away.must("INCR", "counter"); got != ":2" {
		t.Fatalf("after failover: %q", got)
	}
	leader.start()
	c.leader()
	c.sameDigest()
	if s := away.replica().Status(); s.SnapIndex == 0 || len(s.Members) != 3 {
		t.Fatalf("status after a snapshot: %+v", s)
	}
}

func TestFailoverIsFast(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.form()
	l := startLoad(c, 6)
	var gaps []time.Duration
	for range 5 {
		before := l.count()
		c.eventually("progress", func() bool { return l.count() > before+100 })
		leader := c.leader()
		at := time.Now()
		leader.kill()
		c.eventually("an acknowledgement", func() bool { _, ok := l.gapAfter(at.Add(20 * time.Millisecond)); return ok })
		gap, _ := l.gapAfter(at.Add(20 * time.Millisecond))
		gaps = append(gaps, gap+20*time.Millisecond)
		leader.start()
		c.leader()
	}
	l.stop.Store(true)
	l.wg.Wait()
	l.end(t, c.counter())
	slices.Sort(gaps)
	t.Logf("kill of the leader to the next acknowledgement: %v", gaps)
	if gaps[len(gaps)/2] > 2*time.Second {
		t.Errorf("median gap %v", gaps[len(gaps)/2])
	}
}
