package machine

import (
	"maps"
	"slices"

	"pingd/kv/engine"
	"pingd/kv/replica/entry"
)

// Bounds of what is remembered. A node has few groups under way at once and
// says with each which are settled, so these are rarely reached.
const (
	maxRuns   = 4       // processes of one node, newest used last
	maxFrames = 256     // groups of one process
	maxKept   = 1 << 20 // bytes of one group's replies
)

// sessions holds, for each node, what its last processes sent.
type sessions map[string][]*run

// run is one process of a node.
type run struct {
	incarnation uint64
	floor       uint64 // groups below were settled, or are too old to know
	frames      map[uint64]*engine.Replies
}

// of returns the run that o belongs to, making room for it.
func (s sessions) of(o entry.Origin) *run {
	runs := s[o.Node]
	i := slices.IndexFunc(runs, func(r *run) bool { return r.incarnation == o.Incarnation })
	if i < 0 {
		runs = append(runs, &run{incarnation: o.Incarnation, frames: map[uint64]*engine.Replies{}})
		if len(runs) > maxRuns {
			runs = slices.Delete(runs, 0, 1)
		}
		i = len(runs) - 1
	}
	r := runs[i]
	if i != len(runs)-1 {
		runs = append(slices.Delete(runs, i, i+1), r)
	}
	s[o.Node] = runs
	return r
}

// seen returns the outcome of a group that was applied before.
func (r *run) seen(number uint64) (Outcome, bool) {
	if number < r.floor {
		return Outcome{Err: ErrForgotten}, true
	}
	replies, ok := r.frames[number]
	if !ok {
		return Outcome{}, false
	}
	if replies == nil {
		return Outcome{Err: ErrForgotten}, true
	}
	return Outcome{Replies: replies}, true
}

// keep remembers a group that was just applied and forgets those that its origin
// has settled.
func (r *run) keep(o entry.Origin, replies *engine.Replies) {
	if len(replies.Buf) > maxKept {
		replies = nil
	}
	r.frames[o.Number] = replies
	if o.Oldest > r.floor {
		r.floor = o.Oldest
		maps.DeleteFunc(r.frames, func(n uint64, _ *engine.Replies) bool { return n < r.floor })
	}
	if len(r.frames) > maxFrames {
		oldest := slices.Min(slices.Collect(maps.Keys(r.frames)))
		delete(r.frames, oldest)
		r.floor = oldest + 1
	}
}
