package boltfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// ErrDamaged is wrapped by every error of Walk that blames the file, with the place
// in it.
var ErrDamaged = errors.New("damaged")

// The layout of bbolt's format 2 (bbolt, internal/common).
const (
	magic      = 0xED0CDAED
	version    = 2
	pageHead   = 16 // id (8), flags (2), count (2), pages that follow (4)
	headFields = 64 // of a head page, after pageHead: the last 8 are the checksum
	noFreelist = ^uint64(0)
	minPage    = 1 << 10
	maxPage    = 64 << 10

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagHead     = 0x04
	flagFreelist = 0x10

	elementSize  = 16 // of either kind
	bucketElem   = 1  // flag of a leaf's element: its value is a bucket
	bucketHeader = 16 // root page, sequence
)

// head is one of the two that a file begins with; the one of the later transaction
// counts.
type head struct {
	pageSize       int64
	root, freelist uint64
	pages          uint64 // all pages are below this
	txid           uint64
}

func damaged(at int64, format string, args ...any) error {
	return fmt.Errorf("%w at byte %d: %s", ErrDamaged, at, fmt.Sprintf(format, args...))
}

// readHead reads the head page that begins at byte at and has the number id.
func readHead(r io.ReaderAt, at int64, id uint64) (head, error) {
	var b [pageHead + headFields]byte
	if _, err := r.ReadAt(b[:], at); err != nil {
		return head{}, readError(at, err)
	}
	m := b[pageHead:]
	sum := fnv.New64a()
	_, _ = sum.Write(m[:headFields-8])
	h := head{
		pageSize: int64(binary.LittleEndian.Uint32(m[8:])),
		root:     binary.LittleEndian.Uint64(m[16:]),
		freelist: binary.LittleEndian.Uint64(m[32:]),
		pages:    binary.LittleEndian.Uint64(m[40:]),
		txid:     binary.LittleEndian.Uint64(m[48:]),
	}
	switch {
	case binary.LittleEndian.Uint32(m) != magic:
		return h, damaged(at, "this is no head of a bbolt file")
	case binary.LittleEndian.Uint64(m[headFields-8:]) != sum.Sum64():
		return h, damaged(at, "checksum of the head does not match")
	case binary.LittleEndian.Uint32(m[4:]) != version:
		return h, damaged(at, "format %d of bbolt is unknown", binary.LittleEndian.Uint32(m[4:]))
	case binary.LittleEndian.Uint64(b[:]) != id || binary.LittleEndian.Uint16(b[8:]) != flagHead:
		return h, damaged(at, "the head page is marked as another page")
	case h.pageSize < minPage || h.pageSize > maxPage || h.pageSize&(h.pageSize-1) != 0:
		return h, damaged(at, "pages of %d bytes", h.pageSize)
	}
	return h, nil
}

// readHeads reads both heads and returns the one that counts. Each commit writes one
// of them, in turn and within one sector of the disk, so that both are whole at any
// time, and one transaction apart: falling back to the older one would undo the last
// commit, which was promised to last.
func readHeads(r io.ReaderAt, size int64) (head, error) {
	first, err := readHead(r, 0, 0)
	if err != nil {
		return head{}, err
	}
	second, err := readHead(r, first.pageSize, 1)
	if err != nil {
		return head{}, err
	}
	newest := first
	if second.txid > first.txid {
		newest = second
	}
	if first.txid+1 != second.txid && second.txid+1 != first.txid {
		return head{}, damaged(0, "the heads are of transactions %d and %d", first.txid, second.txid)
	}
	if newest.pages < 4 || newest.pages > uint64(size/newest.pageSize) {
		return head{}, damaged(size, "the file has %d bytes, its head tells of %d pages of %d", size, newest.pages, newest.pageSize)
	}
	return newest, nil
}

// readError tells a file that is too short from one that cannot be read.
func readError(at int64, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged(at, "the file ends before")
	}
	return fmt.Errorf("read at byte %d: %w", at, err)
}
