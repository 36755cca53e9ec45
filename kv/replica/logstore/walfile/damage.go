package walfile

import (
	"hash/crc32"
	"math/bits"
)

// provesDamage reports whether what lies behind the last valid batch can not be the
// rest of one write that was cut short.
func (r *reader) provesDamage() bool {
	return r.laterBatch() || r.oneFlip() || r.looksComplete()
}

// laterBatch looks for a valid batch further on: then the one here was complete when
// that was written. Frames cannot be followed to it, but each frame begins at a
// multiple of 8, and what lies between two commits must fit the second's checksum.
func (r *reader) laterBatch() bool {
	var ends []int64 // of the last commits met: where a batch may begin
	for at := max(r.at, fileHead); at+frameHead <= r.end(); at += frameHead {
		f, ok := r.frameAt(at)
		if !ok || f.kind != frameCommit {
			continue
		}
		for _, from := range ends {
			if at > from && crc32.Checksum(r.b[from:at], castagnoli) == f.crc {
				return true
			}
		}
		if ends = append(ends, at+frameHead); len(ends) > 4 {
			ends = ends[1:]
		}
	}
	return false
}

// looksComplete reports whether every sector of the rest was written, down to a
// commit at its end.
func (r *reader) looksComplete() bool {
	last, ok := r.frameAt(r.end() - frameHead)
	if !ok || last.kind != frameCommit {
		return false
	}
	for at := r.at; at < r.end(); {
		next := min((at/sector+1)*sector, r.end())
		if zeros(r.b[at:next]) {
			return false
		}
		at = next
	}
	return true
}

// oneFlip reports whether the batch here becomes valid by flipping one bit.
func (r *reader) oneFlip() bool {
	if b, ok := r.batch(); ok && r.flipWithin(b) {
		return true
	}
	// The flip may be in the head of a frame, so that its frames lead astray. Try
	// each bit of each head up to where they do.
	at := max(r.at, fileHead)
	for range maxFrames {
		if at+frameHead > r.end() {
			return false
		}
		for bit := range 8 * frameHead {
			r.b[at+int64(bit/8)] ^= 1 << (bit % 8)
			b, ok := r.batch()
			ok = ok && r.valid(b)
			r.b[at+int64(bit/8)] ^= 1 << (bit % 8)
			if ok {
				return true
			}
		}
		f, ok := r.frameAt(at)
		if !ok || f.kind == frameCommit || f.size > maxEntry {
			return false
		}
		at += f.length()
	}
	return false
}

// maxFrames is more than one write of the store has: bounds the search.
const maxFrames = 256

// flipWithin reports whether one flipped bit explains that a batch, whose frames
// lead to its commit, does not fit its checksum. A CRC is linear: the difference that
// a bit makes depends only on how many bits follow it.
func (r *reader) flipWithin(b batch) bool {
	content := r.b[b.from:b.commit]
	diff := crc32.Checksum(content, castagnoli) ^ b.crc
	if bits.OnesCount32(diff) == 1 { // in the checksum itself
		return true
	}
	var effect [8]uint32 // of a flip of each bit of the present byte
	for bit := range effect {
		effect[bit] = castagnoli[1<<bit]
	}
	for range content {
		for bit, e := range effect {
			if e == diff {
				return true
			}
			effect[bit] = e>>8 ^ castagnoli[byte(e)]
		}
	}
	return false
}
