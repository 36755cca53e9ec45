package outbox

import (
	"slices"
	"time"
)

// expire fails what has waited too long, for a leader or for its answer, and returns
// when the next wait is over.
func (o *Outbox) expire(now time.Time) time.Time {
	next := o.expireFrames(now)
	return earliest(next, o.expireWaiting(now, o.cfg.RouteWait))
}

// overdue is expire while an entry of this node is under way as the leader: what waits
// for that entry to be done waits for an answer.
func (o *Outbox) overdue(now time.Time) {
	for _, f := range o.frames {
		if f.props != nil && now.Sub(f.born) >= o.cfg.AnswerWait {
			f.maybe = true // it may be a part of the entry
			f.fail(ErrNoLeader)
			f.props = nil // its answer comes too late
		}
	}
	o.expireWaiting(now, o.cfg.AnswerWait)
}

func (o *Outbox) expireFrames(now time.Time) time.Time {
	var next time.Time
	unanswered := false
	for _, f := range o.frames {
		limit := o.cfg.RouteWait
		if f.flying {
			limit = o.cfg.AnswerWait
		}
		if end := f.born.Add(limit); end.After(now) {
			next = earliest(next, end)
			continue
		}
		unanswered = unanswered || f.flying
		f.maybe = f.maybe || f.flying
		f.fail(ErrNoLeader)
		f.props = nil
	}
	if unanswered {
		o.disconnect("") // it may lead nowhere, which nobody would ever tell
	}
	// An answer that still comes to one of them is passed over.
	o.frames = slices.DeleteFunc(o.frames, func(f *frame) bool { return f.props == nil })
	return next
}

// expireWaiting fails what has not been moved on within limit.
func (o *Outbox) expireWaiting(now time.Time, limit time.Duration) time.Time {
	var next time.Time
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
