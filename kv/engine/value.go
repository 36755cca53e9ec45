package engine

import (
	"slices"
	"strconv"
)

// kind is the type byte of a value, as written in snapshots: never renumber.
type kind uint8

const (
	kindText   kind = 1 // string
	kindGrown  kind = 2 // string once changed in place: Redis's raw encoding
	kindNumber kind = 3 // string that is a 64-bit integer
	kindHash   kind = 4
)

// value is what a key holds. Commands change values in place, but only after
// call.own, which clones a value that a running snapshot still needs.
type value interface {
	kind() kind
	typeName() string           // as Redis's TYPE says
	encoding() string           // as Redis's OBJECT ENCODING says
	clone() value               // shares nothing that is changed in place
	size() int                  // approximate bytes
	appendTo(dst []byte) []byte // the snapshot's form of it, after the type byte
}

// number is a string that reads as an integer: INCR changes it in place.
type number struct{ n int64 }

func (v *number) kind() kind       { return kindNumber }
func (v *number) typeName() string { return "string" }
func (v *number) encoding() string { return "int" }
func (v *number) clone() value     { return &number{v.n} }
func (v *number) size() int        { return 8 }

// text is any other string.
type text struct {
	b     []byte
	grown bool // APPEND or SETRANGE made it
}

func (v *text) kind() kind {
	if v.grown {
		return kindGrown
	}
	return kindText
}
func (v *text) typeName() string { return "string" }

func (v *text) encoding() string {
	// 44 bytes is what fits in one allocation of Redis beside its headers.
	if v.grown || len(v.b) > 44 {
		return "raw"
	}
	return "embstr"
}
func (v *text) clone() value { return &text{slices.Clone(v.b), v.grown} }
func (v *text) size() int    { return 32 + len(v.b) }

// newString returns the value for a string, which is copied.
func newString(b []byte) value {
	if n, ok := parseInt(b); ok {
		return &number{n}
	}
	return &text{b: slices.Clone(b)}
}

// stringLen returns the length of a string value.
func stringLen(v value) int {
	switch v := v.(type) {
	case *number:
		var buf [20]byte
		return len(strconv.AppendInt(buf[:0], v.n, 10))
	case *text:
		return len(v.b)
	}
	return 0
}

// stringBytes returns the bytes of a string value: its own, or those of a number
// written to buf.
func stringBytes(v value, buf []byte) []byte {
	switch v := v.(type) {
	case *number:
		return strconv.AppendInt(buf[:0], v.n, 10)
	case *text:
		return v.b
	}
	return nil
}

// entry is a key with its value.
type entry struct {
	key      string
	val      value
	hash     uint64 // of key
	expireAt int64  // unix ms, 0 = never
	version  uint64 // engine-wide number of the last change
	epoch    uint32 // snapshot epoch of the last change: older = as the snapshot needs it
	own      uint32 // snapshot epoch since which nobody else refers to val
}

// entryOverhead is about what a key costs beside its bytes and its value.
const entryOverhead = 64 + 24
