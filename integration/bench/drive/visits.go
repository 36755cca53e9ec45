package drive

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"pingd/integration/bench/stats"
)

// Visits is a load of HTTP visits: every answer is the number of the visit.
type Visits struct {
	URLs    []string      // each client keeps to one of them, in turn
	Clients int           // concurrent keep-alive clients
	For     time.Duration // how long
	Pause   time.Duration // of a client after each answer (0: none)
	Timeout time.Duration // of one visit; one that takes longer is an error
}

// Run makes the visits and reports them to rec. It returns the time of every
// answered visit. A number that no counter can have handed out ends it.
func (v Visits) Run(ctx context.Context, rec *Recorder) (*stats.Histogram, error) {
	ctx, cancel := context.WithTimeout(ctx, v.For)
	defer cancel()
	visitors := make([]*visitor, v.Clients)
	for i := range visitors {
		var err error
		if visitors[i], err = newVisitor(v.URLs[i%len(v.URLs)], v.Timeout); err != nil {
			return nil, err
		}
	}
	var all stats.Histogram
	var errs []error
	var mu sync.Mutex // all, errs
	var wg sync.WaitGroup
	for _, client := range visitors {
		wg.Go(func() {
			h, err := v.client(ctx, client, rec)
			mu.Lock()
			defer mu.Unlock()
			all.Merge(h)
			errs = append(errs, err)
		})
	}
	wg.Wait()
	rec.End()
	return &all, errors.Join(errs...)
}

// afterError is how long a client waits before it tries again: a refused
// connection must not become a busy loop beside what is measured.
const afterError = 5 * time.Millisecond

func (v Visits) client(ctx context.Context, c *visitor, rec *Recorder) (*stats.Histogram, error) {
	defer c.close()
	h := new(stats.Histogram)
	for ctx.Err() == nil {
		// A visit under way when the time is over is still awaited: a client
		// that leaves would make a counted visit look unclaimed.
		start := time.Now()
		number, err := c.visit(context.WithoutCancel(ctx))
		pause := v.Pause
		switch {
		case err != nil:
			rec.Fail(kind(err))
			pause = max(pause, afterError)
		default:
			h.Record(time.Since(start))
			if err := rec.Ack(number); err != nil {
				return h, err
			}
		}
		if pause > 0 {
			wait(ctx, pause)
		}
	}
	return h, nil
}

// wait returns after d or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// VisitOnce makes one visit and returns its number; it tries the URL again until
// ctx ends. It tells how many tries failed: those may have counted.
func VisitOnce(ctx context.Context, url string, timeout time.Duration) (number int64, failed int, err error) {
	c, err := newVisitor(url, timeout)
	if err != nil {
		return 0, 0, err
	}
	defer c.close()
	var last error
	for {
		number, err := c.visit(ctx)
		if err == nil {
			return number, failed, nil
		}
		failed++
		if last == nil || ctx.Err() == nil { // A try that the end of ctx broke off tells nothing.
			last = err
		}
		wait(ctx, afterError)
		if ctx.Err() != nil {
			return 0, failed, fmt.Errorf("visit %s: %w: last answer: %w", url, ctx.Err(), last)
		}
	}
}
