package outbox

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pingd/kv/engine"
	"pingd/kv/replica/entry"
)

const (
	maxFlying  = 16        // frames under way to the leader at once
	maxWaiting = 256 << 20 // bytes that may wait
	again      = 10 * time.Millisecond
)

// Outbox collects what waits and moves it on: into the log while this node
// leads, to the leader otherwise. One goroutine (Run)
// does the moving; the other methods are safe for concurrent use.
type Outbox struct {
	cfg  Config
	node Node
	wake chan struct{} // holds one

	mu      sync.Mutex
	writes  []*proposal
	reads   []*proposal
	remote  []*remoteGroup // groups of other nodes, while this node leads
	extras  []*extra       // entries of other kinds, while this node leads
	bytes   int            // of writes, reads and remote
	answers []answer       // what became of frames that were flying
	lines   [2]line        // to the leader, see lineOf
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
	late    bool      // the applier still has an entry that nobody waits for
	look    *time.Timer
	flow    flow

	entries chan []byte  // to the applier, which takes one at a time
	results chan applied // holds one
}

// remoteGroup is a group that another node forwarded, already checked.
type remoteGroup struct {
	body  []byte
	level uint8
	reply func(status byte, payload []byte)
}

// answer is what became of a frame at the leader.
type answer struct {
	f       *frame
	replies *engine.Replies
	err     error // nil, errAgain, ErrRefused, bus.ErrLost or machine.ErrForgotten
	local   bool
}

// New returns an outbox of node. Nothing moves before Run.
func New(cfg Config, node Node) *Outbox {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Outbox{
		cfg: cfg, node: node, wake: make(chan struct{}, 1),
		entries: make(chan []byte), results: make(chan applied, 1),
	}
}

// Nudge makes the outbox look again where the leader is.
func (o *Outbox) Nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// submit queues p. Its error means that p will not be applied.
func (o *Outbox) submit(p *proposal, read bool) error {
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
	o.Nudge()
	return nil
}

// withdraw takes p back if it has not been moved on yet.
func (o *Outbox) withdraw(p *proposal) bool {
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

// Accept queues an encoded group of that level that another node sent and that was
// checked; false if this node cannot take it now. reply gets a status of this package or
// bus.StatusOK with encoded replies, once.
func (o *Outbox) Accept(body []byte, level uint8, reply func(status byte, payload []byte)) bool {
	g := &remoteGroup{body: body, level: level, reply: reply}
	o.mu.Lock()
	ok := !o.closed && o.bytes <= maxWaiting
	if ok {
		o.bytes += len(g.body)
		o.remote = append(o.remote, g)
	}
	o.mu.Unlock()
	o.Nudge()
	return ok
}

func (o *Outbox) answered(a answer) {
	o.mu.Lock()
	o.answers = append(o.answers, a)
	o.mu.Unlock()
	o.Nudge()
}

// Run moves proposals on until ctx ends, then fails what is left.
func (o *Outbox) Run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	o.look = time.NewTimer(time.Hour)
	defer o.look.Stop()
	var wg sync.WaitGroup
	wg.Go(func() { o.applier(ctx) })
	defer wg.Wait()
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
func (o *Outbox) step(ctx context.Context) time.Time {
	to := o.node.Route()
	if to.Self {
		o.disconnectAll("")
		return o.lead(ctx)
	}
	o.refuseRemote()
	if now := time.Now(); now.Before(o.pause) {
		return earliest(o.pause, o.expire(now))
	}
	if to.Addr == "" {
		o.disconnectAll("")
		return o.expire(time.Now())
	}
	o.disconnectAll(to.Addr)
	o.forward(ctx, to.Addr)
	return o.expire(time.Now())
}

// settle takes in the answers that came.
func (o *Outbox) settle() {
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
func (o *Outbox) settleOne(a answer) {
	f := a.f
	if f.props == nil {
		return
	}
	f.flying = false
	switch {
	case a.err == nil:
		if f.read {
			o.flow.learn(f.props, a.replies)
		}
		f.resolve(a.replies, a.local)
		f.props = nil
	case a.err == errAgain:
		o.pause = time.Now().Add(again)
	case a.err == errForgotten:
		f.maybe = true
		f.fail(ErrUncertain)
		f.props = nil
	case a.err == errTooLarge && f.read:
		o.flow.tooLarge(len(f.props))
		o.frames = append(o.frames, f.halve()...)
	case a.err == errBusyLine:
		f.maybe = true
		o.flow.tooLarge(1) // what was before it on the line is here by now: it may go again
	case errors.Is(a.err, ErrRefused):
		f.fail(a.err)
		f.props = nil
	default:
		// Sent, and then nobody knows: the number makes another try safe.
		f.maybe = true
		if f.read {
			o.flow.tooLarge(1) // perhaps for that
		}
	}
}

// take removes from *queue as many proposals as one frame may hold, most at most.
func (o *Outbox) take(queue *[]*proposal, most int) []*proposal {
	size, n := 0, 0
	for n < min(len(*queue), most) && (n == 0 || size < EntryTarget) {
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
func (o *Outbox) origin() entry.Origin {
	o.number++
	oldest := o.number
	for _, f := range o.frames {
		if !f.read {
			oldest = min(oldest, f.number)
		}
	}
	return entry.Origin{Node: o.cfg.Name, Incarnation: o.cfg.Incarnation, Number: o.number, Oldest: oldest}
}

// refuseRemote tells other nodes that this one does not lead.
func (o *Outbox) refuseRemote() {
	o.mu.Lock()
	remote := o.remote
	o.remote = nil
	for _, g := range remote {
		o.bytes -= len(g.body)
	}
	o.mu.Unlock()
	for _, g := range remote {
		g.reply(StatusAgain, nil)
	}
	for _, e := range o.takeExtras() {
		e.done <- ErrNoLeader
	}
}

// Idle reports whether nothing is waiting or under way.
func (o *Outbox) Idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pending.Load() == 0 && len(o.remote) == 0 && !o.leading.Load()
}

// close fails everything.
func (o *Outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.refuseRemote()
	o.disconnectAll("")
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
