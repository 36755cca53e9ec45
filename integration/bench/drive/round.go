package drive

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"pingd/integration/bench/stats"
	"pingd/integration/procs/wire"
)

// Round is one round of INCR against a server that speaks the Redis protocol,
// each client on a connection and a key of its own.
type Round struct {
	Addr     string
	Clients  int
	Pipeline int           // commands sent at once, one write (1: none)
	Replicas int           // WAIT for so many after each write (0: no WAIT)
	Warm     time.Duration // before anything is measured
	For      time.Duration // measured
}

// Result is what a round of any system gives.
type Result struct {
	Ops     float64 `json:"ops"` // operations per second
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Max     float64 `json:"max_ms"`
	Samples uint64  `json:"samples"`
}

// NewResult summarizes operations recorded during a time.
func NewResult(h *stats.Histogram, during time.Duration) Result {
	return Result{
		Ops: float64(h.Count()) / during.Seconds(),
		P50: Millis(h.Quantile(0.5)), P99: Millis(h.Quantile(0.99)), Max: Millis(h.Max()),
		Samples: h.Count(),
	}
}

// Millis is a duration as a number of milliseconds.
func Millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// ErrReplicas means that WAIT came back with fewer replicas than asked for.
var ErrReplicas = errors.New("too few replicas have the write")

// Run runs the round. Any error reply ends it: a system that refuses writes is
// not measured.
func (r Round) Run(ctx context.Context) (Result, error) {
	conns := make([]*wire.Conn, r.Clients)
	defer func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	}()
	for i := range conns {
		c, err := wire.Dial(ctx, r.Addr)
		if err != nil {
			return Result{}, fmt.Errorf("connect client %d: %w", i+1, err)
		}
		conns[i] = c
	}
	from := time.Now().Add(r.Warm)
	until := from.Add(r.For)
	var all stats.Histogram
	var errs []error
	var mu sync.Mutex // all, errs
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() {
			h, err := r.client(ctx, c, "bench:"+strconv.Itoa(i), from, until)
			mu.Lock()
			defer mu.Unlock()
			all.Merge(h)
			errs = append(errs, err)
		})
	}
	wg.Wait()
	return NewResult(&all, r.For), errors.Join(errs...)
}

// answerTime bounds one answer after the round: a server that never answers
// must end the benchmark, not hang it.
const answerTime = 10 * time.Second

func (r Round) client(ctx context.Context, c *wire.Conn, key string, from, until time.Time) (*stats.Histogram, error) {
	h := new(stats.Histogram)
	if err := c.SetDeadline(until.Add(answerTime)); err != nil {
		return h, err
	}
	batch := r.encode(key)
	for ctx.Err() == nil {
		start := time.Now()
		if start.After(until) {
			return h, nil
		}
		if err := c.Send(batch); err != nil {
			return h, fmt.Errorf("send: %w", err)
		}
		if err := r.readReplies(c); err != nil {
			return h, err
		}
		// Counted in the window that it ended in, so that the operations per
		// second hold no unfinished ones.
		if end := time.Now(); end.After(from) && end.Before(until) {
			h.RecordN(end.Sub(start), uint64(r.Pipeline))
		}
	}
	return h, ctx.Err()
}

func (r Round) encode(key string) []byte {
	var batch []byte
	for range r.Pipeline {
		batch = wire.AppendCommand(batch, "INCR", key)
	}
	if r.Replicas > 0 {
		batch = wire.AppendCommand(batch, "WAIT", strconv.Itoa(r.Replicas), "0")
	}
	return batch
}

func (r Round) readReplies(c *wire.Conn) error {
	for range r.Pipeline {
		if _, err := c.ReadInt(); err != nil {
			return fmt.Errorf("read INCR: %w", err)
		}
	}
	if r.Replicas == 0 {
		return nil
	}
	n, err := c.ReadInt()
	if err != nil {
		return fmt.Errorf("read WAIT: %w", err)
	}
	if n < int64(r.Replicas) {
		return fmt.Errorf("wait for %d: %d have it: %w", r.Replicas, n, ErrReplicas)
	}
	return nil
}
