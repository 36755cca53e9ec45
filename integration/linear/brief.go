package linear

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// look is a read of a Brief.
type look struct {
	call, done time.Duration
	there      bool
}

// Brief is the history of a key that was set once, to end by itself. It is there
// between the end of its set and the moment that is its time to live after the begin;
// it is gone after the end of its set plus its time to live, and it never comes back.
// The store's clock must go as fast as the clients'.
type Brief struct {
	TTL   time.Duration
	start time.Time

	mu         sync.Mutex
	call, done time.Duration
	outcome    Outcome
	looks      []look
}

// BeginBrief notes that a key is about to be set.
func BeginBrief(start time.Time, ttl time.Duration) *Brief {
	return &Brief{TTL: ttl, start: start, call: now(start)}
}

// End notes how the set ended.
func (h *Brief) End(o Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outcome, h.done = o, now(h.start)
}

// BeginLook returns when a read began.
func (h *Brief) BeginLook() time.Duration { return now(h.start) }

// EndLook notes the answer to a read that began at call.
func (h *Brief) EndLook(call time.Duration, there bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looks = append(h.looks, look{call, now(h.start), there})
}

// Over reports whether nothing is left to be seen of the key.
func (h *Brief) Over() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.done > 0 && now(h.start) > h.done+2*h.TTL
}

// Check lists what cannot be, with clocks that differ by slack, and of a store that
// lets a key end so late.
func (h *Brief) Check(slack, late time.Duration) error {
	var bad complaints
	byCall := slices.Clone(h.looks)
	slices.SortFunc(byCall, func(a, b look) int { return int(a.call - b.call) })
	seen, gone := time.Duration(-1), time.Duration(-1) // when that was known first
	for _, l := range h.looks {
		if l.there && (seen < 0 || l.done < seen) {
			seen = l.done
		}
	}
	for _, l := range h.looks {
		// Not there, and it was: it has ended.
		was := h.outcome == Answered && l.call > h.done || seen >= 0 && l.call > seen
		if !l.there && was && (gone < 0 || l.done < gone) {
			gone = l.done
		}
	}
	for _, l := range byCall {
		switch {
		case l.there && h.outcome == Refused:
			bad.add("%+v: there, although its set was refused", l)
		case l.there && h.outcome == Answered && l.call > h.done+h.TTL+slack+late:
			bad.add("%+v: there, and was set between %s and %s for %s", l, h.call, h.done, h.TTL)
		case l.there && gone >= 0 && l.call > gone:
			bad.add("%+v: there again, and was gone by %s", l, gone)
		case !l.there && h.outcome == Answered && l.call > h.done && l.done < h.call+h.TTL-slack:
			bad.add("%+v: not there, and was set between %s and %s for %s", l, h.call, h.done, h.TTL)
		}
	}
	return errors.Join(bad.list...)
}
