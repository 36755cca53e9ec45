package rdb

import (
	"encoding/binary"
	"io"
)

// source reads bytes and sums what was read.
type source struct {
	r   io.Reader
	buf []byte
	pos int // next byte
	end int // of what buf holds

	sum    uint64 // of everything before buf[summed]
	summed int
	before int64 // bytes before buf[0]
}

// bufferSize is how much is read at once.
const bufferSize = 256 << 10

func newSource(r io.Reader) *source { return &source{r: r, buf: make([]byte, bufferSize)} }

// at returns how many bytes were read.
func (s *source) at() int64 { return s.before + int64(s.pos) }

// checksum returns the sum of all bytes read.
func (s *source) checksum() uint64 {
	s.sum = checksum(s.sum, s.buf[s.summed:s.pos])
	s.summed = s.pos
	return s.sum
}

// fill makes at least one more byte available.
func (s *source) fill() error {
	s.checksum()
	s.before += int64(s.pos)
	s.end = copy(s.buf, s.buf[s.pos:s.end])
	s.pos, s.summed = 0, 0
	for range 100 {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// small returns the next n bytes, at most 64, valid until the next read.
func (s *source) small(n int) ([]byte, error) {
	for s.end-s.pos < n {
		if err := s.fill(); err != nil {
			return nil, s.cut(err)
		}
	}
	b := s.buf[s.pos : s.pos+n]
	s.pos += n
	return b, nil
}

func (s *source) byte() (byte, error) {
	b, err := s.small(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// append appends the next n bytes to dst, which grows with what is really there.
func (s *source) append(dst []byte, n uint64) ([]byte, error) {
	for n > 0 {
		if s.pos == s.end {
			if err := s.fill(); err != nil {
				return dst, s.cut(err)
			}
		}
		part := s.buf[s.pos:s.end]
		if uint64(len(part)) > n {
			part = part[:n]
		}
		dst = append(dst, part...)
		s.pos += len(part)
		n -= uint64(len(part))
	}
	return dst, nil
}

// skip passes over n bytes.
func (s *source) skip(n uint64) error {
	for n > 0 {
		if s.pos == s.end {
			if err := s.fill(); err != nil {
				return s.cut(err)
			}
		}
		step := min(n, uint64(s.end-s.pos))
		s.pos += int(step)
		n -= step
	}
	return nil
}

func (s *source) uint64() (uint64, error) {
	b, err := s.small(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// number reads a length. encoded says that it is no length but one of the special
// encodings of a string (rdb.h, RDB_ENCVAL).
func (s *source) number() (n uint64, encoded bool, err error) {
	first, err := s.byte()
	if err != nil {
		return 0, false, err
	}
	switch {
	case first>>6 == 0:
		return uint64(first), false, nil
	case first>>6 == 1:
		second, err := s.byte()
		return uint64(first&0x3f)<<8 | uint64(second), false, err
	case first>>6 == 3:
		return uint64(first & 0x3f), true, nil
	case first == 0x80:
		b, err := s.small(4)
		if err != nil {
			return 0, false, err
		}
		return uint64(binary.BigEndian.Uint32(b)), false, nil
	case first == 0x81:
		b, err := s.small(8)
		if err != nil {
			return 0, false, err
		}
		return binary.BigEndian.Uint64(b), false, nil
	}
	return 0, false, s.wrong("length of unknown form %#x", first)
}

// length reads a length that must be one.
func (s *source) length() (uint64, error) {
	n, encoded, err := s.number()
	if err == nil && encoded {
		err = s.wrong("string encoding %d where a length must be", n)
	}
	return n, err
}

// lengths reads and forgets n lengths.
func (s *source) lengths(n int) error {
	for range n {
		if _, err := s.length(); err != nil {
			return err
		}
	}
	return nil
}
