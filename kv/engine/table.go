package engine

import (
	"slices"
	"sort"
)

// bucketMax is how many entries a bucket takes before it splits. It bounds the
// work of one SCAN step, of one insertion and of one hold of the lock while a
// snapshot is written.
const bucketMax = 128

// table holds entries ordered by the hash of their key. It is an extendible
// hash: a directory indexed by the first depth bits of the hash points at
// buckets, and a full bucket splits in two without touching the others, so that
// no insertion ever rehashes everything. The order is the same on every
// replica: SCAN cursors, KEYS, RANDOMKEY and snapshots depend on it.
//
// A nil *table is an empty one that must not be written to.
type table struct {
	dir   []*bucket
	depth uint8
	n     int // entries
}

// bucket is a run of the order. Hashes and entries lie apart so that a search
// stays within a few cache lines.
type bucket struct {
	hashes  []uint64
	entries []*entry
	depth   uint8 // bits of the hash that all entries share
}

func newTable() *table { return &table{dir: []*bucket{{}}} }

// at returns the bucket that h belongs to.
func (t *table) at(h uint64) *bucket { return t.dir[h>>(64-t.depth)] }

// search returns the first place in b whose hash is at least h. Hashes are
// spread evenly, so a guess by proportion lands next to it.
func (b *bucket) search(h uint64) int {
	n := len(b.hashes)
	i := int((h << b.depth >> 32) * uint64(n) >> 32)
	for i < n && b.hashes[i] < h {
		i++
	}
	for i > 0 && b.hashes[i-1] >= h {
		i--
	}
	return i
}

// get returns the entry with the key, or nil.
func (t *table) get(h uint64, key []byte) *entry {
	if t == nil {
		return nil
	}
	b := t.at(h)
	for i := b.search(h); i < len(b.hashes) && b.hashes[i] == h; i++ {
		if ent := b.entries[i]; ent.key == string(key) {
			return ent
		}
	}
	return nil
}

// put adds an entry whose key is absent.
func (t *table) put(ent *entry) {
	b := t.at(ent.hash)
	for len(b.hashes) >= bucketMax && t.split(b, ent.hash) {
		b = t.at(ent.hash)
	}
	i := b.search(ent.hash)
	// Keys with equal hashes are ordered too, or else the order would depend on
	// what came first.
	for i < len(b.hashes) && b.hashes[i] == ent.hash && b.entries[i].key < ent.key {
		i++
	}
	b.hashes = slices.Insert(b.hashes, i, ent.hash)
	b.entries = slices.Insert(b.entries, i, ent)
	t.n++
}

// del removes the entry.
func (t *table) del(ent *entry) {
	b := t.at(ent.hash)
	for i := b.search(ent.hash); i < len(b.hashes) && b.hashes[i] == ent.hash; i++ {
		if b.entries[i] == ent {
			b.hashes = slices.Delete(b.hashes, i, i+1)
			b.entries = slices.Delete(b.entries, i, i+1)
			t.n--
			return
		}
	}
}

// split divides b, the bucket of hash h, at the middle of its range. It refuses
// when the directory would grow out of proportion to the number of entries: keys
// made to collide then only make one long bucket.
func (t *table) split(b *bucket, h uint64) bool {
	if b.depth == t.depth {
		if t.depth >= 40 || 1<<t.depth > 16+t.n/8 {
			return false
		}
		dir := make([]*bucket, 2*len(t.dir))
		for i, old := range t.dir {
			dir[2*i], dir[2*i+1] = old, old
		}
		t.dir, t.depth = dir, t.depth+1
	}
	bit := uint64(1) << (63 - b.depth)
	start, _ := b.bounds(h)
	mid := sort.Search(len(b.hashes), func(i int) bool { return b.hashes[i]&bit != 0 })
	b.depth++
	right := &bucket{depth: b.depth}
	right.hashes = append(make([]uint64, 0, bucketMax), b.hashes[mid:]...)
	right.entries = append(make([]*entry, 0, bucketMax), b.entries[mid:]...)
	clear(b.entries[mid:])
	b.hashes, b.entries = b.hashes[:mid], b.entries[:mid]
	width := 1 << (t.depth - b.depth)
	first := int((start | bit) >> (64 - t.depth))
	for i := range width {
		t.dir[first+i] = right
	}
	return true
}

// bounds returns the first and the last hash of the range of b, the bucket of
// hash h.
func (b *bucket) bounds(h uint64) (first, last uint64) {
	rest := ^uint64(0) >> b.depth
	return h &^ rest, h | rest
}

// span returns the entries with hashes from pos to the end of pos's bucket, and
// where the next span begins; next is 0 after the last one. The slice is valid
// until the table changes.
func (t *table) span(pos uint64) (entries []*entry, next uint64) {
	if t == nil {
		return nil, 0
	}
	b := t.at(pos)
	_, last := b.bounds(pos)
	return b.entries[b.search(pos):], last + 1
}

// each calls fn for every entry in order until it returns false. fn must not
// change the table.
func (t *table) each(fn func(*entry) bool) {
	for pos := uint64(0); ; {
		entries, next := t.span(pos)
		for _, ent := range entries {
			if !fn(ent) {
				return
			}
		}
		if next == 0 {
			return
		}
		pos = next
	}
}
