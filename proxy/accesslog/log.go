package accesslog

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"pingd/proxy/exchange"
)

const (
	flushSize  = 32 << 10
	maxPending = 128 // batches that wait to be written, 4 MiB
	flushEvery = 200 * time.Millisecond
)

// Log writes what Batches gather. Make it with New.
type Log struct {
	w      io.Writer
	log    *slog.Logger
	format func([]byte, *exchange.Record, *stamper) []byte

	full    chan []byte // the ring: batches to be written
	free    chan []byte // those that were
	dropped atomic.Int64

	mu     sync.Mutex
	shared *Batch // for those without a Batch of their own
}

// New returns a Log that writes to w, as JSON or as text, and tells logger
// about lines that were lost.
func New(w io.Writer, json bool, logger *slog.Logger) *Log {
	l := &Log{
		w: w, log: logger, format: appendText,
		full: make(chan []byte, maxPending), free: make(chan []byte, maxPending),
	}
	if json {
		l.format = appendJSON
	}
	l.shared = l.NewBatch()
	return l
}

// Batch gathers lines for one goroutine, which calls Flush from time to time.
// Nothing in it waits or is locked.
type Batch struct {
	l     *Log
	lines []byte
	count int64
	stamp stamper
}

// NewBatch returns an empty Batch.
func (l *Log) NewBatch() *Batch { return &Batch{l: l} }

// Add takes down r.
func (b *Batch) Add(r *exchange.Record) {
	b.lines = b.l.format(b.lines, r, &b.stamp)
	if b.count++; len(b.lines) >= flushSize {
		b.Flush()
	}
}

// Flush has the lines written. When the writer cannot keep up they are dropped
// and counted.
func (b *Batch) Flush() {
	if len(b.lines) == 0 {
		return
	}
	lines, count := b.lines, b.count
	b.count = 0
	select {
	case b.l.full <- lines:
	default:
		b.l.dropped.Add(count)
		b.lines = lines[:0]
		return
	}
	select {
	case b.lines = <-b.l.free:
	default:
		b.lines = make([]byte, 0, flushSize+1024)
	}
}

// Add takes down r. It may be called by any goroutine.
func (l *Log) Add(r *exchange.Record) {
	l.mu.Lock()
	l.shared.Add(r)
	l.mu.Unlock()
}

// Run writes batches until ctx ends, and then what is left. Batches must have
// been flushed before.
func (l *Log) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case lines := <-l.full:
			l.write(lines)
		case <-tick.C:
			l.flush()
		case <-ctx.Done():
			l.flush()
			for len(l.full) > 0 {
				l.write(<-l.full)
			}
			return
		}
	}
}

// flush has the shared lines written and reports those that were lost.
func (l *Log) flush() {
	l.mu.Lock()
	l.shared.Flush()
	l.mu.Unlock()
	if n := l.dropped.Swap(0); n > 0 {
		l.log.Warn("access log too slow, lines dropped", "lines", n)
	}
}

func (l *Log) write(lines []byte) {
	if _, err := l.w.Write(lines); err != nil {
		l.log.Warn("write access log", "err", err)
	}
	select {
	case l.free <- lines[:0]:
	default:
	}
}
