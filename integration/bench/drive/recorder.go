package drive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"pingd/integration/bench/stats"
)

// gapFloor is the shortest time without an answer that is worth a note.
const gapFloor = 2 * time.Millisecond

// Recorder takes what the clients of one run see. Its methods may be called
// from any goroutine.
type Recorder struct {
	start time.Time

	mu     sync.Mutex
	ledger *stats.Ledger
	gaps   *stats.Gaps
	errors map[string]int64
	failed int64
}

// NewRecorder begins a run now; base is the counter's value before it.
func NewRecorder(base int64) *Recorder {
	return &Recorder{
		start: time.Now(), ledger: stats.NewLedger(base), gaps: stats.NewGaps(gapFloor),
		errors: map[string]int64{},
	}
}

// Ack notes an acknowledged number. An error means that the number cannot be
// one of this counter.
func (r *Recorder) Ack(number int64) error {
	at := time.Since(r.start)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gaps.Answer(at)
	_, err := r.ledger.Ack(number)
	return err
}

// maxKinds bounds the kinds of errors kept apart.
const maxKinds = 20

// Fail notes an error that a client saw.
func (r *Recorder) Fail(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed++
	if _, known := r.errors[kind]; !known && len(r.errors) >= maxKinds {
		kind = "other"
	}
	r.errors[kind]++
}

// Since returns the time since the run began.
func (r *Recorder) Since() time.Duration { return time.Since(r.start) }

// End closes the run's last gap.
func (r *Recorder) End() {
	at := time.Since(r.start)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gaps.End(at)
}

// Longest returns the longest time without an answer.
func (r *Recorder) Longest() stats.Gap {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gaps.Longest()
}

// LongestWithin returns the longest gap that overlaps a part of the run.
func (r *Recorder) LongestWithin(start, end time.Duration) stats.Gap {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gaps.LongestWithin(start, end)
}

// Errors returns how many errors clients saw, and how many of each kind.
func (r *Recorder) Errors() (int64, map[string]int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed, maps.Clone(r.errors)
}

// Account compares what was acknowledged with the counter's final value.
func (r *Recorder) Account(final int64) stats.Account {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ledger.Close(final)
}

// errSilent is the answer of AckedSince's question while nothing came.
var errSilent = errors.New("no acknowledged write")

// inFlight is how long after a fault an answer may still be one from before it:
// on its way in a socket's buffer.
const inFlight = 20 * time.Millisecond

// AckedSince returns a wait for an answer that came after a time of the run, and
// was not under way then.
func (r *Recorder) AckedSince(at time.Duration) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			r.mu.Lock()
			late := r.gaps.Last() > at+inFlight
			r.mu.Unlock()
			if late {
				return nil
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("%w: %w", ctx.Err(), errSilent)
			}
		}
	}
}
