package replica

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// op is what a client asked of one key: INCR or GET.
type op struct {
	incr bool
	key  int
}

// counterModel is a counter that INCR adds one to. A result of -1 means that
// nobody knows whether the INCR was done.
var counterModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[int][]porcupine.Operation{}
		for _, o := range history {
			k := o.Input.(op).key
			byKey[k] = append(byKey[k], o)
		}
		var parts [][]porcupine.Operation
		for _, p := range byKey {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() any { return int64(0) },
	Step: func(state, in, out any) (bool, any) {
		n, got := state.(int64), out.(int64)
		if !in.(op).incr {
			return got == n, n
		}
		return got == -1 || got == n+1, n + 1
	},
	Equal: func(a, b any) bool { return a == b },
}

func TestReadsAndWritesAreLinearizableOnEveryNode(t *testing.T) {
	for name, lease := range map[string]bool{"asking": false, "with a lease": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			linearizable(t, newCluster(t, 3, func(cfg *Config) { cfg.LeaseReads = lease }))
		})
	}
}

func linearizable(t *testing.T, c *cluster) {
	c.form()
	start := time.Now()
	var mu sync.Mutex
	var history []porcupine.Operation
	var stop atomic.Bool
	var wg sync.WaitGroup
	reads, writes := 0, 0
	for id := range 9 {
		nd := c.nodes[id%3]
		wg.Go(func() {
			for i := 0; !stop.Load(); i++ {
				o := op{incr: rand.IntN(2) == 0, key: rand.IntN(3)}
				call := time.Since(start).Nanoseconds()
				got, err := nd.run(o)
				end := time.Since(start).Nanoseconds()
				if err != nil && (!o.incr || !errors.Is(err, ErrUncertain)) {
					pause(2 * time.Millisecond)
					continue // surely not done
				}
				if err != nil {
					got, end = -1, 1<<62 // may take effect at any later time
				}
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: len(history), Input: o, Call: call, Output: got, Return: end})
				if o.incr {
					writes++
				} else {
					reads++
				}
				mu.Unlock()
				pause(time.Duration(rand.IntN(4)) * time.Millisecond)
			}
		})
	}
	for i := range 8 {
		pause(200 * time.Millisecond)
		switch victim := c.leader(); i % 4 {
		case 0:
			c.net.isolate(victim.name)
			pause(500 * time.Millisecond)
			c.net.heal(victim.name)
		case 1:
			victim.kill()
			victim.start()
		case 2:
			f := c.others(victim)[0]
			c.net.isolate(f.name)
			pause(300 * time.Millisecond)
			c.net.heal(f.name)
		case 3:
			if err := victim.replica().Transfer(t.Context(), c.others(victim)[0].name); err != nil {
				t.Log(err)
			}
		}
	}
	c.leader()
	pause(200 * time.Millisecond)
	stop.Store(true)
	wg.Wait()
	t.Logf("%d reads, %d writes", reads, writes)
	if reads < 100 || writes < 100 {
		t.Fatal("too little happened")
	}
	if got := porcupine.CheckOperationsTimeout(counterModel, history, 20*time.Second); got != porcupine.Ok {
		t.Fatalf("history is not linearizable: %v", got)
	}
}

func (nd *node) run(o op) (int64, error) {
	key := fmt.Sprintf("c%d", o.key)
	if o.incr {
		reply, err := nd.do("INCR", key)
		if err != nil {
			return 0, err
		}
		return strconv.ParseInt(strings.TrimPrefix(reply, ":"), 10, 64)
	}
	reply, err := nd.do("GET", key)
	if err != nil {
		return 0, err
	}
	if reply == "$-1" {
		return 0, nil
	}
	_, digits, _ := strings.Cut(reply, "\r\n")
	return strconv.ParseInt(digits, 10, 64)
}

func TestAnIsolatedLeaderAnswersNoRead(t *testing.T) {
	for name, lease := range map[string]bool{"asking": false, "with a lease": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			isolated(t, newCluster(t, 3, func(cfg *Config) { cfg.RouteWait, cfg.LeaseReads = 700*time.Millisecond, lease }))
		})
	}
}

func isolated(t *testing.T, c *cluster) {
	old := c.form()
	old.must("SET", "k", "old")
	c.net.isolate(old.name)
	var next *node
	c.eventually("another leader", func() bool {
		for _, nd := range c.others(old) {
			if nd.replica().IsLeader() {
				next = nd
			}
		}
		return next != nil
	})
	next.must("SET", "k", "new")
	if reply, err := old.do("GET", "k"); !errors.Is(err, ErrNoLeader) {
		t.Fatalf("isolated leader answered %q, %v", reply, err)
	}
	if _, err := old.do("SET", "k", "lost"); !errors.Is(err, ErrNoLeader) && !errors.Is(err, ErrUncertain) {
		t.Fatalf("isolated leader took a write: %v", err)
	}
	c.net.heal(old.name)
	c.eventually("the new value on the old leader", func() bool {
		reply, err := old.do("GET", "k")
		return err == nil && reply == "$3\r\nnew"
	})
}
