package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"pingd/kv/replica"
)

// fault is one kind of harm. do does it and returns what undoes it after a while,
// nil if nothing is to be undone, and a word on what was done. It is called with
// w.mu held; what it spawns ends by itself.
type fault struct {
	name string
	do   func(w *world, rng *rand.Rand, spawn func(func())) (undo func(), what string)
	last time.Duration // the longest time before undo
}

// torment does one fault after another, and undoes each, until stop.
func (w *world) torment(stop <-chan struct{}) {
	rng := stream(w.seed, "nemesis", 0)
	var wg sync.WaitGroup
	defer wg.Wait()
	// Some time to form first, or none at all.
	if !sleep(stop, time.Duration(rng.Int64N(int64(600*time.Millisecond)))) {
		return
	}
	for {
		f := pick(rng, w.plan.faults...)
		lasts := time.Duration(0)
		if f.last > 0 {
			lasts = 20*time.Millisecond + time.Duration(rng.Int64N(int64(f.last)))
		}
		var undo func()
		w.do(func() {
			var what string
			undo, what = f.do(w, rng, wg.Go)
			w.trace("%s: %s", f.name, what)
		})
		if undo != nil {
			wg.Go(func() {
				sleep(stop, lasts)
				w.do(func() { undo(); w.trace("%s is over", f.name) })
			})
		}
		if !sleep(stop, time.Duration(rng.Int64N(int64(2*w.plan.pace)))) {
			return
		}
	}
}

// sleep waits for d; false if stop came first.
func sleep(stop <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-stop:
		return false
	}
}

// victim is a node that is up: the leader, or any.
func (w *world) victim(rng *rand.Rand) *node {
	up := w.procsUp()
	if len(up) == 0 {
		return w.nodes[rng.IntN(w.plan.nodes)]
	}
	if rng.IntN(2) == 0 {
		for _, p := range up {
			if p.r.IsLeader() {
				return p.node
			}
		}
	}
	return up[rng.IntN(len(up))].node
}

// faults is all there is.
var faults = []fault{
	{name: "partition", last: 1500 * time.Millisecond, do: partition},
	{name: "isolate", last: 1500 * time.Millisecond, do: isolate},
	{name: "one-way cut", last: 1500 * time.Millisecond, do: oneWay},
	{name: "reset connections", do: reset},
	{name: "slow network", last: time.Second, do: slowNetwork},
	{name: "kill", do: kill},
	{name: "power cut", do: powerCut},
	{name: "power cut of all", do: powerCutAll},
	{name: "power cut in a write", do: lightFuse},
	{name: "freeze", last: 1500 * time.Millisecond, do: freeze},
	{name: "disk hangs", last: 2500 * time.Millisecond, do: hang},
	{name: "disk fails", last: time.Second, do: failDisk},
	{name: "disk full", last: 1500 * time.Millisecond, do: fillDisk},
	{name: "transfer", do: transfer},
	{name: "stop", do: stopInOrder},
	{name: "remove", do: remove},
	{name: "wipe", do: wipe},
	{name: "clock jump", do: jump},
	{name: "new address", do: move},
}

func partition(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	var pairs [][2]string
	left := map[string]bool{}
	for _, n := range w.nodes {
		left[n.name] = rng.IntN(2) == 0
	}
	for _, a := range w.nodes {
		for _, b := range w.nodes {
			if left[a.name] != left[b.name] {
				pairs = append(pairs, [2]string{a.name, b.name})
			}
		}
	}
	return w.cut(pairs), fmt.Sprint(left)
}

// cut cuts pairs and returns what restores them.
func (w *world) cut(pairs [][2]string) func() {
	w.net.set(func() {
		for _, p := range pairs {
			w.net.cuts[p] = true
		}
	})
	return func() {
		w.net.set(func() {
			for _, p := range pairs {
				delete(w.net.cuts, p)
			}
		})
	}
}

func isolate(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	v := w.victim(rng)
	var pairs [][2]string
	for _, n := range w.nodes {
		if n != v {
			pairs = append(pairs, [2]string{v.name, n.name}, [2]string{n.name, v.name})
		}
	}
	return w.cut(pairs), v.name
}

func oneWay(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	v, into := w.victim(rng), rng.IntN(2) == 0
	one := pick(rng, w.nodes...)
	all := rng.IntN(2) == 0
	var pairs [][2]string
	for _, n := range w.nodes {
		if n == v || !all && n != one {
			continue
		}
		p := [2]string{v.name, n.name}
		if into {
			p[0], p[1] = p[1], p[0]
		}
		pairs = append(pairs, p)
	}
	return w.cut(pairs), fmt.Sprint(pairs)
}

func reset(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	a, b := w.victim(rng), pick(rng, w.nodes...)
	return nil, fmt.Sprintf("%d between %s and %s", w.net.reset(a.name, b.name, rng.IntN(2) == 0), a.name, b.name)
}

func slowNetwork(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	base, jitter := pick[time.Duration](rng, 0, 20, 60)*time.Millisecond, pick[time.Duration](rng, 10, 100, 400)*time.Millisecond
	w.net.set(func() { w.net.base, w.net.jitter = base, jitter })
	return func() { w.net.set(func() { w.net.base, w.net.jitter = w.plan.base, w.plan.jitter }) }, fmt.Sprintf("%s+%s", base, jitter)
}

// downFor keeps a node down for a while.
func (w *world) downFor(n *node, rng *rand.Rand) {
	w.down[n] = time.Now().Add(time.Duration(rng.Int64N(int64(pick[time.Duration](rng, 10, 300, 1500) * time.Millisecond))))
}

func kill(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	v := w.victim(rng)
	w.downFor(v, rng)
	if v.proc != nil {
		v.proc.end("killed", false, false)
	}
	return nil, v.name
}

func powerCut(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	v := w.victim(rng)
	w.downFor(v, rng)
	if v.proc != nil {
		v.proc.end("power cut", true, true)
	}
	return nil, v.name
}

func powerCutAll(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	for _, p := range w.procsUp() {
		w.downFor(p.node, rng)
		p.end("power cut of all", true, true)
	}
	return nil, ""
}

func lightFuse(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	v, n := w.victim(rng), 1+rng.IntN(40)
	w.downFor(v, rng)
	v.disk.set(func(d *disk) { d.fuse = n })
	return nil, fmt.Sprintf("%s after %d operations of its disk", v.name, n)
}

// freeze stops a node as SIGSTOP does, but for its timers: those of Raft's main loop
// stand still too where a write to the disk is under way, so one is seen to. Whoever
// comes first afterwards asks a node that may have missed much.
func freeze(w *world, rng *rand.Rand, spawn func(func())) (func(), string) {
	v := w.victim(rng)
	if p := v.proc; p != nil {
		spawn(func() { w.once(p, "INCR", "f") })
	}
	v.disk.freeze()
	over := false // it may be, before the disk has made anybody wait
	spawn(func() {
		pass(2 * time.Millisecond)
		w.net.set(func() {
			if !over {
				w.net.frozen[v.name] = true
			}
		})
	})
	return func() {
		w.net.set(func() { over = true; delete(w.net.frozen, v.name) })
		v.disk.thaw()
		if p := v.proc; p != nil {
			for i := range 2 * keysOfKind {
				spawn(func() { w.once(p, "GET", fmt.Sprintf("c%d", i%keysOfKind)) })
			}
		}
	}, v.name
}

// once sends one command and notes it.
func (w *world) once(p *process, word, key string) {
	o := op{kind: opGet, key: key, at: p}
	if word == "INCR" {
		o.kind = opIncr
	}
	done := w.hist.begin(o)
	replies, err, ok := p.do(one(word, key), 5*time.Second)
	done(outcomeOf(err, ok), first(replies))
}

func hang(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	v := w.victim(rng)
	v.disk.freeze()
	return v.disk.thaw, v.name
}

func failDisk(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	v := w.victim(rng)
	v.disk.set(func(d *disk) { d.broken = true })
	return func() { v.disk.set(func(d *disk) { d.broken = false }) }, v.name
}

func fillDisk(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	v, free := w.victim(rng), pick[int64](rng, 0, 0, 100<<20) // full, or nearly so
	v.disk.set(func(d *disk) { d.free = free })
	return func() { v.disk.set(func(d *disk) { d.free = 1 << 40 }) }, fmt.Sprintf("%s has %d MiB", v.name, free>>20)
}

func transfer(w *world, rng *rand.Rand, spawn func(func())) (func(), string) {
	v, to := w.victim(rng), pick(rng, w.nodes...)
	p := v.proc
	if p == nil {
		return nil, "nobody is up"
	}
	name := pick(rng, "", to.name)
	spawn(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		err := p.r.Transfer(ctx, name)
		w.trace("transfer to %q by %s: %v", name, v.name, err)
	})
	return nil, fmt.Sprintf("to %q by %s", name, v.name)
}

func stopInOrder(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	v := w.victim(rng)
	w.downFor(v, rng)
	if v.proc != nil {
		v.proc.stopping = true
		v.proc.stop()
	}
	return nil, v.name
}

// whole reports whether every node is a voter that another may count on.
func (w *world) whole() bool {
	up := w.procsUp()
	if len(up) < len(w.nodes) || len(up) < 3 {
		return false
	}
	for _, p := range up {
		votes := 0
		var members []replica.Member
		if members = p.r.Members(); len(members) < len(up) {
			return false
		}
		for _, m := range members {
			if m.Voter {
				votes++
			}
		}
		if votes != len(members) {
			return false
		}
	}
	return true
}

func remove(w *world, rng *rand.Rand, spawn func(func())) (func(), string) {
	v, by := w.victim(rng), w.victim(rng)
	p := by.proc
	if !w.whole() || w.hurt != nil {
		return nil, "not now"
	}
	w.hurt, w.removing, w.sound = v, true, time.Now()
	spawn(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err := p.r.Remove(ctx, v.name)
		w.trace("remove %s by %s: %v", v.name, by.name, err)
		w.do(func() { w.removing = false })
	})
	return nil, fmt.Sprintf("%s by %s", v.name, by.name)
}

func wipe(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	if !w.whole() {
		return nil, "not now"
	}
	if w.hurt != nil {
		return nil, "not now: " + w.hurt.name + " may still lack something"
	}
	v := w.victim(rng)
	w.hurt, w.sound = v, time.Now()
	w.downFor(v, rng)
	if v.proc != nil {
		v.proc.end("its disk is lost", rng.IntN(2) == 0, true)
	}
	v.disk.wipe()
	return nil, v.name
}

func jump(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	v := w.victim(rng)
	by := time.Duration(rng.Int64N(int64(20*time.Second))) - 10*time.Second
	w.net.set(func() { v.skew = by })
	return nil, fmt.Sprintf("%s to %s", v.name, by)
}

// move starts a node again at another address.
func move(w *world, rng *rand.Rand, _ func(func())) (func(), string) {
	v := w.victim(rng)
	w.downFor(v, rng)
	if v.proc != nil {
		v.proc.end("moved", false, false)
	}
	w.net.set(func() { v.port++ })
	return nil, v.addr()
}
