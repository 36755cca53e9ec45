package keyspace

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"pingd/kv/engine/once"
	"pingd/kv/engine/value"
)

// Errors of Store.Restore, wrapped with what was found.
var (
	// ErrSnapshotFormat means that the input is no snapshot, or one of a version
	// that this program does not know.
	ErrSnapshotFormat = errors.New("not a snapshot of a known format")
	// ErrSnapshotCorrupt means that the input is damaged or ends too early.
	ErrSnapshotCorrupt = errors.New("snapshot is corrupt")
)

// Restore replaces the whole state by the one that Snapshot.WriteTo wrote, or
// leaves it as it is when it returns an error. Memory is allocated only for bytes
// that were really read. It locks by
// itself, but only for the last step.
//
// Errors: ErrSnapshotFormat, ErrSnapshotCorrupt, and those of r.
func (s *Store) Restore(r io.Reader) error {
	s.RLock()
	l := loader{epoch: s.epoch}
	l.Tokens = once.New(s.maxTokens)
	s.RUnlock()
	if err := l.load(r); err != nil {
		return fmt.Errorf("restore snapshot: %w", err)
	}
	s.Lock()
	s.state = l.state
	s.Unlock()
	return nil
}

// loader builds a state from a snapshot.
type loader struct {
	state
	epoch        uint32
	db           uint8
	keys, tokenN uint64
	head, ended  bool
}

func (l *loader) load(r io.Reader) error {
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(r, magic); err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshotFormat, err)
	}
	if string(magic) != snapshotMagic {
		return fmt.Errorf("%w: it begins with %q", ErrSnapshotFormat, magic)
	}
	var block bytes.Buffer
	for !l.ended {
		if err := readBlock(r, &block); err != nil {
			return err
		}
		d := value.Decoder{B: block.Bytes()}
		for len(d.B) > 0 && !d.Bad {
			l.record(&d)
		}
		if d.Bad {
			return fmt.Errorf("%w: bad record", ErrSnapshotCorrupt)
		}
	}
	return nil
}

func (l *loader) record(d *value.Decoder) {
	tag := d.Byte()
	if l.ended || l.head == (tag == recordHead) {
		d.Fail() // the head comes first and once, nothing after the end
		return
	}
	switch tag {
	case recordHead:
		l.head, l.Now, l.version = true, d.Varint(), d.Uvarint()
	case recordDB:
		if l.db = d.Byte(); l.db >= Databases {
			d.Fail()
		}
	case recordKey:
		l.key(d)
	case recordToken:
		var token once.Token
		copy(token[:], d.Take(uint64(len(token))))
		due, reply := d.Varint(), d.Bytes()
		if due < 0 {
			d.Fail()
		}
		if !d.Bad {
			l.Tokens.Put(token, due, reply)
			l.tokenN++
		}
	case recordEnd:
		l.ended = true
		if d.Uvarint() != l.keys || d.Uvarint() != l.tokenN {
			d.Fail()
		}
	default:
		d.Fail()
	}
}

func (l *loader) key(d *value.Decoder) {
	k := value.Kind(d.Byte())
	key := d.Bytes()
	ent := &Entry{Key: string(key), hash: xxhash.Sum64(key), epoch: l.epoch, own: l.epoch}
	ent.ExpireAt = d.Varint()
	ent.Version = d.Uvarint()
	ent.Val = d.Value(k)
	if l.spaces[l.db] == nil {
		l.spaces[l.db] = newSpace()
	}
	sp := l.spaces[l.db]
	if d.Bad || ent.ExpireAt < 0 || ent.Version == 0 || ent.Version > l.version || sp.lookup(ent.hash, key) != nil {
		d.Fail()
		return
	}
	sp.insert(ent)
	l.keys++
}
