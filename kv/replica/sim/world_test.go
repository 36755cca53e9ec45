package sim

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pingd/kv/replica"
	"pingd/kv/replica/logstore"
)

// plan is what a seed decides before anything runs.
type plan struct {
	nodes, spare  int // that form the cluster; that join later
	clients       int
	length        time.Duration // of the time with faults
	kind          string
	election      time.Duration
	commit        time.Duration
	stale         time.Duration
	diskSlow      time.Duration
	diskStall     time.Duration
	lease         bool
	snapshotBytes int64
	trailing      uint64
	base, jitter  time.Duration // of the network
	sync, slow    time.Duration // of the disks
	skew          time.Duration // of the clocks, at most
	faults        []fault
	pace          time.Duration // mean time between faults
}

// pick returns one of list.
func pick[T any](rng *rand.Rand, list ...T) T { return list[rng.IntN(len(list))] }

func makePlan(rng *rand.Rand) plan {
	p := plan{
		nodes: pick(rng, 3, 3, 3, 3, 3, 3, 5, 1), clients: 4 + rng.IntN(5),
		length: time.Duration(2500+rng.IntN(3000)) * time.Millisecond,
		kind:   pick(rng, logstore.WAL, logstore.WAL, logstore.Bolt),

		election: pick[time.Duration](rng, 100, 150, 150, 300) * time.Millisecond,
		commit:   pick[time.Duration](rng, 10, 20, 50) * time.Millisecond,
		stale:    pick[time.Duration](rng, 400, 700, 1500) * time.Millisecond,
		diskSlow: pick[time.Duration](rng, 300, 600, 1000) * time.Millisecond, diskStall: pick[time.Duration](rng, 1500, 3000) * time.Millisecond,
		lease:         rng.IntN(4) == 0,
		snapshotBytes: pick(rng, int64(2<<10), 8<<10, 64<<10, 1<<30),
		trailing:      pick(rng, uint64(1), 8, 64, 1024),
		base:          pick[time.Duration](rng, 0, 100, 500, 3000) * time.Microsecond, jitter: pick[time.Duration](rng, 50, 500, 5000) * time.Microsecond,
		sync: pick[time.Duration](rng, 0, 200, 1000, 4000) * time.Microsecond, slow: pick[time.Duration](rng, 0, 0, 20, 200) * time.Millisecond,
		skew: pick[time.Duration](rng, 0, 0, 100, 5000) * time.Millisecond,
		pace: pick[time.Duration](rng, 100, 300, 700) * time.Millisecond,
	}
	if p.nodes > 1 && rng.IntN(3) == 0 {
		p.spare = 1
	}
	for _, i := range rng.Perm(len(faults))[:2+rng.IntN(5)] {
		p.faults = append(p.faults, faults[i])
	}
	return p
}

// world is one run of one seed.
type world struct {
	seed  uint64
	plan  plan
	net   *network
	watch *watcher
	hist  *history
	log   *slog.Logger // nil unless asked for
	start time.Time

	mu        sync.Mutex // over nodes, their processes, and the nemesis's
	nodes     []*node
	ending    bool
	procs     sync.WaitGroup      // processes, and calls to them
	hurt      *node               // may lack what it acknowledged: no other may be wiped meanwhile
	removing  bool                // a member is being removed
	sound     time.Time           // since when all has been well
	down      map[*node]time.Time // until when
	healed    time.Time
	undecided int            // keys whose histories took too long to check
	finals    map[string]int // counters in the end

	noted  sync.Mutex // over what follows
	events []string
	failed []string

	clock atomic.Int64 // counts calls and returns of operations
}

// stream returns a source of random numbers of its own for one part of the world:
// how many numbers another part draws does not matter to it.
func stream(seed uint64, part string, i int) *rand.Rand {
	h := uint64(14695981039346656037)
	for _, c := range []byte(part) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, h+uint64(i)))
}

func newWorld(seed uint64) *world {
	w := &world{seed: seed, plan: makePlan(stream(seed, "plan", 0)), start: time.Now(), down: map[*node]time.Time{}}
	if os.Getenv("PINGD_TEST_LOG") != "" {
		w.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	w.net = newNetwork(stream(seed, "network", 0), w.plan.base, w.plan.jitter)
	w.watch, w.hist = newWatcher(w), &history{w: w}
	for i := range w.plan.nodes + w.plan.spare {
		n := &node{w: w, name: fmt.Sprintf("n%d", i+1), port: 1}
		n.disk = newDisk(stream(seed, "disk", i), w.plan.kind, w.plan.sync, w.plan.slow)
		if w.plan.skew > 0 {
			n.skew = time.Duration(stream(seed, "skew", i).Int64N(int64(2*w.plan.skew))) - w.plan.skew
		}
		w.nodes = append(w.nodes, n)
		if i >= w.plan.nodes {
			w.down[n] = w.start.Add(w.plan.length / 3) // it joins later
		}
	}
	return w
}

// do runs f with the world standing still.
func (w *world) do(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// names lists the join addresses: names, that lead to where each node is now.
func (w *world) names() []string {
	var list []string
	for _, n := range w.nodes {
		list = append(list, n.name)
	}
	return list
}

// discover stands for DNS, and for the question whose answer has the bus's address.
func (w *world) discover(_ context.Context, name string) (list []replica.Peer, err error) {
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	for _, n := range w.nodes {
		if n.name == name {
			list = append(list, replica.Peer{Bus: n.addr()})
		}
	}
	return list, nil
}

// trace notes an event.
func (w *world) trace(format string, args ...any) {
	w.noted.Lock()
	defer w.noted.Unlock()
	w.events = append(w.events, fmt.Sprintf("%9.4fs  %s", time.Since(w.start).Seconds(), fmt.Sprintf(format, args...)))
}

// fail notes what must not be.
func (w *world) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.trace("FAILURE: %s", text)
	w.noted.Lock()
	defer w.noted.Unlock()
	if len(w.failed) < 20 {
		w.failed = append(w.failed, text)
	}
}

// procsUp lists the processes that are up. w.mu is held.
func (w *world) procsUp() []*process {
	var list []*process
	for _, n := range w.nodes {
		if n.proc != nil {
			list = append(list, n.proc)
		}
	}
	return list
}

// process returns a node's process, nil while it is down.
func (w *world) process(n *node) (p *process) {
	w.do(func() { p = n.proc })
	return p
}

// keepUp starts nodes that are down and may come back, until stop.
func (w *world) keepUp(stop <-chan struct{}) {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-stop:
			return
		}
		w.do(func() {
			for _, n := range w.nodes {
				if n.proc == nil && time.Now().After(w.down[n]) {
					if n.away {
						n.away = false
						n.disk.wipe()
						w.trace("%s gets an empty disk", n.name)
					}
					n.start()
				}
			}
			w.look()
		})
	}
}

// look notes that nobody is hurt once all has been well for a while.
func (w *world) look() {
	if w.removing || !w.whole() {
		w.sound = time.Now()
	} else if w.hurt != nil && time.Since(w.sound) > soundFor {
		w.trace("%s is whole again", w.hurt.name)
		w.hurt = nil
	}
}

const soundFor = 400 * time.Millisecond

// run is the life of a world. It is called in a bubble.
func (w *world) run() {
	w.trace("%s", w.plan)
	w.do(func() {
		for _, n := range w.nodes[:w.plan.nodes] {
			n.start()
		}
	})
	stopClients, stopFaults := make(chan struct{}), make(chan struct{})
	stopKeeping := make(chan struct{})
	var clients, nemesis, keeper sync.WaitGroup
	keeper.Go(func() { w.keepUp(stopKeeping) })
	for i := range w.plan.clients {
		c := &client{w: w, id: i, rng: stream(w.seed, "client", i)}
		clients.Go(func() { c.run(stopClients) })
	}
	nemesis.Go(func() { w.torment(stopFaults) })
	pass(w.plan.length)
	close(stopFaults)
	nemesis.Wait()
	w.heal()
	w.settle()
	close(stopClients)
	clients.Wait()
	w.last()
	close(stopKeeping)
	keeper.Wait()
	w.shut()
}

func (p plan) has(name string) bool {
	return slices.ContainsFunc(p.faults, func(f fault) bool { return f.name == name })
}

func (p plan) String() string {
	var names []string
	for _, f := range p.faults {
		names = append(names, f.name)
	}
	return fmt.Sprintf("%d+%d nodes, %d clients, log %s, election %s, commit %s, stale %s, disk slow %s stall %s, lease %t, snapshot %d trailing %d, network %s+%s, sync %s..%s, skew %s, a fault each %s of: %s",
		p.nodes, p.spare, p.clients, p.kind, p.election, p.commit, p.stale, p.diskSlow, p.diskStall, p.lease, p.snapshotBytes, p.trailing,
		p.base, p.jitter, p.sync, p.slow, p.skew, p.pace, strings.Join(names, ", "))
}

// shut stops all nodes in order, and waits for what is left of dead ones.
func (w *world) shut() {
	w.do(func() {
		w.ending = true
		for _, p := range w.procsUp() {
			p.stop()
		}
	})
	w.procs.Wait()
}

// report fails t if the world failed.
func (w *world) report(t *testing.T) {
	t.Helper()
	if len(w.failed) == 0 {
		return
	}
	t.Errorf("seed %d: %s\n%s\nrun it again, with its trace: go test ./kv/replica/sim -run TestSeeds -sim.trace -sim.seed=%d\nwhat happened here:\n%s",
		w.seed, w.plan, strings.Join(w.failed, "\n"), w.seed, strings.Join(w.events, "\n"))
}

// pass lets d of the bubble's time pass.
func pass(d time.Duration) { <-time.After(d) }
