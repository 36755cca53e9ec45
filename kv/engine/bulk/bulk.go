package bulk

import (
	"encoding/binary"
	"errors"
	"fmt"

	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
)

// Version is the format that this package writes. Decode accepts it alone.
const Version = 1

// Op says what a Record does. Never renumber.
type Op byte

// The operations.
const (
	Flush Op = 'f' // remove every key of every database, but for Keep in database 0
	Key   Op = 'k' // give the key this value and expiry, whatever it held
	More  Op = 'm' // add Value to what the key holds: bytes to a string, fields to a hash

	selectDB = 'd'
)

// Record is one step of a payload. Its slices share memory with the payload; Value
// does not.
type Record struct {
	Op       Op
	DB       uint8
	Name     []byte
	ExpireAt int64 // unix milliseconds, 0 = never
	Value    value.Value
	Keep     [][]byte
}

// ErrFormat is wrapped by the errors of Decode.
var ErrFormat = errors.New("malformed bulk payload")

// Payload collects records. Its zero value is an empty payload.
type Payload struct {
	b  []byte
	db uint8
	n  int
}

// Len returns the size in bytes.
func (p *Payload) Len() int { return len(p.b) }

// Records returns how many there are.
func (p *Payload) Records() int { return p.n }

// Bytes returns the payload, which is valid until the next call of another method.
func (p *Payload) Bytes() []byte { return p.b }

// Reset makes the payload empty and keeps its memory.
func (p *Payload) Reset() { p.b, p.db, p.n = p.b[:0], 0, 0 }

func (p *Payload) begin(op Op) {
	if len(p.b) == 0 {
		p.b = append(p.b, Version)
	}
	p.b = append(p.b, byte(op))
	p.n++
}

func (p *Payload) selectDB(db uint8) {
	if db != p.db {
		p.begin(selectDB)
		p.n--
		p.b, p.db = append(p.b, db), db
	}
}

// Flush adds the removal of everything but keep, keys of database 0.
func (p *Payload) Flush(keep [][]byte) {
	p.begin(Flush)
	p.b = binary.AppendUvarint(p.b, uint64(len(keep)))
	for _, k := range keep {
		p.b = value.AppendBytes(p.b, k)
	}
}

// Key adds a key.
func (p *Payload) Key(db uint8, name []byte, expireAt int64, v value.Value) {
	p.selectDB(db)
	p.begin(Key)
	p.b = value.AppendBytes(append(p.b, byte(v.Kind())), name)
	p.b = v.Append(binary.AppendVarint(p.b, expireAt))
}

// More adds a further part of a key's value, of the type of the first.
func (p *Payload) More(db uint8, name []byte, v value.Value) {
	p.selectDB(db)
	p.begin(More)
	p.b = v.Append(value.AppendBytes(append(p.b, byte(v.Kind())), name))
}

// Decode reads a whole payload. Memory is allocated only for bytes that are there.
// Its errors wrap ErrFormat.
func Decode(b []byte) ([]Record, error) {
	d := value.Decoder{B: b}
	if v := d.Byte(); d.Bad || v != Version {
		return nil, fmt.Errorf("%w: version %d, known is %d", ErrFormat, v, Version)
	}
	var list []Record
	db := uint8(0)
	for len(d.B) > 0 && !d.Bad {
		at := len(b) - len(d.B)
		r := Record{Op: Op(d.Byte()), DB: db}
		switch r.Op {
		case selectDB:
			if db = d.Byte(); db >= keyspace.Databases {
				d.Fail()
			}
		case Flush:
			r.Keep = keep(&d)
			list = append(list, r)
		case Key, More:
			kind := value.Kind(d.Byte())
			r.Name = d.Bytes()
			if r.Op == Key {
				r.ExpireAt = d.Varint()
			}
			r.Value = d.Value(kind)
			list = append(list, r)
		default:
			d.Fail()
		}
		if d.Bad || r.ExpireAt < 0 {
			return nil, fmt.Errorf("%w: record at byte %d", ErrFormat, at)
		}
	}
	return list, nil
}

func keep(d *value.Decoder) [][]byte {
	var keys [][]byte
	for n := d.Uvarint(); n > 0 && !d.Bad; n-- {
		keys = append(keys, d.Bytes())
	}
	return keys
}
