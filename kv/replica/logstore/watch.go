package logstore

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// watch times durable writes and latches the first error.
type watch struct {
	dir    string // whose disk is written to
	onSync func(time.Duration)
	epoch  time.Time
	once   sync.Once
	failed chan error

	// When each write under way began, after epoch; 0 = none. Each kind is written
	// by one goroutine at a time.
	since [3]atomic.Int64
}

const (
	logWrite = iota
	stableWrite
	factWrite
)

func newWatch(dir string) *watch {
	return &watch{dir: dir, epoch: time.Now().Add(-time.Second), failed: make(chan error, 1), onSync: func(time.Duration) {}}
}

func (w *watch) do(what string, kind int, write func() error) error {
	began := time.Since(w.epoch)
	w.since[kind].Store(int64(began))
	err := write()
	w.since[kind].Store(0)
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
	longest := time.Duration(0)
	for i := range w.since {
		if since := w.since[i].Load(); since != 0 {
			longest = max(longest, time.Since(w.epoch)-time.Duration(since))
		}
	}
	return longest
}

// stable is the store of term and vote, which Raft's goroutine writes, and of the
// node's facts; watched, each value with a checksum.
type stable struct {
	bolt  raft.StableStore
	watch *watch
	facts sync.Mutex // held while one is written
}

// Set stores durably.
func (s *stable) Set(key, value []byte) error {
	kind := stableWrite
	if strings.HasPrefix(string(key), factPrefix) {
		kind = factWrite
		s.facts.Lock()
		defer s.facts.Unlock()
	}
	return s.watch.do("write term and vote", kind, func() error { return s.bolt.Set(key, sealValue(key, value)) })
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
