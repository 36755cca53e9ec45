package counter

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func noObserver(int, time.Duration, error) {}

// waiter is a visitor that is told through a channel.
type waiter struct {
	*visit
	done chan outcome // holds one
}

func (w *waiter) told(_ *visit, o outcome, _ time.Time) { w.done <- o }

func visitOf(token string, patience time.Duration) *waiter {
	w := &waiter{done: make(chan outcome, 1)}
	w.visit = &visit{token: token, deadline: time.Now().Add(patience), visitor: w}
	return w
}

// What waits while a call is under way goes into the next one, all of it.
func TestWaitingVisitsShareACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inFlight, most atomic.Int32
		store := &memory{before: func(context.Context, []string) error {
			most.Store(max(most.Load(), inFlight.Add(1)))
			<-time.After(10 * time.Millisecond) // fake time: how long a commit takes
			inFlight.Add(-1)
			return nil
		}}
		b := newBatcher(store, "hits", 1000, 1000, noObserver)
		ctx, cancel := context.WithCancel(t.Context())
		go b.run(ctx)
		var visits []*waiter
		join := func(n int) {
			for range n {
				v := visitOf(fmt.Sprint(len(visits)), time.Second)
				visits = append(visits, v)
				if err := b.join(v.visit); err != nil {
					t.Fatal(err)
				}
			}
		}
		join(1)
		synctest.Wait() // its call is under way
		join(100)
		start := time.Now()
		for i, v := range visits {
			if o := <-v.done; o.err != nil || o.number != int64(i+1) {
				t.Fatalf("visit %d: %+v", i, o)
			}
		}
		if took := time.Since(start); took != 20*time.Millisecond {
			t.Errorf("101 visits took %v, want two calls of 10 ms", took)
		}
		if n := store.batches(); n != 2 || most.Load() != 1 {
			t.Errorf("%d calls, %d at the same time", n, most.Load())
		}
		cancel()
		<-b.finished
	})
}

func TestBatchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		b := newBatcher(store, "hits", 10, 4, noObserver)
		var visits []*waiter
		for i := range 10 {
			visits = append(visits, visitOf(fmt.Sprint(i), time.Second))
			if err := b.join(visits[i].visit); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.join(visitOf("x", time.Second).visit); !errors.Is(err, errFull) {
			t.Errorf("eleventh visit: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go b.run(ctx)
		for i, v := range visits {
			if o := <-v.done; o.number != int64(i+1) {
				t.Errorf("visit %d: %+v", i, o)
			}
		}
		cancel()
		<-b.finished
		for i, want := range []int{4, 4, 2} {
			if got := len(store.calls[i]); got != want {
				t.Errorf("call %d carried %d visits, want %d", i, got, want)
			}
		}
		if err := b.join(visitOf("late", time.Second).visit); !errors.Is(err, errStopped) {
			t.Errorf("visit after the end: %v", err)
		}
	})
}

// The call lasts as long as the most patient of its visitors.
func TestCallEndsWithItsLastVisitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{before: func(ctx context.Context, _ []string) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		b := newBatcher(store, "hits", 10, 10, noObserver)
		short, long := visitOf("a", time.Second), visitOf("b", 3*time.Second)
		for _, v := range []*waiter{short, long} {
			if err := b.join(v.visit); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer func() { cancel(); <-b.finished }()
		start := time.Now()
		go b.run(ctx)
		if o := <-long.done; !errors.Is(o.err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("after %v: %+v", time.Since(start), o)
		}
		if o := <-short.done; o.err == nil {
			t.Errorf("the other visitor: %+v", o)
		}
	})
}

func TestWithdraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		store := &memory{before: func(context.Context, []string) error { <-release; return nil }}
		b := newBatcher(store, "hits", 10, 10, noObserver)
		ctx, cancel := context.WithCancel(t.Context())
		go b.run(ctx)
		sent, waiting, stays := visitOf("a", time.Second), visitOf("b", time.Second), visitOf("c", time.Second)
		_ = b.join(sent.visit)
		synctest.Wait()
		_ = b.join(waiting.visit)
		_ = b.join(stays.visit)
		if b.withdraw(sent.visit) {
			t.Error("a visit on its way was withdrawn")
		}
		if !b.withdraw(waiting.visit) || b.withdraw(waiting.visit) {
			t.Error("a waiting visit can be withdrawn once")
		}
		close(release)
		if o := <-stays.done; o.number != 2 {
			t.Errorf("the visit behind it: %+v", o)
		}
		cancel()
		<-b.finished
		if b.size() != 0 {
			t.Errorf("%d visits wait after the end", b.size())
		}
	})
}

func TestEndFailsThoseThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{before: func(ctx context.Context, _ []string) error { <-ctx.Done(); return ctx.Err() }}
		b := newBatcher(store, "hits", 10, 1, noObserver)
		ctx, cancel := context.WithCancel(t.Context())
		go b.run(ctx)
		sent, waiting := visitOf("a", time.Hour), visitOf("b", time.Hour)
		_ = b.join(sent.visit)
		_ = b.join(waiting.visit)
		synctest.Wait()
		cancel()
		if o := <-sent.done; !errors.Is(o.err, context.Canceled) || definite(o.err) {
			t.Errorf("visit on its way: %+v", o)
		}
		if o := <-waiting.done; !errors.Is(o.err, errStopped) || !definite(o.err) {
			t.Errorf("waiting visit: %+v", o)
		}
		<-b.finished
	})
}

// BenchmarkBatch shows what a visit costs beside HTTP and the store.
func BenchmarkBatch(b *testing.B) {
	batch := newBatcher(nothing{}, "hits", 1<<16, 1024, noObserver)
	ctx, cancel := context.WithCancel(b.Context())
	go batch.run(ctx)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			v := visitOf("t", time.Hour)
			if err := batch.join(v.visit); err != nil {
				b.Error(err)
				return
			}
			<-v.done
		}
	})
	cancel()
	<-batch.finished
}

// nothing counts nothing, at once.
type nothing struct{}

func (nothing) Incr(_ context.Context, _ string, tokens []string) ([]int64, error) {
	return make([]int64, len(tokens)), nil
}
