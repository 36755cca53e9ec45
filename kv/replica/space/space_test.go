package space

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestLowAndFullBeginAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Int64
		var changes atomic.Int32
		free.Store(1000)
		w := New(Config{Reserve: 200, Floor: 80, Free: func() (int64, error) {
			if f := free.Load(); f >= 0 {
				return f, nil
			}
			return 0, errors.New("no such disk")
		}, Changed: func() { changes.Add(1) }})
		done := make(chan struct{})
		go func() { defer close(done); w.Run(t.Context()) }()
		for _, step := range []struct {
			free      int64
			low, full bool
			changes   int32
		}{
			{500, false, false, 0},
			{200, false, false, 0},
			{199, true, false, 1},
			{205, true, false, 1}, // it does not flicker at the limit
			{79, true, true, 2},
			{-1, true, true, 2}, // who does not know keeps what he knew
			{84, true, true, 2},
			{150, true, false, 3},
			{10, true, true, 4},
			{1000, false, false, 5},
		} {
			free.Store(step.free)
			<-time.After(Every)
			synctest.Wait()
			if w.Low() != step.low || w.Full() != step.full || changes.Load() != step.changes {
				t.Errorf("%d free: low %v, full %v, %d changes, want %+v", step.free, w.Low(), w.Full(), changes.Load(), step)
			}
			if step.free >= 0 && w.Free() != step.free {
				t.Errorf("%d free, not %d", w.Free(), step.free)
			}
		}
	})
}

func TestWithoutAReserveNothingIsLow(t *testing.T) {
	w := New(Config{Reserve: -1, Floor: 80, Free: func() (int64, error) { return 1, nil }, Changed: func() { t.Error("changed") }})
	if w.Low() || w.Full() || w.Free() != -1 {
		t.Error(w.Low(), w.Full(), w.Free())
	}
}
