package outbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/engine"
	"pingd/kv/replica/bus"
	"pingd/kv/replica/entry"
	"pingd/kv/replica/machine"
)

const (
	tickEvery  = 10 * time.Millisecond // between entries made only because something expires ...
	behind     = 20 * time.Millisecond // ... unless it should have expired that long ago
	transferOK = 5 * time.Second       // for how long a transfer may refuse everything
)

// batch is one log entry in the making.
type batch struct {
	data   []byte
	own    []*frame
	remote []*remoteGroup
}

// lead makes entries while this node leads, and returns when to look again.
func (o *Outbox) lead(ctx context.Context) time.Time {
	o.leading.Store(true)
	defer o.leading.Store(false)
	for ctx.Err() == nil {
		now := time.Now()
		if now.Before(o.pause) {
			return earliest(o.pause, o.expire(now))
		}
		o.serveReads(ctx)
		if !o.commitExtras(ctx) {
			return earliest(o.pause, o.expire(time.Now()))
		}
		b := o.gather()
		due := o.tick(now)
		if len(b.own)+len(b.remote) == 0 && !o.opening() && (due.IsZero() || due.After(now)) {
			return due
		}
		o.ticked = now
		if !o.commit(ctx, b) {
			return earliest(o.pause, o.expire(time.Now()))
		}
		o.settle()
	}
	return time.Time{}
}

// opening reports whether no entry of this term is applied yet. Until one is,
// the commit index may lag behind what earlier leaders acknowledged, and no read
// can be answered (Raft, section 8): so a new leader makes an entry at once.
func (o *Outbox) opening() bool {
	return o.node.Opening()
}

// tick returns when an entry is due for the sake of what expires.
func (o *Outbox) tick(now time.Time) time.Time {
	ms, ok := o.node.NextDue()
	if !ok {
		return time.Time{}
	}
	left := min(ms-o.cfg.Now().UnixMilli(), time.Hour.Milliseconds()) // a far one would overflow
	due := now.Add(time.Duration(left) * time.Millisecond)
	if now.Sub(due) > behind {
		return due // an entry lets some hundred keys end, and reads wait for all
	}
	if min := o.ticked.Add(tickEvery); due.Before(min) {
		return min
	}
	return due
}

// gather takes what waits: this node's own as one group, and what others sent.
func (o *Outbox) gather() *batch {
	b := &batch{}
	size := 0
	for _, f := range o.frames {
		if !f.read && !f.flying && size < EntryTarget {
			b.own = append(b.own, f)
			size += len(f.body)
		}
	}
	o.mu.Lock()
	var props []*proposal
	if len(b.own) == 0 {
		props = o.take(&o.writes, math.MaxInt)
		for _, p := range props {
			size += len(p.body)
		}
	}
	n := 0
	for n < len(o.remote) && (n == 0 || size < EntryTarget) && n < entry.MaxGroups/2 {
		size += len(o.remote[n].body)
		o.bytes -= len(o.remote[n].body)
		n++
	}
	b.remote = o.remote[:n:n]
	o.remote = slices.Clone(o.remote[n:])
	o.mu.Unlock()

	groups := len(b.own) + len(b.remote)
	if len(props) > 0 {
		groups++
	}
	stamp := o.nextStamp()
	stamp.Level = 1
	for _, f := range b.own {
		stamp.Level = max(stamp.Level, f.level)
	}
	for _, p := range props {
		stamp.Level = max(stamp.Level, p.level)
	}
	for _, g := range b.remote {
		stamp.Level = max(stamp.Level, g.level)
	}
	b.data = entry.AppendBatch(make([]byte, 0, size+256), stamp, groups)
	for _, f := range b.own {
		b.data = append(b.data, f.body...)
	}
	if len(props) > 0 {
		origin := o.origin()
		f := &frame{number: origin.Number}
		b.data = f.fill(b.data, props, origin)
		b.own = append(b.own, f)
		o.frames = append(o.frames, f)
	}
	for _, g := range b.remote {
		b.data = append(b.data, g.body...)
	}
	return b
}

// nextStamp returns the stamp of the next entry; its time never goes back.
func (o *Outbox) nextStamp() engine.Stamp {
	o.stamp = max(o.cfg.Now().UnixMilli(), o.stamp, o.node.LogTime())
	return engine.Stamp{UnixMilli: o.stamp, Seed: rand.Uint64()}
}

// extra is an entry that is not a batch of commands.
type extra struct {
	kind    entry.Kind
	payload []byte
	done    chan error // holds one
}

// Extra puts one entry of another kind into the log; only the leader can. After an
// error the entry may still be applied.
func (o *Outbox) Extra(ctx context.Context, kind entry.Kind, payload []byte) error {
	e := &extra{kind: kind, payload: payload, done: make(chan error, 1)}
	o.mu.Lock()
	closed := o.closed
	if !closed {
		o.extras = append(o.extras, e)
	}
	o.mu.Unlock()
	if closed {
		return ErrClosed
	}
	o.Nudge()
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *Outbox) takeExtras() []*extra {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.extras
	o.extras = nil
	return list
}

// commitExtras puts waiting extras into the log; false after an error.
func (o *Outbox) commitExtras(ctx context.Context) bool {
	ok := true
	for _, e := range o.takeExtras() {
		_, err := o.apply(ctx, entry.AppendPayload(nil, e.kind, o.nextStamp(), e.payload))
		if err != nil {
			ok = false
			o.pause = time.Now().Add(again)
		}
		e.done <- err
	}
	return ok
}

// commit puts b through Raft and hands out its outcomes; false after an error.
func (o *Outbox) commit(ctx context.Context, b *batch) bool {
	response, err := o.apply(ctx, b.data)
	if err == nil {
		outcomes, _ := response.([]machine.Outcome)
		if len(outcomes) == len(b.own)+len(b.remote) {
			o.deliver(b, outcomes)
			o.blocked = time.Time{}
			return true
		}
		err = raft.ErrLeadershipLost // applied nowhere that could be seen from here
	}
	o.refuse(b, err)
	return false
}

func (o *Outbox) deliver(b *batch, outcomes []machine.Outcome) {
	for i, f := range b.own {
		o.settleOne(answer{f: f, replies: outcomes[i].Replies, err: outcomes[i].Err, local: true})
	}
	o.frames = slices.DeleteFunc(o.frames, func(f *frame) bool { return f.props == nil })
	for i, g := range b.remote {
		out := outcomes[len(b.own)+i]
		if out.Err != nil || !Fits(out.Replies) {
			g.reply(StatusForgotten, nil)
			continue
		}
		g.reply(bus.StatusOK, entry.AppendReplies(make([]byte, 0, len(out.Replies.Buf)+3*out.Replies.Len()+8), out.Replies))
	}
}

// refuse puts the frames of b back in line after err.
func (o *Outbox) refuse(b *batch, err error) {
	now := time.Now()
	o.pause = now.Add(again)
	notDone := errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipTransferInProgress) ||
		errors.Is(err, raft.ErrEnqueueTimeout) || errors.Is(err, errBusy)
	status := byte(StatusMaybe)
	if notDone {
		status = StatusAgain
	}
	for _, f := range b.own {
		f.maybe = f.maybe || !notDone
	}
	for _, g := range b.remote {
		g.reply(status, nil)
	}
	// A transfer that broke off can leave Raft refusing everything for ever
	// (hashicorp/raft#696). A restart cures it.
	if !errors.Is(err, raft.ErrLeadershipTransferInProgress) {
		o.blocked = time.Time{}
	} else if o.blocked.IsZero() {
		o.blocked = now
	} else if now.Sub(o.blocked) > transferOK {
		o.node.Fail(fmt.Errorf("propose entry: %w for %s", err, now.Sub(o.blocked)))
	}
	o.cfg.Logger.Debug("proposal refused", "err", err)
}

// serveReads answers reads that were queued before this node came to lead.
func (o *Outbox) serveReads(ctx context.Context) {
	o.mu.Lock()
	props := o.take(&o.reads, math.MaxInt)
	o.mu.Unlock()
	if len(props) > 0 {
		f := &frame{read: true}
		f.fill(nil, props, entry.Origin{})
		o.frames = append(o.frames, f)
	}
	for _, f := range o.frames {
		if !f.read || f.flying {
			continue
		}
		f.flying = true
		body := f.body
		o.node.Spawn(func() {
			replies, err := o.node.Read(ctx, body)
			if err != nil {
				err = errAgain
			}
			o.answered(answer{f: f, replies: replies, err: err})
		})
	}
}
