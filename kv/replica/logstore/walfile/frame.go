package walfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// ErrDamaged is wrapped by every error that blames the file, with the place in it.
var ErrDamaged = errors.New("damaged")

// The layout of raft-wal 0.4.0 (segment/format.go).
const (
	fileHead  = 32
	frameHead = 8
	maxEntry  = 64 << 20
	magic     = 0x58eb6b0d

	frameNone   = 0
	frameEntry  = 1
	frameIndex  = 2
	frameCommit = 3

	sector = 512 // bytes that a disk writes whole or not at all
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Segment is what the log's index says of a segment.
type Segment struct {
	ID, Base, Codec uint64
	Max             uint64 // last entry that counts; 0 for the tail
	IndexStart      uint64 // of the list of offsets; 0 unless the segment was filled
}

// frame is the head of one.
type frame struct {
	kind byte
	size uint32 // of an entry or index, without padding
	crc  uint32 // of a commit
}

// parseFrame reads a head; not ok if it is none.
func parseFrame(b []byte) (f frame, ok bool) {
	value := binary.LittleEndian.Uint32(b[4:])
	f.kind = b[0]
	switch f.kind {
	case frameCommit:
		f.crc = value
	case frameEntry, frameIndex:
		f.size = value
	default:
		return f, false
	}
	return f, b[1] == 0 && b[2] == 0 && b[3] == 0
}

// length is how many bytes the frame takes in all.
func (f frame) length() int64 { return frameHead + (int64(f.size)+7)&^7 }

func damaged(at int64, format string, args ...any) error {
	return fmt.Errorf("%w at byte %d: %s", ErrDamaged, at, fmt.Sprintf(format, args...))
}

// readError tells a file that is too short from one that cannot be read.
func readError(at int64, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged(at, "the file ends before")
	}
	return fmt.Errorf("read at byte %d: %w", at, err)
}

// checkHead compares the head of the file with what the index says.
func checkHead(b []byte, s Segment) error {
	switch {
	case binary.LittleEndian.Uint64(b) != magic:
		return damaged(0, "this is no segment of a log")
	case binary.LittleEndian.Uint64(b[8:]) != s.Base, binary.LittleEndian.Uint64(b[16:]) != s.ID, binary.LittleEndian.Uint64(b[24:]) != s.Codec:
		return damaged(0, "the segment is another one than the index says")
	}
	return nil
}
