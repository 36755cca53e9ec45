package engine

import (
	"encoding/binary"

	"pingd/kv/engine/once"
)

// Records of a snapshot. Never renumber.
const (
	recordHead  = 'h' // log time, version counter
	recordDB    = 'd' // database of the keys that follow
	recordKey   = 'k' // kind, key, expiry, version, value
	recordToken = 't' // token, end, reply
	recordEnd   = 'e' // how many keys and tokens there were
)

func appendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

func (v *number) appendTo(dst []byte) []byte { return binary.AppendVarint(dst, v.n) }
func (v *text) appendTo(dst []byte) []byte   { return appendBytes(dst, v.b) }

func (ent *entry) appendTo(dst []byte) []byte {
	dst = append(dst, recordKey, byte(ent.val.kind()))
	dst = binary.AppendUvarint(dst, uint64(len(ent.key)))
	dst = append(dst, ent.key...)
	dst = binary.AppendVarint(dst, ent.expireAt)
	dst = binary.AppendUvarint(dst, ent.version)
	return ent.val.appendTo(dst)
}

func appendHead(dst []byte, now int64, version uint64) []byte {
	dst = append(dst, recordHead)
	dst = binary.AppendVarint(dst, now)
	return binary.AppendUvarint(dst, version)
}

func appendToken(dst []byte, token once.Token, due int64, reply []byte) []byte {
	dst = append(dst, recordToken)
	dst = append(dst, token[:]...)
	dst = binary.AppendVarint(dst, due)
	return appendBytes(dst, reply)
}

// decoder reads records. After a mistake every read returns zero values and bad
// is set.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() { d.b, d.bad = nil, true }

func (d *decoder) uvarint() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) varint() int64 {
	n, size := binary.Varint(d.b)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[size:]
	return n
}

// take returns the next n bytes, part of the input.
func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

// value reads a value of the kind; nil if there is none such.
func (d *decoder) value(k kind) value {
	switch k {
	case kindNumber:
		return &number{d.varint()}
	case kindText, kindGrown:
		return &text{b: append([]byte(nil), d.bytes()...), grown: k == kindGrown}
	}
	d.fail()
	return nil
}
