package linear

import (
	"errors"
	"sync"
	"time"
)

type push struct {
	call, done time.Duration
	outcome    Outcome
}

// List is the history of a list that values are pushed to, each once.
type List struct {
	start time.Time

	mu     sync.Mutex
	pushes map[string]*push
}

// NewList returns an empty history whose times count from start.
func NewList(start time.Time) *List { return &List{start: start, pushes: map[string]*push{}} }

// Begin notes that value is about to be pushed.
func (h *List) Begin(value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pushes[value] = &push{call: now(h.start)}
}

// End notes how the push of value ended.
func (h *List) End(value string, o Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.pushes[value]
	p.outcome, p.done = o, now(h.start)
}

// Check holds the history against what the list holds in the end: every value that was
// acknowledged, none that was refused, none twice, and none before one whose push had
// ended when its own began.
func (h *List) Check(final []string) error {
	var bad complaints
	at := map[string]int{}
	latest := time.Duration(0) // begin among those so far
	for i, v := range final {
		p := h.pushes[v]
		if p == nil {
			bad.add("%q was never pushed", v)
			continue
		}
		if _, twice := at[v]; twice {
			bad.add("%q is there twice", v)
		}
		at[v] = i
		if p.outcome == Refused {
			bad.add("%q is there, although it was refused", v)
		}
		if p.outcome == Answered && p.done < latest {
			bad.add("%q was acknowledged before another was pushed that precedes it", v)
		}
		latest = max(latest, p.call)
	}
	for v, p := range h.pushes {
		if _, there := at[v]; !there && p.outcome == Answered {
			bad.add("%q was acknowledged and is lost", v)
		}
	}
	return errors.Join(bad.list...)
}

// Tally returns how many pushes there were of each outcome.
func (h *List) Tally() (answered, unknown, refused int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := [3]int{}
	for _, p := range h.pushes {
		n[p.outcome]++
	}
	return n[Answered], n[Unknown], n[Refused]
}
