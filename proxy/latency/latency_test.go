package latency

import (
	"slices"
	"sync"
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	var h Histogram
	for _, c := range []struct {
		d    time.Duration
		want int // bucket
	}{
		{0, 0},
		{-time.Second, 0}, // the clock is monotonic, but nothing may break
		{100 * time.Microsecond, 0},
		{100*time.Microsecond + 1, 1},
		{time.Millisecond, 3},
		{30 * time.Second, len(limits) - 1},
		{30*time.Second + 1, len(limits)},
		{time.Hour, len(limits)},
	} {
		before := h.Counts().Counts
		h.Observe(c.d)
		after := h.Counts().Counts
		before[c.want]++
		if !slices.Equal(before, after) {
			t.Errorf("%s: %v, want %v", c.d, after, before)
		}
	}
}

func TestBoundsAscend(t *testing.T) {
	c := new(Histogram).Counts()
	if !slices.IsSorted(c.Bounds) || len(c.Counts) != len(c.Bounds)+1 {
		t.Errorf("%+v", c)
	}
	c.Bounds[0] = 7 // a caller's own
	if new(Histogram).Counts().Bounds[0] == 7 {
		t.Error("bounds are shared")
	}
}

func TestCumulativeAndSum(t *testing.T) {
	var h Histogram
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				h.Observe(time.Millisecond)
				h.Observe(time.Minute)
			}
		})
	}
	wg.Wait()
	buckets, total := h.Counts().Cumulative()
	if total != 800 || buckets[.0005] != 0 || buckets[.001] != 400 || buckets[30] != 400 {
		t.Errorf("%d %v", total, buckets)
	}
	if want := 400 * (time.Minute + time.Millisecond); h.Sum() != want {
		t.Errorf("sum %s, want %s", h.Sum(), want)
	}
}

func TestObserveDoesNotAllocate(t *testing.T) {
	var h Histogram
	if n := testing.AllocsPerRun(100, func() { h.Observe(time.Second) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	var h Histogram
	for b.Loop() {
		h.Observe(3 * time.Millisecond)
	}
}
