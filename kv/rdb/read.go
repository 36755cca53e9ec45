package rdb

import (
	"fmt"
	"io"
)

// Key begins a key and its value.
type Key struct {
	DB       uint64 // number of the database
	Name     []byte // valid during Visitor.Key
	ExpireAt int64  // unix milliseconds; 0 = never
	Kind     Kind
	// Len is how many elements, or for a hash fields, the file says there are; 0
	// where it does not say (packed values). Trust no memory to it.
	Len uint64
}

// Visitor receives what Read finds: for each key Key, then Part for each piece of
// its value, then End. An error ends Read, which returns it as it is.
type Visitor interface {
	Key(Key) error
	// Part is one piece of the value: all of a string; name and value of a field
	// of a hash; an element of a list or set; member and score of a sorted set.
	// Streams, modules and hashes with expiring fields have none. Both slices are
	// valid during the call only.
	Part(a, b []byte) error
	End() error
}

// Info is what a file says of itself.
type Info struct {
	Version int
	Valkey  bool // written by Valkey 9 or newer; earlier ones write files of Redis
	// Aux holds its auxiliary fields, such as redis-ver; at most 64.
	Aux map[string]string
	// Functions counts function libraries, which are passed over.
	Functions int
	// Metadata counts keys of which modules keep data of their own, passed over too.
	Metadata int
	// Summed says that there was a checksum, and that it matched; Redis writes
	// none where rdbchecksum is off.
	Summed bool
	Bytes  int64
}

const (
	maxAux = 64
	// maxAuxValue bounds what is kept of an auxiliary field.
	maxAuxValue = 4 << 10
)

// Read walks the RDB file in r and tells v what it holds. What follows the file's
// end is not looked at, though some of it may have been read.
//
// Errors: ErrFormat, ErrVersion, ErrChecksum, those of r and of v. All of the file
// has been told to v when ErrChecksum is found: whoever must not act on damaged
// data walks the file twice.
func Read(r io.Reader, v Visitor) (Info, error) {
	w := walker{source: newSource(r), v: v, info: Info{Aux: map[string]string{}}}
	err := w.run()
	w.info.Bytes = w.at()
	return w.info, err
}

// walker is one run of Read.
type walker struct {
	*source
	dialect
	v    Visitor
	info Info

	db     uint64
	expire int64  // of the next key
	a, b   []byte // scratch of the present part
}

func (w *walker) run() error {
	if err := w.head(); err != nil {
		return err
	}
	for {
		op, err := w.byte()
		if err != nil {
			return err
		}
		if op == opEOF {
			return w.finish()
		}
		if err := w.operation(op); err != nil {
			return err
		}
	}
}

func (w *walker) head() error {
	b, err := w.small(len(magic) + 4)
	if err != nil {
		return err
	}
	var ok bool
	if w.dialect, ok = dialectOf(b); !ok {
		return w.wrong("it does not begin with %s or %s and a version", magic, magicValkey)
	}
	w.info.Version, w.info.Valkey = w.version, w.valkey
	return w.known()
}

// finish compares the checksum behind the end.
func (w *walker) finish() error {
	if w.info.Version < sumVersion {
		return nil
	}
	got := w.checksum()
	want, err := w.uint64()
	if err != nil {
		return err
	}
	if want == 0 {
		return nil // written with rdbchecksum no
	}
	w.info.Summed = true
	if got != want {
		return fmt.Errorf("%w: it is %016x, written was %016x", ErrChecksum, got, want)
	}
	return nil
}

// operation carries out one operation code, or reads the key whose type it is.
func (w *walker) operation(op byte) (err error) {
	switch op {
	case opSelect:
		w.db, err = w.length()
		return err
	case opExpireMS:
		ms, err := w.uint64()
		w.expire = max(int64(ms), 1) // a time before 1970 is past all the same
		return err
	case opExpire:
		b, err := w.small(4)
		if err == nil {
			w.expire = max(intFrom(b)*1000, 1)
		}
		return err
	case opResize:
		return w.lengths(2)
	case opAux:
		return w.aux()
	case opFreq:
		return w.skip(1)
	case opIdle:
		return w.lengths(1)
	case opMeta:
		if !w.valkey && w.version >= firstMeta {
			return w.meta()
		}
	case opSlotInfo:
		return w.lengths(3)
	case opFunction:
		w.info.Functions++
		return w.skipString()
	case opModuleAux:
		// Module, then "when" as an opcode and a number, then its data.
		if err := w.lengths(3); err != nil {
			return err
		}
		return w.moduleData()
	}
	return w.key(op)
}

func (w *walker) aux() (err error) {
	if w.a, err = w.string(w.a[:0]); err != nil {
		return err
	}
	if w.b, err = w.string(w.b[:0]); err != nil {
		return err
	}
	if len(w.info.Aux) < maxAux && len(w.a)+len(w.b) <= maxAuxValue {
		w.info.Aux[string(w.a)] = string(w.b)
	}
	return nil
}

// key reads a key and its value.
func (w *walker) key(kind byte) (err error) {
	if _, err := w.form(kind); err != nil {
		return err
	}
	if w.a, err = w.string(w.a[:0]); err != nil {
		return err
	}
	return w.value(kind, w.a)
}

// value reads a value of the key that has been read before.
func (w *walker) value(kind byte, name []byte) (err error) {
	f, err := w.form(kind)
	if err != nil {
		return err
	}
	k := Key{DB: w.db, Name: name, ExpireAt: w.expire, Kind: f.kind}
	w.expire = 0
	if f.counted {
		if k.Len, err = w.length(); err != nil {
			return err
		}
	}
	if err := w.v.Key(k); err != nil {
		return err
	}
	if err := f.read(w, k.Len); err != nil {
		return err
	}
	// One huge value must not hold its memory for the rest of the file.
	if cap(w.a) > keptScratch {
		w.a = nil
	}
	if cap(w.b) > keptScratch {
		w.b = nil
	}
	return w.v.End()
}

// keptScratch is how large a buffer is kept for the next value.
const keptScratch = 1 << 20
