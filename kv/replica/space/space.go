package space

import (
	"context"
	"sync/atomic"
	"time"
)

// Config says what is watched. All is required.
type Config struct {
	Reserve int64 // bytes: with less free, the disk counts as nearly full; negative: never
	Floor   int64 // bytes: with less free, it counts as full
	// Free returns how many bytes are free. It may hang with its disk.
	Free func() (int64, error)
	// Changed is called when one of both begins or ends. It must not block.
	Changed func()
}

// Watch knows how full a disk is. It is safe for concurrent use.
type Watch struct {
	cfg  Config
	free atomic.Int64
	low  atomic.Bool
	full atomic.Bool
}

// Every is the time between two looks.
const Every = 250 * time.Millisecond

// New looks once. Run goes on looking.
func New(cfg Config) *Watch {
	w := &Watch{cfg: cfg}
	w.free.Store(-1)
	w.look()
	return w
}

// Run looks until ctx ends, or as long as the disk takes to answer.
func (w *Watch) Run(ctx context.Context) {
	t := time.NewTicker(Every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			w.look()
		case <-ctx.Done():
			return
		}
	}
}

// Free returns how many bytes were free at the last look; -1 if nobody knows.
func (w *Watch) Free() int64 { return w.free.Load() }

// Low reports whether less than the reserve is free.
func (w *Watch) Low() bool { return w.low.Load() }

// Full reports whether less than the floor is free.
func (w *Watch) Full() bool { return w.full.Load() }

// look asks once. A disk that does not say is taken for what it was.
func (w *Watch) look() {
	free, err := w.cfg.Free()
	if err != nil || w.cfg.Reserve < 0 {
		return
	}
	w.free.Store(free)
	a := set(&w.low, free, w.cfg.Reserve)
	b := set(&w.full, free, min(w.cfg.Floor, w.cfg.Reserve))
	if a || b {
		w.cfg.Changed()
	}
}

// set tells whether flag changed. What has begun ends a little later than it
// began, so that it does not flicker at the limit.
func set(flag *atomic.Bool, free, limit int64) bool {
	if flag.Load() {
		limit += limit / 16
	}
	return flag.Swap(free < limit) != (free < limit)
}
