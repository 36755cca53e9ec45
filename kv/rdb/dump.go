package rdb

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// dumpFoot is what follows the value in a dump: version and CRC64.
const dumpFoot = 2 + 8

// AppendStringDump appends a string as Redis's command DUMP replies it and RESTORE
// takes it.
func AppendStringDump(dst, value []byte) []byte {
	at := len(dst)
	return appendFoot(appendString(append(dst, typeString), value), at)
}

// AppendHashDump appends a hash of n fields, each of which each tells to add, as
// AppendStringDump does a string.
func AppendHashDump(dst []byte, n int, each func(add func(name, value []byte))) []byte {
	at := len(dst)
	dst = appendLength(append(dst, typeHash), uint64(n))
	each(func(name, value []byte) { dst = appendString(appendString(dst, name), value) })
	return appendFoot(dst, at)
}

func appendFoot(dst []byte, at int) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, writtenVersion)
	return binary.LittleEndian.AppendUint64(dst, checksum(0, dst[at:]))
}

// ReadDump walks the value that DUMP replied and tells v what it holds, as Read does
// with a key without name.
//
// Errors: ErrChecksum, ErrVersion, ErrFormat and those of v.
func ReadDump(dump []byte, v Visitor) error {
	if len(dump) < dumpFoot {
		return fmt.Errorf("%w: %d bytes are no dump", ErrChecksum, len(dump))
	}
	sum := binary.LittleEndian.Uint64(dump[len(dump)-8:])
	if got := checksum(0, dump[:len(dump)-8]); sum != 0 && got != sum {
		return fmt.Errorf("%w: it is %016x, written was %016x", ErrChecksum, got, sum)
	}
	body := dump[:len(dump)-dumpFoot]
	d := dialectOfDump(binary.LittleEndian.Uint16(dump[len(body):]))
	if d.version > 0 { // Redis takes a dump that says 0
		if err := d.known(); err != nil {
			return err
		}
	}
	w := walker{dialect: d, source: &source{r: bytes.NewReader(nil), buf: bytes.Clone(body), end: len(body)}, v: v}
	kind, err := w.byte()
	if err != nil {
		return err
	}
	if err := w.value(kind, nil); err != nil {
		return err
	}
	if w.pos != w.end {
		return w.wrong("bytes after the value")
	}
	return nil
}
