package replica

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pingd/kv/engine"
	"pingd/kv/replica/bus"
	"pingd/kv/replica/entry"
)

const (
	maxFlying  = 16        // frames under way to the leader at once
	maxWaiting = 256 << 20 // bytes that may wait
	again      = 10 * time.Millisecond
)

// outbox collects what waits and moves it on: into the log while this node
// leads, to the leader otherwise. One goroutine (run) does the moving.
type outbox struct {
	r    *Replica
	wake chan struct{} // holds one

	mu      sync.Mutex
	writes  []*proposal
	reads   []*proposal
	remote  []*remoteGroup // groups of other nodes, while this node leads
	extras  []*extra       // entries of other kinds, while this node leads
	bytes   int            // of writes, reads and remote
	answers []answer       // what became of frames that were flying
	conn    *bus.Client    // to the leader
	connTo  string
	dialing bool
	closed  bool

	pending atomic.Int64 // proposals that somebody waits for
	leading atomic.Bool  // an entry is being made or is under way

	// run's alone:
	number  uint64   // of the last write frame
	frames  []*frame // not resolved, oldest first
	stamp   int64    // of the last entry
	pause   time.Time
	ticked  time.Time
	blocked time.Time // since when a leadership transfer refuses everything
}

// remoteGroup is a group that another node forwarded, already checked.
type remoteGroup struct {
	body  []byte
	reply func(status byte, payload []byte)
}

// answer is what became of a frame at the leader.
type answer struct {
	f       *frame
	replies *engine.Replies
	err     error // nil, errAgain, bus.ErrLost or machine.ErrForgotten
	local   bool
}

func newOutbox(r *Replica) *outbox {
	return &outbox{r: r, wake: make(chan struct{}, 1)}
}

func (o *outbox) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// submit queues p. Its error means that p will not be applied.
func (o *outbox) submit(p *proposal, read bool) error {
	o.mu.Lock()
	switch {
	case o.closed:
		o.mu.Unlock()
		return ErrClosed
	case o.bytes > maxWaiting:
		o.mu.Unlock()
		return ErrOverload
	}
	o.bytes += len(p.body)
	if read {
		o.reads = append(o.reads, p)
	} else {
		o.writes = append(o.writes, p)
	}
	o.mu.Unlock()
	o.nudge()
	return nil
}

// withdraw takes p back if it has not been moved on yet.
func (o *outbox) withdraw(p *proposal) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, q := range []*[]*proposal{&o.writes, &o.reads} {
		if i := slices.Index(*q, p); i >= 0 {
			*q = slices.Delete(*q, i, i+1)
			o.bytes -= len(p.body)
			return true
		}
	}
	return false
}

// accept queues a group of another node; false if this node cannot take it now.
func (o *outbox) accept(g *remoteGroup) bool {
	o.mu.Lock()
	ok := !o.closed && o.bytes <= maxWaiting
	if ok {
		o.bytes += len(g.body)
		o.remote = append(o.remote, g)
	}
	o.mu.Unlock()
	o.nudge()
	return ok
}

func (o *outbox) answered(a answer) {
	o.mu.Lock()
	o.answers = append(o.answers, a)
	o.mu.Unlock()
	o.nudge()
}

// run moves proposals on until ctx ends, then fails what is left.
func (o *outbox) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		o.settle()
		next := o.step(ctx)
		if next.IsZero() {
			next = time.Now().Add(time.Hour)
		}
		timer.Reset(time.Until(next))
		select {
		case <-o.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	o.close()
}

// step does what can be done now and returns when to look again, if nothing
// happens before; zero = never.
func (o *outbox) step(ctx context.Context) time.Time {
	to := o.r.route()
	if to.self {
		o.disconnect("")
		return o.lead(ctx)
	}
	o.refuseRemote()
	if now := time.Now(); now.Before(o.pause) {
		return earliest(o.pause, o.expire(now))
	}
	if to.addr == "" {
		o.disconnect("")
		return o.expire(time.Now())
	}
	o.disconnect(to.addr)
	if conn := o.connect(ctx, to.addr); conn != nil {
		o.forward(conn)
	}
	return o.expire(time.Now())
}

// settle takes in the answers that came.
func (o *outbox) settle() {
	o.mu.Lock()
	answers := o.answers
	o.answers = nil
	o.mu.Unlock()
	for _, a := range answers {
		o.settleOne(a)
	}
	o.frames = slices.DeleteFunc(o.frames, func(f *frame) bool { return f.props == nil })
}

// settleOne resolves a frame or puts it back in line.
func (o *outbox) settleOne(a answer) {
	f := a.f
	if f.props == nil {
		return
	}
	f.flying = false
	switch {
	case a.err == nil:
		f.resolve(a.replies, a.local)
		f.props = nil
	case a.err == errAgain:
		o.pause = time.Now().Add(again)
	case a.err == errForgotten:
		f.maybe = true
		f.fail(ErrUncertain)
		f.props = nil
	default:
		// Sent, and then nobody knows: the number makes another try safe.
		f.maybe = true
	}
}

// expire fails what has waited too long for a leader, and returns when the next
// wait is over.
func (o *outbox) expire(now time.Time) time.Time {
	var next time.Time
	limit := o.r.cfg.RouteWait
	for _, f := range o.frames {
		if f.flying {
			continue
		}
		if end := f.born.Add(limit); end.After(now) {
			next = earliest(next, end)
			continue
		}
		f.fail(ErrNoLeader)
		f.props = nil
	}
	o.frames = slices.DeleteFunc(o.frames, func(f *frame) bool { return f.props == nil })
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, q := range []*[]*proposal{&o.writes, &o.reads} {
		*q = slices.DeleteFunc(*q, func(p *proposal) bool {
			if end := p.born.Add(limit); end.After(now) {
				next = earliest(next, end)
				return false
			}
			o.bytes -= len(p.body)
			p.done <- outcome{err: ErrNoLeader}
			return true
		})
	}
	return next
}

// take removes from *queue as many proposals as one frame may hold.
func (o *outbox) take(queue *[]*proposal) []*proposal {
	size, n := 0, 0
	for n < len(*queue) && (n == 0 || size < entryTarget) {
		size += len((*queue)[n].body)
		n++
	}
	props := (*queue)[:n:n]
	*queue = (*queue)[n:]
	if len(*queue) == 0 {
		*queue = nil
	}
	o.bytes -= size
	return props
}

// origin returns the origin of the next write frame.
func (o *outbox) origin() entry.Origin {
	o.number++
	oldest := o.number
	for _, f := range o.frames {
		if !f.read {
			oldest = min(oldest, f.number)
		}
	}
	return entry.Origin{Node: o.r.cfg.Name, Incarnation: o.r.incarnation, Number: o.number, Oldest: oldest}
}

// refuseRemote tells other nodes that this one does not lead.
func (o *outbox) refuseRemote() {
	o.mu.Lock()
	remote := o.remote
	o.remote = nil
	for _, g := range remote {
		o.bytes -= len(g.body)
	}
	o.mu.Unlock()
	for _, g := range remote {
		g.reply(statusAgain, nil)
	}
	for _, e := range o.takeExtras() {
		e.done <- ErrNoLeader
	}
}

// idle reports whether nothing is waiting or under way.
func (o *outbox) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pending.Load() == 0 && len(o.remote) == 0 && !o.leading.Load()
}

// close fails everything.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.refuseRemote()
	o.disconnect("")
	o.settle()
	o.mu.Lock()
	rest := append(o.writes, o.reads...)
	o.writes, o.reads, o.bytes = nil, nil, 0
	o.mu.Unlock()
	for _, p := range rest {
		p.done <- outcome{err: ErrClosed}
	}
	for _, f := range o.frames {
		f.maybe = f.maybe || f.flying
		f.fail(ErrClosed)
	}
	o.frames = nil
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
