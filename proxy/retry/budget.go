package retry

import (
	"sync/atomic"
	"time"
)

// Budget keeps retries from multiplying the load on servers that already fail:
// over the last ten to twenty seconds at most a share of the requests, and a
// few more so that a quiet proxy can retry at all. Safe for concurrent use;
// make it with NewBudget.
type Budget struct {
	share    int64 // percent
	floor    int64
	epoch    atomic.Int64
	requests [2]atomic.Int64
	retries  [2]atomic.Int64
}

const window = 10 * time.Second

// NewBudget allows retries for percent of the requests and floor more per
// window of 10 s (Linkerd's default is 20 % and 10 per second, which is what
// the proxy uses).
func NewBudget(percent, floor int) *Budget {
	return &Budget{share: int64(percent), floor: int64(floor)}
}

// Request counts a request that arrived at now, a time since any fixed start.
func (b *Budget) Request(now time.Duration) { b.requests[b.slot(now)].Add(1) }

// Spend takes one retry from the budget and reports whether there was one.
func (b *Budget) Spend(now time.Duration) bool {
	i := b.slot(now)
	requests := b.requests[0].Load() + b.requests[1].Load()
	retries := b.retries[0].Load() + b.retries[1].Load()
	if retries >= b.floor+requests*b.share/100 {
		return false
	}
	b.retries[i].Add(1)
	return true
}

// slot returns the counter of the current window, clearing what has become too
// old. Two goroutines at the very border may lose a count to each other; a
// budget need not be exact.
func (b *Budget) slot(now time.Duration) int {
	epoch := int64(now / window)
	last := b.epoch.Load()
	if epoch > last && b.epoch.CompareAndSwap(last, epoch) {
		b.clear(epoch)
		if epoch > last+1 {
			b.clear(epoch - 1)
		}
	}
	return int(epoch & 1)
}

func (b *Budget) clear(epoch int64) {
	b.requests[epoch&1].Store(0)
	b.retries[epoch&1].Store(0)
}
