package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"pingd/kv/engine/once"
)

// Errors of Engine.Restore, wrapped with what was found.
var (
	// ErrSnapshotFormat means that the input is no snapshot, or one of a version
	// that this program does not know.
	ErrSnapshotFormat = errors.New("not a snapshot of a known format")
	// ErrSnapshotCorrupt means that the input is damaged or ends too early.
	ErrSnapshotCorrupt = errors.New("snapshot is corrupt")
)

// Restore replaces the whole state by the one that Snapshot.WriteTo wrote, or
// leaves it as it is when it returns an error. Memory is allocated only for bytes
// that were really read. It must not run beside Apply.
//
// Errors: ErrSnapshotFormat, ErrSnapshotCorrupt, and those of r.
func (e *Engine) Restore(r io.Reader) error {
	e.mu.RLock()
	l := loader{epoch: e.epoch}
	l.tokens = once.New(e.opts.MaxTokens)
	e.mu.RUnlock()
	if err := l.load(r); err != nil {
		return fmt.Errorf("restore snapshot: %w", err)
	}
	e.mu.Lock()
	e.state = l.state
	e.mu.Unlock()
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
		d := decoder{b: block.Bytes()}
		for len(d.b) > 0 && !d.bad {
			l.record(&d)
		}
		if d.bad {
			return fmt.Errorf("%w: bad record", ErrSnapshotCorrupt)
		}
	}
	return nil
}

// readBlock reads one block into block and checks its sum. A length that lies
// costs no more memory than the bytes that follow.
func readBlock(r io.Reader, block *bytes.Buffer) error {
	var head [blockHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return cutShort(err)
	}
	size := binary.LittleEndian.Uint64(head[:])
	if size == 0 || size > 1<<40 {
		return fmt.Errorf("%w: block of %d bytes", ErrSnapshotCorrupt, size)
	}
	block.Reset()
	if _, err := io.CopyN(block, r, int64(size)); err != nil {
		return cutShort(err)
	}
	if xxhash.Sum64(block.Bytes()) != binary.LittleEndian.Uint64(head[8:]) {
		return fmt.Errorf("%w: checksum does not match", ErrSnapshotCorrupt)
	}
	return nil
}

// cutShort tells an input that ends too early from one that cannot be read.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too early", ErrSnapshotCorrupt)
	}
	return fmt.Errorf("read: %w", err)
}

func (l *loader) record(d *decoder) {
	tag := d.byte()
	if l.ended || l.head == (tag == recordHead) {
		d.fail() // the head comes first and once, nothing after the end
		return
	}
	switch tag {
	case recordHead:
		l.head, l.now, l.version = true, d.varint(), d.uvarint()
	case recordDB:
		if l.db = d.byte(); l.db >= Databases {
			d.fail()
		}
	case recordKey:
		l.key(d)
	case recordToken:
		var token once.Token
		copy(token[:], d.take(uint64(len(token))))
		due, reply := d.varint(), d.bytes()
		if due < 0 {
			d.fail()
		}
		if !d.bad {
			l.tokens.Put(token, due, reply)
			l.tokenN++
		}
	case recordEnd:
		l.ended = true
		if d.uvarint() != l.keys || d.uvarint() != l.tokenN {
			d.fail()
		}
	default:
		d.fail()
	}
}

func (l *loader) key(d *decoder) {
	k := kind(d.byte())
	key := d.bytes()
	ent := &entry{key: string(key), hash: xxhash.Sum64(key), epoch: l.epoch, own: l.epoch}
	ent.expireAt = d.varint()
	ent.version = d.uvarint()
	ent.val = d.value(k)
	if l.dbs[l.db] == nil {
		l.dbs[l.db] = newKeyspace()
	}
	ks := l.dbs[l.db]
	if d.bad || ent.expireAt < 0 || ent.version == 0 || ent.version > l.version || ks.get(ent.hash, key) != nil {
		d.fail()
		return
	}
	ks.insert(ent)
	l.keys++
}
