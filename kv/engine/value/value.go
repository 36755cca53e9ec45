package value

import (
	"slices"
	"strconv"
)

// Kind is the type byte of a value, as written in snapshots: never renumber.
type Kind uint8

// The kinds.
const (
	KindText   Kind = 1 // string
	KindGrown  Kind = 2 // string once changed in place: Redis's raw encoding
	KindNumber Kind = 3 // string that is a 64-bit integer
	KindHash   Kind = 4
)

// Value is what a key holds. Values are changed in place, but only by their owner:
// a running snapshot still reads older ones, which must be cloned first
// (keyspace.Store.Own).
type Value interface {
	Kind() Kind
	Type() string             // as Redis's TYPE says
	Encoding() string         // as Redis's OBJECT ENCODING says
	Clone() Value             // shares nothing that is changed in place
	Size() int                // approximate bytes
	Append(dst []byte) []byte // the snapshot's form of it, after the type byte
}

// Number is a string that reads as an integer: INCR changes it in place.
type Number struct{ N int64 }

// Kind implements Value.
func (v *Number) Kind() Kind { return KindNumber }

// Type implements Value.
func (v *Number) Type() string { return "string" }

// Encoding implements Value.
func (v *Number) Encoding() string { return "int" }

// Clone implements Value.
func (v *Number) Clone() Value { return &Number{v.N} }

// Size implements Value.
func (v *Number) Size() int { return 8 }

// Text is any other string.
type Text struct {
	B     []byte
	Grown bool // APPEND or SETRANGE made it
}

// Kind implements Value.
func (v *Text) Kind() Kind {
	if v.Grown {
		return KindGrown
	}
	return KindText
}

// Type implements Value.
func (v *Text) Type() string { return "string" }

// Encoding implements Value.
func (v *Text) Encoding() string {
	// 44 bytes is what fits in one allocation of Redis beside its headers.
	if v.Grown || len(v.B) > 44 {
		return "raw"
	}
	return "embstr"
}

// Clone implements Value.
func (v *Text) Clone() Value { return &Text{slices.Clone(v.B), v.Grown} }

// Size implements Value.
func (v *Text) Size() int { return 32 + len(v.B) }

// NewString returns the value for a string, which is copied.
func NewString(b []byte) Value {
	if n, ok := ParseInt(b); ok {
		return &Number{n}
	}
	return &Text{B: slices.Clone(b)}
}

// Len returns the length of a string value.
func Len(v Value) int {
	switch v := v.(type) {
	case *Number:
		var buf [20]byte
		return len(strconv.AppendInt(buf[:0], v.N, 10))
	case *Text:
		return len(v.B)
	}
	return 0
}

// Bytes returns the bytes of a string value: its own, or those of a number
// written to buf.
func Bytes(v Value, buf []byte) []byte {
	switch v := v.(type) {
	case *Number:
		return strconv.AppendInt(buf[:0], v.N, 10)
	case *Text:
		return v.B
	}
	return nil
}
