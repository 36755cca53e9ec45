package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"pingd/kv/engine"
	"pingd/kv/replica"
)

// node is one machine: its disk outlives its processes.
type node struct {
	w    *world
	name string
	port int
	skew time.Duration // of its wall clock
	disk *disk
	proc *process // nil while the node is down
	away bool     // taken out of the cluster: it comes back with an empty disk
}

// process is one run of a node.
type process struct {
	node     *node
	host     *host
	mount    *mount
	r        *replica.Replica
	stop     context.CancelFunc
	stopping bool          // it was told to stop
	gone     chan struct{} // closed when the outside sees no more of it
	ended    chan struct{} // closed when Run has returned
	err      error         // Run's, once ended is closed
}

func (n *node) addr() string { return fmt.Sprintf("%s:%d", n.name, n.port) }

// start starts the node on its disk.
func (n *node) start() {
	if n.proc != nil {
		return
	}
	w := n.w
	p := &process{node: n, gone: make(chan struct{}), ended: make(chan struct{})}
	p.host = &host{net: w.net, name: n.name, dead: make(chan struct{})}
	p.mount = n.disk.mount(func() { w.do(func() { p.end("power fails in a write", true, true) }) })
	ln := p.host.listen(n.addr())
	r, err := replica.New(n.config(p, ln))
	if err != nil {
		if w.trace("%s does not start: %v", n.name, err); !errors.Is(err, errFull) {
			w.fail("%s does not start: %v", n.name, err)
		}
		w.down[n] = time.Now().Add(100 * time.Millisecond)
		p.host.die(false)
		p.mount.die(false)
		return
	}
	p.r = r
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	n.proc = p
	w.trace("%s starts at %s", n.name, n.addr())
	w.procs.Go(func() {
		p.err = r.Run(ctx)
		close(p.ended)
		w.do(func() { p.ran() })
	})
}

// ran looks at how Run ended. w.mu is held.
func (p *process) ran() {
	w, n := p.node.w, p.node
	p.host.die(false) // before the next process starts on them
	p.mount.die(false)
	if p.isGone() {
		return
	}
	if p.err != nil || !w.ending {
		w.trace("%s left: %v", n.name, p.err)
	}
	if errors.Is(p.err, replica.ErrRemoved) {
		n.away = true
	}
	p.vanish()
}

func (n *node) config(p *process, ln *listener) replica.Config {
	w := n.w
	epoch := time.Now()
	cfg := replica.Config{
		Name: n.name, Dir: "sim", Listener: ln, Self: replica.Member{Raft: n.addr(), Redis: "redis-" + n.name},
		Join: w.names(), Discover: w.discover, Expect: w.plan.nodes, Secret: "secret",
		LogStore: n.disk.kind, SnapshotBytes: w.plan.snapshotBytes, MinTrailing: w.plan.trailing,
		ElectionTimeout: w.plan.election, CommitTimeout: w.plan.commit, StaleBound: w.plan.stale,
		DiskSlow: w.plan.diskSlow, DiskStall: w.plan.diskStall,
		LeaseReads: w.plan.lease,
		Dial:       p.host.dial,
		Clock:      func() time.Duration { return time.Since(epoch) },
		Now:        func() time.Time { return time.Now().Add(n.skewed()) },
		Storage:    p.mount.open,
		Observe:    w.watch.observe(p),
		Logger:     slog.New(slog.DiscardHandler),
	}
	if w.log != nil {
		cfg.Logger = w.log.With("at", n.name)
	}
	return cfg
}

func (n *node) skewed() time.Duration {
	n.w.net.mu.Lock()
	defer n.w.net.mu.Unlock()
	return n.skew
}

func (p *process) isGone() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// vanish tells the clients that the process is gone. w.mu is held.
func (p *process) vanish() {
	if p.node.proc == p {
		p.node.proc = nil
	}
	if !p.isGone() {
		close(p.gone)
	}
}

// end makes the process vanish: killed, or with its machine's power. w.mu is held.
func (p *process) end(why string, silent, lost bool) {
	if p.isGone() {
		return
	}
	p.node.w.trace("%s ends: %s", p.node.name, why)
	p.vanish()
	p.host.die(silent)
	p.mount.die(lost)
	p.stop() // what is left of it runs out in a world of its own
}

// do runs commands on the process as a client does. done is false where the
// process was gone before it answered.
func (p *process) do(cmds []engine.Command, limit time.Duration) (replies []string, err error, done bool) {
	type result struct {
		out engine.Replies
		err error
	}
	ch := make(chan *result, 1)
	if !p.thawed() {
		return nil, nil, false
	}
	p.node.w.procs.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		res := &result{}
		res.err = p.r.Do(ctx, cmds, &res.out)
		ch <- res
	})
	select {
	case res := <-ch:
		if !p.thawed() {
			return nil, nil, false
		}
		for i := range res.out.Len() {
			replies = append(replies, string(res.out.At(i)))
		}
		return replies, res.err, true
	case <-p.gone:
		return nil, nil, false
	}
}

// thawed waits until the process is not frozen; false if it is gone.
func (p *process) thawed() bool {
	for {
		p.node.w.net.mu.Lock()
		frozen, change := p.node.w.net.frozen[p.node.name], p.node.w.net.changed
		p.node.w.net.mu.Unlock()
		if p.isGone() {
			return false
		}
		if !frozen {
			return true
		}
		select {
		case <-change:
		case <-p.gone:
			return false
		}
	}
}
