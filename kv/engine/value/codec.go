package value

import "encoding/binary"

// AppendBytes appends b with its length before it.
func AppendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

// Append appends the snapshot's form of v.
func (v *Number) Append(dst []byte) []byte { return binary.AppendVarint(dst, v.N) }

// Append appends the snapshot's form of v.
func (v *Text) Append(dst []byte) []byte { return AppendBytes(dst, v.B) }

// Decoder reads records. After a mistake every read returns zero values and Bad
// is set.
type Decoder struct {
	B   []byte // what is left
	Bad bool
}

// Fail marks the input as bad.
func (d *Decoder) Fail() { d.B, d.Bad = nil, true }

// Uvarint reads an unsigned number.
func (d *Decoder) Uvarint() uint64 {
	n, size := binary.Uvarint(d.B)
	if size <= 0 {
		d.Fail()
		return 0
	}
	d.B = d.B[size:]
	return n
}

// Varint reads a signed number.
func (d *Decoder) Varint() int64 {
	n, size := binary.Varint(d.B)
	if size <= 0 {
		d.Fail()
		return 0
	}
	d.B = d.B[size:]
	return n
}

// Take returns the next n bytes, part of the input.
func (d *Decoder) Take(n uint64) []byte {
	if n > uint64(len(d.B)) {
		d.Fail()
		return nil
	}
	b := d.B[:n]
	d.B = d.B[n:]
	return b
}

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if b := d.Take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

// Bytes reads what AppendBytes wrote; part of the input.
func (d *Decoder) Bytes() []byte { return d.Take(d.Uvarint()) }

// Value reads a value of the kind; nil if there is none such.
func (d *Decoder) Value(k Kind) Value {
	switch k {
	case KindNumber:
		return &Number{d.Varint()}
	case KindText, KindGrown:
		return &Text{B: append([]byte(nil), d.Bytes()...), Grown: k == KindGrown}
	case KindHash:
		return d.hash()
	}
	d.Fail()
	return nil
}
