package rdb

import (
	"encoding/binary"
	"strconv"
)

// Special encodings of a string (rdb.h, RDB_ENC_*).
const (
	encInt8  = 0
	encInt16 = 1
	encInt32 = 2
	encLZF   = 3
)

// maxString is the longest string accepted; Redis's own bound,
// proto-max-bulk-len, is 512 MiB unless somebody raised it.
const maxString = 4 << 30

// string appends a string to dst, whatever its encoding.
func (s *source) string(dst []byte) ([]byte, error) {
	n, encoded, err := s.number()
	switch {
	case err != nil:
		return dst, err
	case !encoded && n > maxString:
		return dst, s.wrong("string of %d bytes", n)
	case !encoded:
		return s.append(dst, n)
	}
	switch n {
	case encInt8:
		b, err := s.small(1)
		if err != nil {
			return dst, err
		}
		return strconv.AppendInt(dst, int64(int8(b[0])), 10), nil
	case encInt16:
		b, err := s.small(2)
		if err != nil {
			return dst, err
		}
		return strconv.AppendInt(dst, int64(int16(binary.LittleEndian.Uint16(b))), 10), nil
	case encInt32:
		b, err := s.small(4)
		if err != nil {
			return dst, err
		}
		return strconv.AppendInt(dst, int64(int32(binary.LittleEndian.Uint32(b))), 10), nil
	case encLZF:
		return s.compressed(dst)
	}
	return dst, s.wrong("string of unknown encoding %d", n)
}

// compressed appends an LZF string to dst.
func (s *source) compressed(dst []byte) ([]byte, error) {
	packed, err := s.length()
	if err != nil {
		return dst, err
	}
	size, err := s.length()
	if err != nil {
		return dst, err
	}
	if packed > maxString || size > maxString {
		return dst, s.wrong("string of %d bytes, packed %d", size, packed)
	}
	in, err := s.append(nil, packed)
	if err != nil {
		return dst, err
	}
	out, ok := unpackLZF(dst, in, int(size))
	if !ok {
		return dst, s.wrong("bad LZF data")
	}
	return out, nil
}

// skipString passes over a string.
func (s *source) skipString() error {
	n, encoded, err := s.number()
	switch {
	case err != nil:
		return err
	case !encoded:
		return s.skip(n)
	case n <= encInt32:
		return s.skip(1 << n)
	case n == encLZF:
		packed, err := s.length()
		if err == nil {
			err = s.lengths(1)
		}
		if err == nil {
			err = s.skip(packed)
		}
		return err
	}
	return s.wrong("string of unknown encoding %d", n)
}

// unpackLZF appends the size bytes that in is packed of (liblzf's format); not ok
// unless in gives exactly those.
func unpackLZF(dst, in []byte, size int) (out []byte, ok bool) {
	begin, want := len(dst), len(dst)+size
	for len(in) > 0 {
		control := int(in[0])
		in = in[1:]
		if control < 32 { // a run of literals
			n := control + 1
			if n > len(in) || len(dst)+n > want {
				return dst[:begin], false
			}
			dst = append(dst, in[:n]...)
			in = in[n:]
			continue
		}
		n := control >> 5
		if n == 7 {
			if len(in) == 0 {
				return dst[:begin], false
			}
			n += int(in[0])
			in = in[1:]
		}
		if len(in) == 0 {
			return dst[:begin], false
		}
		from := len(dst) - (control&0x1f)<<8 - int(in[0]) - 1
		in = in[1:]
		n += 2
		if from < begin || len(dst)+n > want {
			return dst[:begin], false
		}
		for i := range n { // may overlap what it writes
			dst = append(dst, dst[from+i])
		}
	}
	return dst, len(dst) == want
}
