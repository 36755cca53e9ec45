package stats

import (
	"math/bits"
	"time"
)

// subBuckets is the number of buckets per power of two: an answer is at most
// 1/64 (1.6 %) above the truth, well below the noise of any machine.
const (
	subBits    = 6
	subBuckets = 1 << subBits
)

// Histogram counts durations in buckets that grow with them, so that recording
// costs nothing worth measuring. The zero value is empty and ready. It is for
// one goroutine: keep one per client and Merge them.
type Histogram struct {
	counts [(64 - subBits) * subBuckets]uint64
	n      uint64
	max    time.Duration
}

// bucket returns where a value of v nanoseconds is counted.
func bucket(v uint64) int {
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return shift*subBuckets + int(v>>shift)
}

// top returns the largest value that bucket i counts.
func top(i int) uint64 {
	if i < 2*subBuckets {
		return uint64(i)
	}
	shift := i/subBuckets - 1
	low := uint64(i-shift*subBuckets) << shift
	return low + 1<<shift - 1
}

// Record counts d; a negative one (a clock set back) as 0.
func (h *Histogram) Record(d time.Duration) { h.RecordN(d, 1) }

// RecordN counts n operations that each took d, as those of one pipeline do.
func (h *Histogram) RecordN(d time.Duration, n uint64) {
	d = max(d, 0)
	h.counts[bucket(uint64(d))] += n
	h.n += n
	h.max = max(h.max, d)
}

// Merge adds everything that o has counted.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// Count returns how many durations were recorded.
func (h *Histogram) Count() uint64 { return h.n }

// Max returns the longest, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile returns a duration that the share q (0 to 1) of all does not exceed;
// at most 1.6 % too long. 0 when nothing was recorded.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := uint64(q * float64(h.n))
	rank = min(max(rank, 1), h.n)
	var seen uint64
	for i, n := range h.counts {
		if seen += n; seen >= rank {
			return min(time.Duration(top(i)), h.max)
		}
	}
	return h.max
}
