package machine

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// progress is how far the log has been applied. Raft's own AppliedIndex means
// "handed to the state machine" and runs ahead of it.
type progress struct {
	index atomic.Uint64
	term  atomic.Uint64

	mu      sync.Mutex
	waiting []waiter
}

type waiter struct {
	index, term uint64
	done        chan struct{}
}

func (p *progress) reached(index, term uint64) bool {
	return p.index.Load() >= index && p.term.Load() >= term
}

// advance notes that index is applied; term 0 leaves the term.
func (p *progress) advance(index, term uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.index.Store(index)
	if term > 0 {
		p.term.Store(term)
	}
	if len(p.waiting) == 0 {
		return
	}
	p.waiting = slices.DeleteFunc(p.waiting, func(w waiter) bool {
		ok := p.reached(w.index, w.term)
		if ok {
			close(w.done)
		}
		return ok
	})
}

// Applied returns index and term of the last applied entry.
func (m *Machine) Applied() (index, term uint64) {
	return m.progress.index.Load(), m.progress.term.Load()
}

// Wait returns once the entry at index, and some entry of term, is applied, or
// with the error of ctx.
func (m *Machine) Wait(ctx context.Context, index, term uint64) error {
	p := &m.progress
	if p.reached(index, term) {
		return nil
	}
	w := waiter{index: index, term: term, done: make(chan struct{})}
	p.mu.Lock()
	if p.reached(index, term) {
		p.mu.Unlock()
		return nil
	}
	p.waiting = append(p.waiting, w)
	p.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		p.mu.Lock()
		p.waiting = slices.DeleteFunc(p.waiting, func(o waiter) bool { return o.done == w.done })
		p.mu.Unlock()
		return ctx.Err()
	}
}
