package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// writtenVersion is what Writer writes: nothing newer is needed for strings and
// hashes, and every Redis since 5.0 loads it.
const writtenVersion = 9

// Writer writes an RDB file. Create it with NewWriter, tell it the keys, and Close
// it; errors of the underlying writer are kept and returned by Close at the latest.
type Writer struct {
	w   io.Writer
	buf []byte
	sum uint64
	n   int64
	err error

	db      uint64
	started bool   // a database is selected
	left    uint64 // fields of the present hash still to come
}

// flushAt is how many bytes are gathered before they are written.
const flushAt = 64 << 10

// NewWriter begins a file on w with auxiliary fields, name and value alternating.
func NewWriter(w io.Writer, aux ...string) *Writer {
	f := &Writer{w: w}
	f.buf = fmt.Appendf(f.buf, "%s%04d", magic, writtenVersion)
	for i := 0; i+1 < len(aux); i += 2 {
		f.buf = append(f.buf, opAux)
		f.buf = appendString(appendString(f.buf, []byte(aux[i])), []byte(aux[i+1]))
	}
	return f
}

// String writes a string key. expireAt is in unix milliseconds, 0 = never.
func (f *Writer) String(db uint64, name []byte, expireAt int64, value []byte) {
	f.key(db, typeString, name, expireAt)
	f.buf = appendString(f.buf, value)
	f.flush(flushAt)
}

// Hash begins a hash of n fields, which must follow by Field.
func (f *Writer) Hash(db uint64, name []byte, expireAt int64, n uint64) {
	f.key(db, typeHash, name, expireAt)
	f.buf = appendLength(f.buf, n)
	f.left = n
}

// Field writes a field of the hash begun last.
func (f *Writer) Field(name, value []byte) {
	f.buf = appendString(appendString(f.buf, name), value)
	f.left--
	f.flush(flushAt)
}

func (f *Writer) key(db uint64, kind byte, name []byte, expireAt int64) {
	if f.left != 0 && f.err == nil {
		f.err = errors.New("write RDB file: a hash has another number of fields than was said")
	}
	if !f.started || db != f.db {
		f.buf = appendLength(append(f.buf, opSelect), db)
		f.db, f.started = db, true
	}
	if expireAt != 0 {
		f.buf = append(f.buf, opExpireMS)
		f.buf = binary.LittleEndian.AppendUint64(f.buf, uint64(expireAt))
	}
	f.buf = appendString(append(f.buf, kind), name)
}

// flush writes what was gathered if it is at least size bytes.
func (f *Writer) flush(size int) {
	if len(f.buf) < size || f.err != nil {
		return
	}
	f.sum = checksum(f.sum, f.buf)
	n, err := f.w.Write(f.buf)
	f.n += int64(n)
	if err != nil {
		f.err = fmt.Errorf("write RDB file: %w", err)
	}
	if f.buf = f.buf[:0]; cap(f.buf) > keptScratch {
		f.buf = nil
	}
}

// Err returns the first error so far.
func (f *Writer) Err() error { return f.err }

// Bytes returns how many bytes were written.
func (f *Writer) Bytes() int64 { return f.n }

// Close ends the file; it does not close the underlying writer.
func (f *Writer) Close() error {
	if f.left != 0 && f.err == nil {
		f.err = errors.New("write RDB file: a hash has fewer fields than was said")
	}
	f.buf = append(f.buf, opEOF)
	f.flush(0)
	if f.err != nil {
		return f.err
	}
	f.buf = binary.LittleEndian.AppendUint64(f.buf[:0], f.sum)
	f.flush(0)
	return f.err
}

func appendLength(dst []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(dst, byte(n))
	case n < 1<<14:
		return append(dst, 1<<6|byte(n>>8), byte(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, 0x80), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0x81), n)
}

// appendString writes small integers as such, as Redis does, and other strings as
// they are: compression would save space in few files and cost time in all.
func appendString(dst, s []byte) []byte {
	if len(s) > 0 && len(s) <= 11 {
		if n, err := strconv.ParseInt(string(s), 10, 32); err == nil && strconv.FormatInt(n, 10) == string(s) {
			switch {
			case n == int64(int8(n)):
				return append(dst, 0xc0|encInt8, byte(n))
			case n == int64(int16(n)):
				return binary.LittleEndian.AppendUint16(append(dst, 0xc0|encInt16), uint16(n))
			}
			return binary.LittleEndian.AppendUint32(append(dst, 0xc0|encInt32), uint32(n))
		}
	}
	return append(appendLength(dst, uint64(len(s))), s...)
}
