package engine

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"pingd/kv/engine/once"
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

// Snapshot is the state as it was when Engine.Snapshot was called. It costs
// little while nobody writes: an entry is copied only when it first changes.
type Snapshot struct {
	e       *Engine
	epoch   uint32
	now     int64
	version uint64
	spaces  [Databases]*keyspace
	tokens  once.View
	scratch []entry
}

// Snapshot freezes the present state, in time that does not depend on the number
// of keys. The caller must Close it. One at a time: taking another ends the
// earlier one.
func (e *Engine) Snapshot() *Snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.snap != nil {
		e.snap.detach()
	}
	e.epoch++
	s := &Snapshot{
		e: e, epoch: e.epoch, now: e.now, version: e.version,
		spaces: e.dbs, tokens: e.tokens.Freeze(),
	}
	for _, ks := range s.spaces {
		if ks != nil {
			ks.pre, ks.done, ks.full = newTable(), 0, false
		}
	}
	e.snap = s
	return s
}

// Close releases what the snapshot holds. It may be called more than once.
func (s *Snapshot) Close() {
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	if s.e.snap == s {
		s.detach()
	}
}

func (s *Snapshot) detach() {
	for _, ks := range s.spaces {
		if ks != nil {
			ks.pre = nil
		}
	}
	s.spaces = [Databases]*keyspace{}
	s.e.snap = nil
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
		// is older than the snapshot (call.own).
		for i := range batch {
			b.buf = batch[i].appendTo(b.buf)
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
func (s *Snapshot) copySpan(db uint8, pos uint64) (batch []entry, next uint64, err error) {
	s.e.mu.RLock()
	defer s.e.mu.RUnlock()
	if s.e.snap != s {
		return nil, 0, ErrSnapshotClosed
	}
	ks := s.spaces[db]
	if ks == nil {
		return nil, 0, nil
	}
	batch = s.scratch[:0]
	next = pos
	for {
		var entries []*entry
		entries, next = ks.span(next)
		for _, ent := range entries {
			if ent.epoch != s.epoch {
				batch = append(batch, *ent)
			}
		}
		if next == 0 || len(batch) >= holdEntries {
			break
		}
	}
	batch = ks.pre.appendRange(batch, pos, next)
	slices.SortFunc(batch, func(a, b entry) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		return strings.Compare(a.key, b.key)
	})
	// Only the one goroutine that writes this snapshot, and Apply with the lock
	// held alone, look at these.
	ks.done, ks.full = next, next == 0
	s.scratch = batch
	return batch, next, nil
}

// appendRange appends copies of the entries with hashes from pos up to, not
// including, end; end 0 means all the rest.
func (t *table) appendRange(dst []entry, pos, end uint64) []entry {
	for {
		entries, next := t.span(pos)
		for _, ent := range entries {
			if end != 0 && ent.hash >= end {
				return dst
			}
			dst = append(dst, *ent)
		}
		if next == 0 || end != 0 && next >= end {
			return dst
		}
		pos = next
	}
}

// blockWriter gathers records into checksummed blocks.
type blockWriter struct {
	w   io.Writer
	n   int64
	buf []byte // head of the block, not filled in yet, and records
	err error
}

func (b *blockWriter) begin() { b.buf = append(b.buf[:0], make([]byte, blockHead)...) }

func (b *blockWriter) raw(p []byte) {
	if b.err != nil {
		return
	}
	n, err := b.w.Write(p)
	b.n += int64(n)
	if err != nil {
		b.err = fmt.Errorf("write snapshot: %w", err)
	}
}

// flush writes the block if it holds at least size bytes.
func (b *blockWriter) flush(size int) error {
	body := b.buf[blockHead:]
	if len(body) < size || b.err != nil {
		return b.err
	}
	binary.LittleEndian.PutUint64(b.buf, uint64(len(body)))
	binary.LittleEndian.PutUint64(b.buf[8:], xxhash.Sum64(body))
	b.raw(b.buf)
	b.begin()
	return b.err
}

// Digest returns a hash of the whole state; equal states have equal digests on
// every replica. It reads every key: for tests and rare checks.
func (e *Engine) Digest() uint64 {
	e.mu.RLock()
	defer e.mu.RUnlock()
	d := xxhash.New()
	buf := appendHead(nil, e.now, e.version)
	for db, ks := range e.dbs {
		if ks.size() == 0 {
			continue
		}
		buf = append(buf, recordDB, byte(db))
		ks.each(func(ent *entry) bool {
			buf = ent.appendTo(buf)
			_, _ = d.Write(buf)
			buf = buf[:0]
			return true
		})
	}
	_ = e.tokens.Freeze().Each(func(token once.Token, due int64, reply []byte) error {
		buf = appendToken(buf, token, due, reply)
		_, _ = d.Write(buf)
		buf = buf[:0]
		return nil
	})
	_, _ = d.Write(buf)
	return d.Sum64()
}
