package value

import (
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"

	"pingd/kv/engine/ordered"
)

// A hash is small, in the order in which its fields came, until it exceeds one of
// these; then it is large for good, in the order of its fields' hashes. They are
// part of what replicas must agree on, hence no options (Redis's settings
// hash-max-listpack-entries and hash-max-listpack-value).
const (
	HashSmallFields = 128 // fields
	HashSmallBytes  = 64  // bytes of a field's name, and of its value
)

// What a hash and a field of it cost beside names and values, about, in bytes.
const (
	hashOverhead  = 64
	fieldOverhead = 64
)

// Field is one field of a hash. It never changes: setting a field replaces it, so
// that clones of a hash may share it.
type Field struct {
	name string
	val  []byte
	hash uint64
}

// Name returns the field's name.
func (f *Field) Name() string { return f.name }

// Value returns the field's value, which must not be changed.
func (f *Field) Value() []byte { return f.val }

func (f *Field) size() int { return fieldOverhead + len(f.name) + len(f.val) }

func (f *Field) long() bool { return len(f.name) > HashSmallBytes || len(f.val) > HashSmallBytes }

// Hash is Redis's hash: fields with values. The order of the fields depends on the
// commands alone, so it is the same on every replica. Create it with NewHash. Safe
// for concurrent reading.
type Hash struct {
	small []*Field               // while table is nil
	table *ordered.Table[*Field] // once large
	size  int
}

// NewHash returns an empty hash.
func NewHash() *Hash { return &Hash{size: hashOverhead} }

// Kind implements Value.
func (v *Hash) Kind() Kind { return KindHash }

// Type implements Value.
func (v *Hash) Type() string { return "hash" }

// Encoding implements Value.
func (v *Hash) Encoding() string {
	if v.table != nil {
		return "hashtable"
	}
	return "listpack"
}

// Clone implements Value. A large hash shares its fields with the clone until one
// of the two changes them.
func (v *Hash) Clone() Value {
	c := &Hash{small: slices.Clone(v.small), size: v.size}
	if v.table != nil {
		c.table = v.table.Clone()
	}
	return c
}

// Size implements Value.
func (v *Hash) Size() int { return v.size }

// Len returns the number of fields.
func (v *Hash) Len() int {
	if v.table != nil {
		return v.table.Len()
	}
	return len(v.small)
}

// find returns the field and, if small, its place; nil if there is none such.
func (v *Hash) find(name []byte) (f *Field, at int) {
	if v.table != nil {
		f, _ = v.table.Get(xxhash.Sum64(name), name)
		return f, 0
	}
	for i, f := range v.small {
		if f.name == string(name) {
			return f, i
		}
	}
	return nil, 0
}

// Get returns the value of a field, which must not be changed.
func (v *Hash) Get(name []byte) (val []byte, ok bool) {
	if f, _ := v.find(name); f != nil {
		return f.val, true
	}
	return nil, false
}

// Set gives a field a value and reports whether the field is new. Both are copied.
func (v *Hash) Set(name, val []byte) (added bool) {
	f := &Field{name: string(name), val: slices.Clone(val)}
	if f.long() {
		v.Widen()
	}
	old, at := v.find(name)
	v.size += f.size()
	if old != nil {
		v.size -= old.size()
	}
	switch {
	case v.table != nil && old != nil:
		f.hash = old.hash
		v.table.Replace(f.hash, old, f)
	case v.table != nil:
		f.hash = xxhash.Sum64(name)
		v.table.Put(f.hash, f)
	case old != nil:
		v.small[at] = f
	default:
		v.small = append(v.small, f)
		if len(v.small) > HashSmallFields {
			v.Widen()
		}
	}
	return old == nil
}

// Delete removes a field and reports whether it was there.
func (v *Hash) Delete(name []byte) bool {
	f, at := v.find(name)
	if f == nil {
		return false
	}
	v.size -= f.size()
	if v.table != nil {
		v.table.Delete(f.hash, f)
	} else {
		v.small = slices.Delete(v.small, at, at+1)
	}
	return true
}

// Widen makes the hash large, whatever it holds.
func (v *Hash) Widen() {
	if v.table != nil {
		return
	}
	v.table = ordered.New[*Field]()
	for _, f := range v.small {
		// A new one: a clone may share the old one, and be written at this moment.
		f = &Field{name: f.name, val: f.val, hash: xxhash.Sum64String(f.name)}
		v.table.Put(f.hash, f)
	}
	v.small = nil
}

// Each calls fn for every field in order. fn must not change the hash.
func (v *Hash) Each(fn func(*Field)) {
	for _, f := range v.small {
		fn(f)
	}
	v.table.Each(func(f *Field) bool { fn(f); return true })
}

// Step appends about limit fields from the cursor on; next is 0 at the end. A
// small hash comes whole, as in Redis. The cursor means the same on every replica.
func (v *Hash) Step(dst []*Field, cursor uint64, limit int) (fields []*Field, next uint64) {
	if v.table == nil {
		return append(dst, v.small...), 0
	}
	return v.table.Step(dst, cursor, limit)
}

// Random returns a field, each with the same chance. The hash must not be empty;
// random returns 64 random bits.
func (v *Hash) Random(random func() uint64) *Field {
	if v.table == nil {
		return v.small[random()%uint64(len(v.small))]
	}
	f, _ := v.table.Random(random)
	return f
}

// Sample returns n different fields, each choice with the same chance, or all in
// order if there are no more than n.
func (v *Hash) Sample(n int, random func() uint64) []*Field {
	if n > v.Len()/3 {
		fields := make([]*Field, 0, v.Len())
		v.Each(func(f *Field) { fields = append(fields, f) })
		if n >= len(fields) {
			return fields
		}
		for i := range n {
			j := i + int(random()%uint64(len(fields)-i))
			fields[i], fields[j] = fields[j], fields[i]
		}
		return fields[:n]
	}
	fields, seen := make([]*Field, 0, n), make(map[*Field]bool, n)
	for len(fields) < n {
		if f := v.Random(random); !seen[f] {
			seen[f] = true
			fields = append(fields, f)
		}
	}
	return fields
}

// Append appends the snapshot's form of v.
func (v *Hash) Append(dst []byte) []byte {
	large := byte(0)
	if v.table != nil {
		large = 1
	}
	dst = append(dst, large)
	dst = binary.AppendUvarint(dst, uint64(v.Len()))
	v.Each(func(f *Field) {
		dst = binary.AppendUvarint(dst, uint64(len(f.name)))
		dst = append(dst, f.name...)
		dst = AppendBytes(dst, f.val)
	})
	return dst
}

// hash reads what Hash.Append wrote.
func (d *Decoder) hash() Value {
	v := NewHash()
	switch d.Byte() {
	case 0:
	case 1:
		v.Widen()
	default:
		d.Fail()
	}
	n := d.Uvarint()
	if n == 0 {
		d.Fail() // an empty hash is no key
	}
	for ; n > 0 && !d.Bad; n-- {
		name, val := d.Bytes(), d.Bytes()
		if !d.Bad && !v.Set(name, val) {
			d.Fail()
		}
	}
	return v
}
