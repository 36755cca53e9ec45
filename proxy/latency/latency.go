package latency

import (
	"sync/atomic"
	"time"
)

// limits are the upper bounds of the buckets, a fair percentile's worth apart
// where answers usually lie.
var limits = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond, 5 * time.Millisecond, 7500 * time.Microsecond,
	10 * time.Millisecond, 15 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 75 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

var seconds = func() (s [len(limits)]float64) {
	for i, d := range limits {
		s[i] = d.Seconds()
	}
	return s
}()

// Histogram is the zero value ready to use; safe for concurrent use without a
// lock.
type Histogram struct {
	count [len(limits) + 1]atomic.Uint64
	total atomic.Int64 // nanoseconds
}

// Observe counts d. It does not allocate.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(limits) && d > limits[i] {
		i++
	}
	h.count[i].Add(1)
	h.total.Add(int64(d))
}

// Counts are a Histogram's counts at one moment, made for JSON.
type Counts struct {
	// Bounds are the upper bounds of the buckets in seconds, ascending and
	// inclusive.
	Bounds []float64 `json:"bounds"`
	// Counts is how many durations ever fell into each bucket, not cumulative,
	// with one more for those above the last bound.
	Counts []uint64 `json:"counts"`
}

// Counts returns the current counts. Durations observed meanwhile may be in or
// not.
func (h *Histogram) Counts() Counts {
	c := Counts{Bounds: append([]float64(nil), seconds[:]...), Counts: make([]uint64, len(h.count))}
	for i := range h.count {
		c.Counts[i] = h.count[i].Load()
	}
	return c
}

// Sum returns the sum of all durations.
func (h *Histogram) Sum() time.Duration { return time.Duration(h.total.Load()) }

// Cumulative returns how many durations there are up to each bound, and in all:
// what Prometheus calls buckets.
func (c Counts) Cumulative() (buckets map[float64]uint64, total uint64) {
	buckets = make(map[float64]uint64, len(c.Bounds))
	for i, n := range c.Counts {
		total += n
		if i < len(c.Bounds) {
			buckets[c.Bounds[i]] = total
		}
	}
	return buckets, total
}
