package walfile

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// reader walks a segment from batch to batch. The file is read once: it has about
// as many bytes as the memory that raft-wal itself takes for one write.
type reader struct {
	b       []byte   // the whole file
	at      int64    // where the next batch begins; 0 before the first, which has the file's head
	offsets []uint32 // of the entries in valid batches
	sealed  int64    // where the list of offsets lies, once met; 0 before
}

// load reads the file without the zeros at its end: new files are laid out in full,
// so that they are mostly zeros.
func load(r io.ReaderAt, size int64) (*reader, error) {
	step := min(size, 1<<20)
	b := make([]byte, 0, size+frameHead) // what is not touched takes no memory
	for at := int64(0); at < size; at += step {
		part := b[len(b) : int64(len(b))+min(step, size-at)]
		if _, err := r.ReadAt(part, at); err != nil {
			return nil, readError(at, err)
		}
		b = b[:len(b)+len(part)]
		if zeros(part) {
			rest, err := onlyZeros(r, at+int64(len(part)), size)
			if err != nil {
				return nil, err
			}
			if rest {
				break
			}
		}
	}
	n := len(b)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return &reader{b: b[:(n+7)&^7]}, nil
}

func zeros(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// onlyZeros reports whether nothing else is left from byte at on.
func onlyZeros(r io.ReaderAt, at, size int64) (bool, error) {
	part := make([]byte, min(1<<20, size-at))
	for ; at < size; at += int64(len(part)) {
		part = part[:min(int64(len(part)), size-at)]
		if _, err := r.ReadAt(part, at); err != nil {
			return false, readError(at, err)
		}
		if !zeros(part) {
			return false, nil
		}
	}
	return true, nil
}

// end is where the bytes that are not zero end, rounded up to whole frames.
func (r *reader) end() int64 { return int64(len(r.b)) }

// frameAt reads the head of a frame; not ok at the end, or if it is none.
func (r *reader) frameAt(at int64) (f frame, ok bool) {
	if at+frameHead > r.end() {
		return f, false
	}
	return parseFrame(r.b[at:])
}

// batch is what one write appended.
type batch struct {
	from, commit int64 // where it begins, and where the frame that ends it lies
	crc          uint32
	offsets      []uint32
	index        int64 // where its list of offsets lies; 0 if it has none
}

// batch walks the frames of the next batch; not ok if they do not lead to a commit.
func (r *reader) batch() (b batch, ok bool) {
	b.from = r.at
	at := max(r.at, fileHead)
	for {
		f, ok := r.frameAt(at)
		if !ok || f.size > maxEntry {
			return b, false
		}
		switch f.kind {
		case frameCommit:
			b.commit, b.crc = at, f.crc
			return b, len(b.offsets) > 0
		case frameEntry:
			b.offsets = append(b.offsets, uint32(at))
		case frameIndex:
			b.index = at + frameHead
		}
		at += f.length()
	}
}

// valid reports whether the batch is what was written.
func (r *reader) valid(b batch) bool {
	return crc32.Checksum(r.b[b.from:b.commit], castagnoli) == b.crc
}

// take goes behind a valid batch.
func (r *reader) take(b batch) {
	r.at = b.commit + frameHead
	r.offsets = append(r.offsets, b.offsets...)
	if b.index != 0 {
		r.sealed = b.index
	}
}

// Sealed checks a segment that is not written to any more: every batch of it, up to
// the list of offsets if it was filled, and that it holds the entries that the log's
// index says. Errors: ErrDamaged, and those of r.
func Sealed(r io.ReaderAt, size int64, s Segment) error {
	if s.IndexStart == 0 { // cut off while it was the tail
		end, err := Tail(r, size, s)
		if err == nil && end.Last < s.Max {
			err = damaged(end.At, "it ends with entry %d, the index says %d", end.Last, s.Max)
		}
		return err
	}
	in, err := load(r, size)
	if err != nil {
		return err
	}
	for in.sealed == 0 {
		b, ok := in.batch()
		if !ok || !in.valid(b) {
			return damaged(in.at, "checksum of the entries from %d on does not match", s.Base+uint64(len(in.offsets)))
		}
		in.take(b)
	}
	if err := checkHead(in.b, s); err != nil {
		return err
	}
	switch list := in.b[in.sealed:]; {
	case uint64(in.sealed) != s.IndexStart:
		return damaged(in.sealed, "the list of offsets lies there, the index says %d", s.IndexStart)
	case s.Base+uint64(len(in.offsets)) <= s.Max:
		return damaged(in.sealed, "it has %d entries from %d on, the index says up to %d", len(in.offsets), s.Base, s.Max)
	default:
		for i, want := range in.offsets {
			if len(list) < 4*i+4 || binary.LittleEndian.Uint32(list[4*i:]) != want {
				return damaged(in.sealed, "the list of offsets is another than that of the entries")
			}
		}
	}
	return nil
}

// End is where a segment ends that is written to.
type End struct {
	Last uint64 // entry that was written whole; one below the segment's first if none was
	At   int64  // byte where the next one belongs
	Rest bool   // behind it lies the rest of a write that a crash cut short: never acknowledged
}

// Tail checks the segment that is written to. Errors: ErrDamaged, and those of r.
func Tail(r io.ReaderAt, size int64, s Segment) (End, error) {
	in, err := load(r, size)
	if err != nil {
		return End{}, err
	}
	for {
		b, ok := in.batch()
		if !ok || !in.valid(b) {
			break
		}
		in.take(b)
	}
	next := s.Base + uint64(len(in.offsets))
	if in.at > 0 {
		if err := checkHead(in.b, s); err != nil {
			return End{}, err
		}
	}
	rest := in.end() > in.at
	if rest && in.provesDamage() {
		return End{}, damaged(in.at, "checksum of the entries from %d on does not match", next)
	}
	return End{Last: next - 1, At: in.at, Rest: rest}, nil
}
