package outbox

import (
	"slices"
	"time"
)

// expire fails what has waited too long, for a leader or for its answer, and returns
// when the next wait is over.
func (o *Outbox) expire(now time.Time) time.Time {
	reads := o.cfg.RouteWait
	if o.flow.flying(o.frames) > 0 { // a leader is there, and answers those before
		reads = o.cfg.AnswerWait
	}
	next := o.expireFrames(now, reads)
	return earliest(next, o.expireWaiting(now, o.cfg.RouteWait, reads))
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
	o.expireWaiting(now, o.cfg.AnswerWait, o.cfg.AnswerWait)
}

// expireFrames fails frames that are too old; reads is how old those of reads may be that
// have not been sent.
func (o *Outbox) expireFrames(now time.Time, reads time.Duration) time.Time {
	var next time.Time
	var unanswered [2]bool // by line
	for _, f := range o.frames {
		limit := o.cfg.RouteWait
		switch {
		case f.flying:
			limit = o.cfg.AnswerWait
		case f.read:
			limit = reads
		}
		if end := f.born.Add(limit); end.After(now) {
			next = earliest(next, end)
			continue
		}
		if f.flying {
			unanswered[lineOf(f.read)] = true
		}
		f.maybe = f.maybe || f.flying
		f.fail(ErrNoLeader)
		f.props = nil
	}
	for i := range o.lines {
		if unanswered[i] { // it may lead nowhere, which nobody would ever tell
			o.disconnect(&o.lines[i], "")
		}
	}
	// An answer that still comes to one of them is passed over.
	o.frames = slices.DeleteFunc(o.frames, func(f *frame) bool { return f.props == nil })
	return next
}

// expireWaiting fails writes and reads that have not been moved on within their limits.
func (o *Outbox) expireWaiting(now time.Time, writes, reads time.Duration) time.Time {
	var next time.Time
	o.mu.Lock()
	defer o.mu.Unlock()
	for q, limit := range map[*[]*proposal]time.Duration{&o.writes: writes, &o.reads: reads} {
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
