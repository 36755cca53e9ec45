package logstore

import (
	"encoding/binary"
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
		w.fail(err)
		return err
	}
	w.onSync(time.Since(w.epoch) - began)
	return nil
}

// fail tells the owner of the first error.
func (w *watch) fail(err error) { w.once.Do(func() { w.failed <- err }) }

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

// StoreLogs appends entries durably. One that came with a checksum and does not fit
// it was damaged on its way: none is stored then.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	for _, e := range entries {
		if err := sumUp(e); err != nil {
			return fmt.Errorf("write log: %w", err)
		}
	}
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

// GetLog reads one entry. One that is damaged is handed to nobody: the node has to
// leave.
func (l *Log) GetLog(index uint64, e *raft.Log) error {
	err := l.LogStore.GetLog(index, e)
	if err == nil {
		if bad := checkEntry(index, e); bad != nil {
			*e = raft.Log{}
			err = damageError(l.watch.dir, "the log", bad)
			if l.started.Load() {
				l.watch.fail(err)
				leave()
			}
		}
	}
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

// stable is the store of term and vote, watched, each value with a checksum.
type stable struct {
	bolt  *raftboltdb.BoltStore
	watch *watch
}

// Set stores durably.
func (s *stable) Set(key, value []byte) error {
	return s.watch.do("write term and vote", func() error { return s.bolt.Set(key, sealValue(key, value)) })
}

// Get returns what was stored, or raftboltdb.ErrKeyNotFound.
func (s *stable) Get(key []byte) ([]byte, error) {
	sealed, err := s.bolt.Get(key)
	if err != nil {
		return nil, err
	}
	value, _, err := openValue(key, sealed)
	if err != nil {
		return nil, damageError(s.watch.dir, stableFile, err)
	}
	return value, nil
}

// SetUint64 stores durably.
func (s *stable) SetUint64(key []byte, value uint64) error {
	return s.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// GetUint64 returns what SetUint64 stored, or raftboltdb.ErrKeyNotFound.
func (s *stable) GetUint64(key []byte) (uint64, error) {
	b, err := s.Get(key)
	if err != nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, damageError(s.watch.dir, stableFile, fmt.Errorf("%q is no number", key))
	}
	return binary.BigEndian.Uint64(b), nil
}
