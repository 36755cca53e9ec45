package info

import (
	"sync"
	"time"
)

// Rates turns counters into what INFO calls instantaneous: the mean over the time
// since it was last asked, or about the last seconds. Its zero value is ready; it
// is safe for concurrent use.
type Rates struct {
	mu      sync.Mutex
	samples [rateSamples]counters // oldest at next
	next    int
	filled  int
}

// RateEvery is how often Note is to be called.
const RateEvery = 100 * time.Millisecond

const rateSamples = 16

type counters struct {
	at                time.Time
	commands, in, out int64
}

// PerSecond are the rates of INFO.
type PerSecond struct {
	Commands      int64
	InKiB, OutKiB float64
}

// Note takes in the counters as they are now; whoever serves INFO calls it every
// RateEvery.
func (r *Rates) Note(now time.Time, commands, in, out int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples[r.next] = counters{now, commands, in, out}
	r.next = (r.next + 1) % rateSamples
	r.filled = min(r.filled+1, rateSamples)
}

// Now returns the rates over the samples there are.
func (r *Rates) Now() PerSecond {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.filled < 2 {
		return PerSecond{}
	}
	last := r.samples[(r.next+rateSamples-1)%rateSamples]
	first := r.samples[(r.next+rateSamples-r.filled)%rateSamples]
	seconds := last.at.Sub(first.at).Seconds()
	if seconds <= 0 {
		return PerSecond{}
	}
	return PerSecond{
		Commands: int64(max(0, float64(last.commands-first.commands)/seconds)),
		InKiB:    max(0, float64(last.in-first.in)/seconds/1024),
		OutKiB:   max(0, float64(last.out-first.out)/seconds/1024),
	}
}
