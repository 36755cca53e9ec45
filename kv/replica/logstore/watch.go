package logstore

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// watch times durable writes and latches the first error.
type watch struct {
	dir    string // whose disk is written to
	onSync func(time.Duration)
	epoch  time.Time
	since  atomic.Int64 // when the write under way began, after epoch; 0 = none
	once   sync.Once
	failed chan error
}

func newWatch(dir string) *watch {
	return &watch{dir: dir, epoch: time.Now().Add(-time.Second), failed: make(chan error, 1), onSync: func(time.Duration) {}}
}

func (w *watch) do(what string, write func() error) error {
	began := time.Since(w.epoch)
	w.since.Store(int64(began))
	err := write()
	w.since.Store(0)
	if err != nil {
		err = spaceError(w.dir, fmt.Errorf("%s: %w", what, err))
		w.once.Do(func() { w.failed <- err })
		return err
	}
	w.onSync(time.Since(w.epoch) - began)
	return nil
}

func (w *watch) busy() time.Duration {
	since := w.since.Load()
	if since == 0 {
		return 0
	}
	return time.Since(w.epoch) - time.Duration(since)
}

// Log is the Raft log, watched. It is safe for concurrent use as the store
// beneath it is.
type Log struct {
	raft.LogStore
	watch *watch

	started atomic.Bool
	bytes   atomic.Int64
	entries atomic.Int64
}

// StoreLog appends one entry durably.
func (l *Log) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs appends entries durably.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	err := l.watch.do("write log", func() error { return l.LogStore.StoreLogs(entries) })
	if err == nil {
		for _, e := range entries {
			l.bytes.Add(int64(len(e.Data)))
		}
		l.entries.Add(int64(len(entries)))
	}
	return err
}

// DeleteRange removes entries durably.
func (l *Log) DeleteRange(from, to uint64) error {
	return l.watch.do("shorten log", func() error { return l.LogStore.DeleteRange(from, to) })
}

// GetLog reads one entry.
func (l *Log) GetLog(index uint64, e *raft.Log) error {
	err := l.LogStore.GetLog(index, e)
	if err == nil && !l.started.Load() {
		// Raft reads all entries after the last snapshot when it starts: that is
		// where the count since that snapshot comes from.
		l.bytes.Add(int64(len(e.Data)))
		l.entries.Add(1)
	}
	return err
}

// IsMonotonic tells Raft whether the store refuses gaps.
func (l *Log) IsMonotonic() bool {
	m, ok := l.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// Started ends the counting of entries that are read.
func (l *Log) Started() { l.started.Store(true) }

// Grown returns how many bytes and entries were appended since the last call of
// Trimmed.
func (l *Log) Grown() (bytes, entries int64) { return l.bytes.Load(), l.entries.Load() }

// Trimmed subtracts what a snapshot now covers.
func (l *Log) Trimmed(bytes, entries int64) {
	l.bytes.Add(-bytes)
	l.entries.Add(-entries)
}

// stable is the store of term and vote, watched.
type stable struct {
	*raftboltdb.BoltStore
	watch *watch
}

// Set stores durably.
func (s *stable) Set(key, value []byte) error {
	return s.watch.do("write term and vote", func() error { return s.BoltStore.Set(key, value) })
}

// SetUint64 stores durably.
func (s *stable) SetUint64(key []byte, value uint64) error {
	return s.watch.do("write term and vote", func() error { return s.BoltStore.SetUint64(key, value) })
}
