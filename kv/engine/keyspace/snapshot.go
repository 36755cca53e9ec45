package keyspace

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"pingd/kv/engine/once"
	"pingd/kv/engine/ordered"
)

// ErrSnapshotClosed is returned by Snapshot.WriteTo after Close, or once a later
// snapshot has been taken.
var ErrSnapshotClosed = errors.New("snapshot is closed")

const (
	// snapshotMagic begins a snapshot; its last byte is the version of the format.
	snapshotMagic = "PINGDKV\x01"
	// blockSize is about how many bytes one checksum covers, and blockHead what
	// precedes them: length and xxhash64, little endian.
	blockSize = 64 << 10
	blockHead = 16
	// holdEntries is about how many entries are copied in one hold of the lock.
	holdEntries = 256
)

// Snapshot is the state as it was when Store.Snapshot was called. It costs
// little while nobody writes: an entry is copied only when it first changes.
type Snapshot struct {
	store   *Store
	epoch   uint32
	now     int64
	version uint64
	spaces  [Databases]*space
	tokens  once.View
	scratch []Entry
}

// Snapshot freezes the present state, in time that does not depend on the number
// of keys. The caller must Close it. One at a time: taking another ends the
// earlier one.
func (s *Store) Snapshot() *Snapshot {
	s.Lock()
	defer s.Unlock()
	if s.snap != nil {
		s.snap.detach()
	}
	s.epoch++
	snap := &Snapshot{
		store: s, epoch: s.epoch, now: s.Now, version: s.version,
		spaces: s.spaces, tokens: s.Tokens.Freeze(),
	}
	for _, sp := range snap.spaces {
		if sp != nil {
			sp.pre, sp.done, sp.full = ordered.New[*Entry](), 0, false
		}
	}
	s.snap = snap
	return snap
}

// Close releases what the snapshot holds. It may be called more than once.
func (s *Snapshot) Close() {
	s.store.Lock()
	defer s.store.Unlock()
	if s.store.snap == s {
		s.detach()
	}
}

func (s *Snapshot) detach() {
	for _, sp := range s.spaces {
		if sp != nil {
			sp.pre = nil
		}
	}
	s.spaces = [Databases]*space{}
	s.store.snap = nil
}

// WriteTo writes the frozen state to w and returns the number of bytes. It runs
// beside Apply and Read, holding the read side of the lock only while it copies a
// few hundred entries. To be called once.
//
// Errors: ErrSnapshotClosed, and those of w.
func (s *Snapshot) WriteTo(w io.Writer) (int64, error) {
	b := &blockWriter{w: w}
	b.raw([]byte(snapshotMagic))
	b.begin()
	b.buf = appendHead(b.buf, s.now, s.version)
	keys := uint64(0)
	for db := range s.spaces {
		n, err := s.writeSpace(b, uint8(db))
		if err != nil {
			return b.n, err
		}
		keys += n
	}
	err := s.tokens.Each(func(token once.Token, due int64, reply []byte) error {
		b.buf = appendToken(b.buf, token, due, reply)
		return b.flush(blockSize)
	})
	if err == nil {
		b.buf = append(b.buf, recordEnd)
		b.buf = binary.AppendUvarint(b.buf, keys)
		b.buf = binary.AppendUvarint(b.buf, uint64(s.tokens.Len()))
		err = b.flush(0)
	}
	return b.n, err
}

// writeSpace writes the keys of one database.
func (s *Snapshot) writeSpace(b *blockWriter, db uint8) (keys uint64, err error) {
	for pos, first := uint64(0), true; first || pos != 0; first = false {
		batch, next, err := s.copySpan(db, pos)
		if err != nil {
			return keys, err
		}
		if first && (len(batch) > 0 || next != 0) {
			b.buf = append(b.buf, recordDB, db)
		}
		// The values themselves need no lock: nothing changes a value in place that
		// is older than the snapshot (Store.Own).
		for i := range batch {
			b.buf = batch[i].append(b.buf)
			if err := b.flush(blockSize); err != nil {
				return keys, err
			}
		}
		keys += uint64(len(batch))
		pos = next
	}
	return keys, nil
}

// copySpan returns the entries from pos on as they were, and where to go on, 0
// at the end.
func (s *Snapshot) copySpan(db uint8, pos uint64) (batch []Entry, next uint64, err error) {
	s.store.RLock()
	defer s.store.RUnlock()
	if s.store.snap != s {
		return nil, 0, ErrSnapshotClosed
	}
	sp := s.spaces[db]
	if sp == nil {
		return nil, 0, nil
	}
	batch = s.scratch[:0]
	next = pos
	for {
		var entries []*Entry
		entries, next = sp.table.Span(next)
		for _, ent := range entries {
			if ent.epoch != s.epoch {
				batch = append(batch, *ent)
			}
		}
		if next == 0 || len(batch) >= holdEntries {
			break
		}
	}
	for _, old := range sp.pre.AppendRange(nil, pos, next) {
		batch = append(batch, *old)
	}
	slices.SortFunc(batch, func(a, b Entry) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		return strings.Compare(a.Key, b.Key)
	})
	// Only the one goroutine that writes this snapshot, and Apply with the lock
	// held alone, look at these.
	sp.done, sp.full = next, next == 0
	s.scratch = batch
	return batch, next, nil
}

// Digest returns a hash of the whole state; equal states have equal digests on
// every replica. It locks by itself and reads every key: for tests and rare checks.
func (s *Store) Digest() uint64 {
	s.RLock()
	defer s.RUnlock()
	d := xxhash.New()
	buf := appendHead(nil, s.Now, s.version)
	for db, sp := range s.spaces {
		if sp.len() == 0 {
			continue
		}
		buf = append(buf, recordDB, byte(db))
		sp.table.Each(func(ent *Entry) bool {
			buf = ent.append(buf)
			_, _ = d.Write(buf)
			buf = buf[:0]
			return true
		})
	}
	_ = s.Tokens.Freeze().Each(func(token once.Token, due int64, reply []byte) error {
		buf = appendToken(buf, token, due, reply)
		_, _ = d.Write(buf)
		buf = buf[:0]
		return nil
	})
	_, _ = d.Write(buf)
	return d.Sum64()
}
