package pause

import (
	"context"
	"sync"
	"time"
)

// Pause holds back commands of all clients for a while (Redis command CLIENT
// PAUSE). Its zero value holds back nothing. It is safe for concurrent use.
type Pause struct {
	mu     sync.Mutex
	until  time.Time
	all    bool          // reads too
	lifted chan struct{} // closed by CLIENT UNPAUSE
}

// Set begins a pause: of all commands, or of those that write.
func (p *Pause) Set(until time.Time, all bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// As in Redis, a pause under way is made longer and wider, never the reverse.
	if p.until.After(until) {
		until = p.until
	}
	if time.Now().Before(p.until) {
		all = all || p.all
	}
	p.until, p.all = until, all
	if p.lifted == nil {
		p.lifted = make(chan struct{})
	}
}

// Lift ends the pause (CLIENT UNPAUSE).
func (p *Pause) Lift() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Time{}
	if p.lifted != nil {
		close(p.lifted)
		p.lifted = nil
	}
}

// Wait returns when commands may run, those that write or any others, or when ctx
// has ended.
func (p *Pause) Wait(ctx context.Context, write bool) {
	for {
		p.mu.Lock()
		left, lifted := time.Until(p.until), p.lifted
		free := p.until.IsZero() || left <= 0 || !(write || p.all)
		p.mu.Unlock()
		if free {
			return
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-lifted:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}
