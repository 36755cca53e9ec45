package linear

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// Count is one operation on a Counter.
type Count struct {
	Incr       bool // INCR, else GET
	Value      int64
	Call, Done time.Duration
}

// Counter is the history of a key that only INCR changes. For it, being linearizable
// comes down to this: whoever asks after an answer was given gets no smaller number,
// INCR a larger one; no number is given twice; and no answer is ahead of what had
// been asked for.
type Counter struct {
	start time.Time

	mu      sync.Mutex
	events  []Count
	local   []Count         // reads that may be old
	begun   []time.Duration // of each INCR, whatever became of it
	unknown int
	refused int
}

// NewCounter returns an empty history whose times count from start.
func NewCounter(start time.Time) *Counter { return &Counter{start: start} }

// Begin notes that an operation is about to be sent.
func (h *Counter) Begin(incr bool) Count {
	c := Count{Incr: incr, Call: now(h.start)}
	if incr {
		h.mu.Lock()
		h.begun = append(h.begun, c.Call)
		h.mu.Unlock()
	}
	return c
}

// End notes how an operation ended. value counts if it was answered.
func (h *Counter) End(c Count, o Outcome, value int64) {
	c.Value, c.Done = value, now(h.start)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case o == Answered:
		h.events = append(h.events, c)
	case !c.Incr: // a read without an answer tells nothing
	case o == Refused:
		h.refused++
	default:
		h.unknown++
	}
}

// EndLocal notes the answer to a read that may be old, but not older than the bound
// that Check is told.
func (h *Counter) EndLocal(c Count, value int64) {
	c.Value, c.Done = value, now(h.start)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.local = append(h.local, c)
}

// Answers returns how many operations were answered.
func (h *Counter) Answers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.events)
}

// Tally returns how many operations were answered, and what became of the INCRs that
// were not.
func (h *Counter) Tally() (answered, unknown, refused int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.events), h.unknown, h.refused
}

// Gap returns the longest time without an acknowledged INCR between two moments.
func (h *Counter) Gap(from, to time.Duration) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	last, longest := from, time.Duration(0)
	for _, e := range h.events { // in the order of their answers
		if e.Incr && e.Done > from && e.Done < to {
			longest, last = max(longest, e.Done-last), e.Done
		}
	}
	return max(longest, to-last)
}

// floors tells, for rising times, the largest number that was answered before.
type floors struct {
	byDone []Count
	floor  int64
}

func (f *floors) at(t time.Duration) int64 {
	for len(f.byDone) > 0 && f.byDone[0].Done < t {
		f.floor = max(f.floor, f.byDone[0].Value)
		f.byDone = f.byDone[1:]
	}
	return f.floor
}

// Check holds the history against final, the counter's value in the end. Reads noted
// with EndLocal may be as old as bound.
func (h *Counter) Check(final int64, bound time.Duration) error {
	var bad complaints
	byDone := slices.Clone(h.events)
	slices.SortFunc(byDone, func(a, b Count) int { return int(a.Done - b.Done) })
	byCall := func(list []Count) []Count {
		list = slices.Clone(list)
		slices.SortFunc(list, func(a, b Count) int { return int(a.Call - b.Call) })
		return list
	}
	seen, before := map[int64]bool{}, floors{byDone: byDone}
	for _, e := range byCall(h.events) {
		if floor := before.at(e.Call); e.Value < floor || e.Incr && e.Value == floor {
			bad.add("%+v came after an answer of %d", e, floor)
		}
		if e.Incr && seen[e.Value] {
			bad.add("%d was given twice", e.Value)
		}
		seen[e.Value] = seen[e.Value] || e.Incr
	}
	before = floors{byDone: byDone}
	for _, e := range byCall(h.local) {
		if floor := before.at(e.Call - bound); e.Value < floor {
			bad.add("%+v is older than %s: %d had been answered by then", e, bound, floor)
		}
	}
	slices.Sort(h.begun)
	acked := int64(0)
	for _, e := range slices.Concat(byDone, h.local) {
		if n, _ := slices.BinarySearch(h.begun, e.Done); e.Value > int64(n) {
			bad.add("%+v was answered when %d had been asked for", e, n)
		}
		if e.Incr {
			acked++
		}
	}
	if final < acked || final > acked+int64(h.unknown) {
		bad.add("the counter is %d after %d acknowledged and %d unknown", final, acked, h.unknown)
	}
	return errors.Join(bad.list...)
}
