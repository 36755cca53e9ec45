package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pingd/integration/procs"
	"pingd/integration/procs/netns"
	"pingd/integration/procs/wire"
)

// TestChaos lets clients do many things with three stores while these are killed,
// paused, stopped, wiped and cut off from one another as a seed says, and judges what
// the clients saw. PINGD_CHAOS=10m says for how long; each half minute has new stores
// and the next seed, beginning with PINGD_CHAOS_SEED or any.
func TestChaos(t *testing.T) {
	if os.Getenv("PINGD_CHAOS") == "" {
		t.Skip("takes as long as it is told: run it with PINGD_CHAOS=1m")
	}
	whole, err := time.ParseDuration(os.Getenv("PINGD_CHAOS"))
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("PINGD_CHAOS_SEED"); s != "" {
		if _, err := fmt.Sscan(s, &seed); err != nil {
			t.Fatal(err)
		}
	}
	for began := time.Now(); time.Since(began) < whole && !t.Failed(); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { runChaos(t, seed, min(whole, 30*time.Second)) })
	}
}

func runChaos(t *testing.T, seed uint64, length time.Duration) {
	rng := rand.New(rand.NewPCG(seed, 0))
	net := netns.New(t, 3)
	args := []string{
		"--insecure", "--log-store=" + []string{"wal", "bolt"}[rng.IntN(2)],
		fmt.Sprintf("--election-timeout=%dms", 100+100*rng.IntN(3)),
	}
	if rng.IntN(3) == 0 {
		args = append(args, "--store-lease-reads")
	}
	lab := procs.ForTest(t)
	cluster, err := procs.StartCluster(within(t), lab, procs.ClusterConfig{Binary: pingd(t), Stores: 3, Hosts: net.Hosts, StoreArgs: args})
	if err != nil {
		t.Fatal(err)
	}
	c := newChaos(t, cluster.Stores)
	var clients sync.WaitGroup
	t.Cleanup(func() { c.stop.Store(true); clients.Wait() })
	for i := range 10 {
		v := &visitor{chaos: c, id: i, rng: rand.New(rand.NewPCG(seed, uint64(i+1)))}
		clients.Go(v.run)
	}
	n := &nemesis{t: t, cluster: cluster, net: net, lab: lab, rng: rng}
	n.run(length)
	if _, err := cluster.WaitWhole(within(t)); err != nil {
		t.Fatal(err)
	}
	n.whole(c)
	c.stop.Store(true)
	clients.Wait()
	t.Logf("%v\n%s", args, strings.Join(n.did, "\n"))
	c.judge()
	for _, s := range cluster.Stores {
		if tail := s.Tail(10000); strings.Contains(tail, "panic:") || strings.Contains(tail, "fatal error:") {
			t.Errorf("%s broke:\n%s", s.Name(), tail)
		}
	}
}

// judge ends all histories and checks them.
func (c *chaos) judge() {
	c.t.Helper()
	ask := func(cmd ...string) (r wire.Reply) {
		c.t.Helper()
		eventually(c.t, func(ctx context.Context) (err error) {
			r, err = wire.Ask(ctx, c.stores[0].Redis, cmd...)
			return err
		})
		return r
	}
	bad := func(what string, err error) {
		c.t.Helper()
		if err != nil {
			c.t.Errorf("%s: %v", what, err)
		}
	}
	const (
		staleBound = 5 * time.Second
		endsWithin = 2 * time.Second // an entry of the log lets a key end
	)
	for i, h := range c.counters {
		bad("counter", h.Check(ask("INCRBY", fmt.Sprintf("n%d", i), "0").Int, staleBound))
		a, u, r := h.Tally()
		c.t.Logf("counter: %d answers, %d INCRs unknown, %d refused", a, u, r)
	}
	bad("tickets", c.tickets.Check(ask("INCRBY", "tickets", "0").Int, 0))
	list := strings.FieldsFunc(ask("GET", "list").Text, func(r rune) bool { return r == ';' })
	bad("list", c.pushed.Check(list))
	c.mu.Lock()
	defer c.mu.Unlock()
	brief := slices.Concat(c.ended, c.brief)
	for _, k := range brief {
		bad("key that ends "+k.name, k.Check(20*time.Millisecond, endsWithin))
	}
	ops, undecided := 0, 0
	for key, h := range c.registers {
		ops += h.Len()
		ok, decided := h.Check(20 * time.Second)
		if !decided {
			undecided++
		}
		if !ok {
			c.t.Errorf("register %s: no order explains\n%s", key, strings.Join(h.Ops(), "\n"))
		}
	}
	answered, unknown, refused := c.pushed.Tally()
	tickets, _, _ := c.tickets.Tally()
	c.t.Logf("%d operations on %d registers (%d undecided), %d tickets, %d pushes (%d unknown, %d refused), %d moves, %d audits, %d keys that ended",
		ops, len(c.registers), undecided, tickets, answered, unknown, refused, c.moved.Load(), c.audits.Load(), len(brief))
}

// nemesis does harm, one thing at a time or two.
type nemesis struct {
	t       *testing.T
	cluster *procs.Cluster
	net     *netns.Net
	lab     *procs.Lab
	rng     *rand.Rand
	start   time.Time
	did     []string
}

// run does harm for a while and undoes it.
func (n *nemesis) run(length time.Duration) {
	n.t.Helper()
	n.start = time.Now()
	n.wait(500 * time.Millisecond)
	for time.Since(n.start) < length {
		n.harm()
		if n.rng.IntN(2) == 0 {
			n.wait(400 * time.Millisecond)
			n.harm()
		}
		n.wait(2500 * time.Millisecond)
		if n.rng.IntN(3) > 0 {
			n.mend()
			n.wait(1500 * time.Millisecond)
		}
		if n.rng.IntN(8) == 0 {
			n.wipe()
		}
	}
	n.mend()
}

// wait waits for up to d.
func (n *nemesis) wait(d time.Duration) { <-time.After(time.Duration(n.rng.Int64N(int64(d)))) }

func (n *nemesis) note(format string, args ...any) {
	n.did = append(n.did, fmt.Sprintf("%10s %s", time.Since(n.start).Round(time.Millisecond), fmt.Sprintf(format, args...)))
}

// try fails the test for an error, but for that of a process which had ended.
func (n *nemesis) try(err error) {
	n.t.Helper()
	if err != nil && !errors.Is(err, procs.ErrNotRunning) {
		n.t.Fatal(err)
	}
}

// victim is the leader or anyone, by number.
func (n *nemesis) victim() int {
	if n.rng.IntN(2) == 0 {
		ctx, cancel := context.WithTimeout(n.t.Context(), time.Second)
		defer cancel()
		if leader, err := n.cluster.Leader(ctx); err == nil {
			return slices.Index(n.cluster.Stores, leader)
		}
	}
	return n.rng.IntN(len(n.cluster.Stores))
}

func (n *nemesis) harm() {
	i := n.victim()
	v, other := n.cluster.Stores[i], (i+1+n.rng.IntN(2))%3
	switch n.rng.IntN(10) {
	case 0, 1:
		n.note("kill %s", v.Name())
		n.try(v.Kill())
	case 2:
		n.note("kill all")
		for _, s := range n.cluster.Stores {
			n.try(s.Kill())
		}
		n.mend()
	case 3, 4:
		n.note("pause %s", v.Name())
		n.try(v.Pause())
	case 5:
		n.note("stop %s", v.Name())
		n.try(v.BeginTerminate())
	case 6:
		n.note("hand over, by %s", v.Name())
		ctx, cancel := context.WithTimeout(n.t.Context(), 2*time.Second)
		defer cancel()
		_, _ = wire.Ask(ctx, v.Redis, "PINGD", "TRANSFER") // it may be in no state to
	case 7:
		n.note("isolate %s", v.Name())
		n.try(n.net.Isolate(i))
	case 8:
		n.note("cut from %s to %d", v.Name(), other+1)
		n.try(n.net.Cut(i, other))
	case 9:
		n.note("cut from %d to %s", other+1, v.Name())
		n.try(n.net.Cut(other, i))
	}
}

// mend undoes all harm.
func (n *nemesis) mend() {
	n.note("mend")
	n.try(n.net.Heal())
	for _, s := range n.cluster.Stores {
		if s.Running() {
			n.try(s.Resume()) // it may also be on its way out
			continue
		}
		n.try(s.Restart(n.t.Context()))
	}
}

// wipe takes a node's disk, when no other lacks anything.
func (n *nemesis) wipe() {
	n.mend()
	ctx, cancel := context.WithTimeout(n.t.Context(), 10*time.Second)
	defer cancel()
	if _, err := n.cluster.WaitWhole(ctx); err != nil {
		return // somebody was on the way out
	}
	v := n.cluster.Stores[n.victim()]
	n.note("wipe %s", v.Name())
	n.try(v.Kill())
	dir, err := n.lab.Dir(v.Name())
	n.try(err)
	n.try(os.RemoveAll(dir))
	_, err = n.lab.Dir(v.Name())
	n.try(err)
	n.try(v.Restart(n.t.Context()))
	if _, err := n.cluster.WaitWhole(within(n.t)); err != nil {
		n.t.Fatalf("after %v: %v", n.did, err)
	}
}

// whole waits until every store takes part again and clients are answered; those that
// were told to stop may do so only now.
func (n *nemesis) whole(c *chaos) {
	n.t.Helper()
	before := c.counters[0].Answers()
	eventually(n.t, func(ctx context.Context) error {
		for _, s := range n.cluster.Stores {
			if !s.Running() {
				n.try(s.Restart(ctx))
			}
		}
		if got := c.counters[0].Answers(); got < before+20 {
			return fmt.Errorf("%d further answers", got-before)
		}
		_, err := n.cluster.Leader(ctx)
		return err
	})
	if _, err := n.cluster.WaitWhole(within(n.t)); err != nil {
		n.t.Fatal(err)
	}
}
