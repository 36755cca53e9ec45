package keyspace

import (
	"bytes"
	"fmt"
	"io"

	"pingd/kv/engine/once"
	"pingd/kv/engine/value"
)

// Stored is a key as a snapshot holds it.
type Stored struct {
	DB       uint8
	Name     []byte // valid until the next key
	ExpireAt int64  // unix ms, 0 = never
	Value    value.Value

	version uint64
}

// Scanned is what a snapshot says of itself.
type Scanned struct {
	Now          int64  // log time, unix ms
	Keys, Tokens uint64 // how many there were

	version uint64
}

// Walk reads a snapshot that Snapshot.WriteTo wrote, to its end, and calls fn for
// each key, database by database, without holding more than a block of them and the
// largest value. An error of fn ends it.
//
// Errors: ErrSnapshotFormat, ErrSnapshotCorrupt, and those of r and of fn.
func Walk(r io.Reader, fn func(Stored) error) (Scanned, error) {
	w := walker{fn: fn}
	s, err := scan(r, &w)
	switch {
	case w.err != nil:
		return s, w.err
	case err != nil:
		return s, fmt.Errorf("read snapshot: %w", err)
	}
	return s, nil
}

// walker is a sink for Walk.
type walker struct {
	fn  func(Stored) error
	err error // of fn
}

func (w *walker) key(k Stored) error {
	w.err = w.fn(k)
	return w.err
}

func (w *walker) token(once.Token, int64, []byte) {}

// sink takes what a snapshot holds.
type sink interface {
	key(Stored) error
	token(token once.Token, due int64, reply []byte)
}

// scanner reads the records of a snapshot and checks that they make one.
type scanner struct {
	Scanned
	sink        sink
	db          uint8
	head, ended bool
	err         error // of the sink
}

// scan reads a whole snapshot.
func scan(r io.Reader, to sink) (Scanned, error) {
	s := scanner{sink: to}
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(r, magic); err != nil {
		return s.Scanned, fmt.Errorf("%w: %w", ErrSnapshotFormat, err)
	}
	if string(magic) != snapshotMagic {
		return s.Scanned, fmt.Errorf("%w: it begins with %q", ErrSnapshotFormat, magic)
	}
	var block bytes.Buffer
	for !s.ended {
		if err := readBlock(r, &block); err != nil {
			return s.Scanned, err
		}
		d := value.Decoder{B: block.Bytes()}
		for len(d.B) > 0 && !d.Bad {
			s.record(&d)
		}
		switch {
		case s.err != nil:
			return s.Scanned, s.err
		case d.Bad:
			return s.Scanned, fmt.Errorf("%w: bad record", ErrSnapshotCorrupt)
		}
		if block.Cap() > keptBlock { // of one huge value
			block = bytes.Buffer{}
		}
	}
	return s.Scanned, nil
}

// keptBlock is how large a buffer is kept for the next block.
const keptBlock = 4 << 20

func (s *scanner) record(d *value.Decoder) {
	tag := d.Byte()
	if s.ended || s.head == (tag == recordHead) {
		d.Fail() // the head comes first and once, nothing after the end
		return
	}
	switch tag {
	case recordHead:
		s.head, s.Now, s.version = true, d.Varint(), d.Uvarint()
	case recordDB:
		if s.db = d.Byte(); s.db >= Databases {
			d.Fail()
		}
	case recordKey:
		s.key(d)
	case recordToken:
		var token once.Token
		copy(token[:], d.Take(uint64(len(token))))
		due, reply := d.Varint(), d.Bytes()
		if due < 0 {
			d.Fail()
		}
		if !d.Bad {
			s.sink.token(token, due, reply)
			s.Tokens++
		}
	case recordEnd:
		s.ended = true
		if d.Uvarint() != s.Keys || d.Uvarint() != s.Tokens {
			d.Fail()
		}
	default:
		d.Fail()
	}
}

func (s *scanner) key(d *value.Decoder) {
	kind := value.Kind(d.Byte())
	k := Stored{DB: s.db, Name: d.Bytes()}
	k.ExpireAt = d.Varint()
	k.version = d.Uvarint()
	k.Value = d.Value(kind)
	if d.Bad || k.ExpireAt < 0 || k.version == 0 || k.version > s.version {
		d.Fail()
		return
	}
	s.Keys++
	if s.err = s.sink.key(k); s.err != nil {
		d.Fail()
	}
}
