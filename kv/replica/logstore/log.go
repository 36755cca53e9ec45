package logstore

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// ErrFull says that nothing was written because the disk is nearly full. It is not
// latched: the same write may succeed later.
var ErrFull = errors.New("disk is full")

// Log is the Raft log, watched. It is safe for concurrent use as the store
// beneath it is.
type Log struct {
	raft.LogStore
	watch *watch

	// Full reports whether the disk has so little room that appending must not be
	// tried; nil = never. It is set before the log is used.
	Full func() bool

	// newest tells index and term of the last entry that the newest snapshot covers;
	// zero if there is none.
	newest func() (index, term uint64)

	cut     atomic.Bool // the end was cut off: what replaces it must follow
	started atomic.Bool
	bytes   atomic.Int64
	entries atomic.Int64
}

// StoreLog appends one entry durably.
func (l *Log) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs appends entries durably, or returns ErrFull and does nothing. One that
// came with a checksum and does not fit it was damaged on its way: none is stored
// then.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	for _, e := range entries {
		if err := sumUp(e); err != nil {
			return fmt.Errorf("write log: %w", err)
		}
	}
	// Raft cannot bear an append that fails after it has cut the end off: it goes on
	// believing that the old end is there. Nor one of a change of members: its leader
	// believes in the change from then on.
	if l.full() && !l.cut.Load() && !changesMembers(entries) {
		return fmt.Errorf("write log: %w", ErrFull)
	}
	l.cut.Store(false)
	err := l.watch.do("write log", logWrite, func() error { return l.LogStore.StoreLogs(entries) })
	if err == nil {
		for _, e := range entries {
			l.bytes.Add(int64(len(e.Data)))
		}
		l.entries.Add(int64(len(entries)))
	}
	return err
}

func changesMembers(entries []*raft.Log) bool {
	return slices.ContainsFunc(entries, func(e *raft.Log) bool { return e.Type == raft.LogConfiguration })
}

func (l *Log) full() bool { return l.Full != nil && l.Full() }

// DeleteRange removes entries durably. Cutting the end off returns ErrFull where
// StoreLogs would.
func (l *Log) DeleteRange(from, to uint64) error {
	last, err := l.LastIndex()
	if err != nil {
		return fmt.Errorf("shorten log: %w", err)
	}
	if to >= last {
		to = l.covered(from, to)
	}
	if to >= last {
		if l.full() {
			return fmt.Errorf("shorten log: %w", ErrFull)
		}
		l.cut.Store(true)
	}
	return l.watch.do("shorten log", logWrite, func() error { return l.LogStore.DeleteRange(from, to) })
}

// covered returns up to where the log is to be emptied. When Raft takes a snapshot from
// its leader it empties the log, also of entries that follow the snapshot: those it has
// confirmed to the leader, which counts on them. They stay if the log holds the very
// entry that the snapshot ends with (Raft, figure 13, rule 6).
func (l *Log) covered(from, to uint64) uint64 {
	if l.newest == nil {
		return to
	}
	index, term := l.newest()
	var e raft.Log
	if index < from || index >= to || l.LogStore.GetLog(index, &e) != nil || e.Term != term {
		return to
	}
	return index
}

// GetLog reads one entry. One that is damaged is handed to nobody: the node has to
// leave. Of the entry that the newest snapshot ends with, which the log need not hold,
// there are at least index and term.
func (l *Log) GetLog(index uint64, e *raft.Log) error {
	err := l.LogStore.GetLog(index, e)
	if errors.Is(err, raft.ErrLogNotFound) && l.endOfSnapshot(index, e) {
		return nil
	}
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

// endOfSnapshot fills e if the newest snapshot ends with that entry. A follower that has
// taken a snapshot and the entries after it must be able to tell the term of the one
// before those, for its leader sends them again when it has heard no answer. Raft looks
// for it only in the log: it would refuse them, and the leader go back entry by entry
// to the beginning of its own log, which may be hundreds of thousands away.
//
// Nobody sends e on as the entry itself: who sends an entry has found the one before it,
// and where that is in the log this one is too. The first entry has none before it.
func (l *Log) endOfSnapshot(index uint64, e *raft.Log) bool {
	if index <= 1 || l.newest == nil || !l.started.Load() {
		return false
	}
	last, term := l.newest()
	if last != index {
		return false
	}
	*e = raft.Log{Index: index, Term: term, Type: raft.LogNoop}
	return true
}

// IsMonotonic tells Raft that the store refuses gaps. The write-ahead log does; of
// bbolt it is said so that Raft empties the log when it installs a snapshot, and no
// entry stays that the snapshot contradicts (hashicorp/raft#697).
func (l *Log) IsMonotonic() bool { return true }

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
