package accesslog

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"pingd/proxy/exchange"
)

const (
	flushSize  = 64 << 10
	maxPending = 4 << 20
	flushEvery = 200 * time.Millisecond
)

// Log gathers lines. Make it with New; Add may be called by any goroutine.
type Log struct {
	w      io.Writer
	log    *slog.Logger
	format func([]byte, *exchange.Record) []byte
	wake   chan struct{}

	mu      sync.Mutex
	pending []byte
	spare   []byte
	dropped int64
}

// New returns a Log that writes to w, as JSON or as text, and tells logger
// about lines that were lost.
func New(w io.Writer, json bool, logger *slog.Logger) *Log {
	l := &Log{w: w, log: logger, format: AppendText, wake: make(chan struct{}, 1)}
	if json {
		l.format = AppendJSON
	}
	return l
}

// Add takes down r. It never blocks on the writer.
func (l *Log) Add(r *exchange.Record) {
	l.mu.Lock()
	if len(l.pending) > maxPending {
		l.dropped++
		l.mu.Unlock()
		return
	}
	l.pending = l.format(l.pending, r)
	full := len(l.pending) >= flushSize
	l.mu.Unlock()
	if full {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// Run writes batches until ctx ends, and then what is left.
func (l *Log) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.wake:
		case <-tick.C:
		case <-ctx.Done():
			l.flush()
			return
		}
		l.flush()
	}
}

func (l *Log) flush() {
	l.mu.Lock()
	batch, dropped := l.pending, l.dropped
	l.pending, l.spare, l.dropped = l.spare[:0], nil, 0
	l.mu.Unlock()
	if len(batch) > 0 {
		if _, err := l.w.Write(batch); err != nil {
			l.log.Warn("write access log", "err", err)
		}
	}
	if dropped > 0 {
		l.log.Warn("access log too slow, lines dropped", "lines", dropped)
	}
	l.mu.Lock()
	l.spare = batch[:0]
	l.mu.Unlock()
}
