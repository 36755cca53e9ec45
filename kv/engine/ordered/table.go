package ordered

import (
	"slices"
	"sort"
)

// Item is what a Table holds; its name must not change.
type Item interface {
	comparable
	Name() string
}

// bucketMax is how many entries a bucket takes before it splits. It bounds the
// work of one SCAN step, of one insertion and of one hold of the lock while a
// snapshot is written.
const bucketMax = 128

// Table holds items by the hash of their name. It is an extendible hash: a
// directory indexed by the first bits of the hash points at buckets, and a full
// bucket splits in two without touching the others, so that no insertion ever
// rehashes everything. The order depends on the items alone, not on how they came:
// cursors of SCAN, replies and snapshots rely on it.
//
// A nil *Table is an empty one that must not be written to. Not safe for
// concurrent use with writing.
type Table[T Item] struct {
	dir   []*bucket[T]
	depth uint8
	n     int
	owner *owner // of the buckets that no other table shares
}

// bucket is a run of the order. Hashes and items lie apart so that a search stays
// within a few cache lines.
type bucket[T Item] struct {
	hashes []uint64
	items  []T
	depth  uint8 // bits of the hash that all items share
	owner  *owner
}

// New returns an empty table.
func New[T Item]() *Table[T] { return &Table[T]{dir: []*bucket[T]{{}}} }

// Len returns the number of items.
func (t *Table[T]) Len() int {
	if t == nil {
		return 0
	}
	return t.n
}

// at returns the bucket that h belongs to.
func (t *Table[T]) at(h uint64) *bucket[T] { return t.dir[h>>(64-t.depth)] }

// search returns the first place in b whose hash is at least h. Hashes are
// spread evenly, so a guess by proportion lands next to it.
func (b *bucket[T]) search(h uint64) int {
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

// Get returns the item with the name, whose hash is h.
func (t *Table[T]) Get(h uint64, name []byte) (item T, ok bool) {
	if t == nil {
		return item, false
	}
	b := t.at(h)
	for i := b.search(h); i < len(b.hashes) && b.hashes[i] == h; i++ {
		if b.items[i].Name() == string(name) {
			return b.items[i], true
		}
	}
	return item, false
}

// Put adds an item with hash h whose name is absent.
func (t *Table[T]) Put(h uint64, item T) {
	b := t.own(h)
	for len(b.hashes) >= bucketMax && t.split(b, h) {
		b = t.at(h)
	}
	i := b.search(h)
	// Items with equal hashes are ordered too, or else the order would depend on
	// what came first.
	for i < len(b.hashes) && b.hashes[i] == h && b.items[i].Name() < item.Name() {
		i++
	}
	b.hashes = slices.Insert(b.hashes, i, h)
	b.items = slices.Insert(b.items, i, item)
	t.n++
}

// Delete removes the item with hash h, if it is there.
func (t *Table[T]) Delete(h uint64, item T) {
	b := t.own(h)
	for i := b.search(h); i < len(b.hashes) && b.hashes[i] == h; i++ {
		if b.items[i] == item {
			b.hashes = slices.Delete(b.hashes, i, i+1)
			b.items = slices.Delete(b.items, i, i+1)
			t.n--
			return
		}
	}
}

// split divides b, the bucket of hash h, at the middle of its range. It refuses
// when the directory would grow out of proportion to the number of items: names
// made to collide then only make one long bucket.
func (t *Table[T]) split(b *bucket[T], h uint64) bool {
	if b.depth == t.depth {
		if t.depth >= 40 || 1<<t.depth > 16+t.n/8 {
			return false
		}
		dir := make([]*bucket[T], 2*len(t.dir))
		for i, old := range t.dir {
			dir[2*i], dir[2*i+1] = old, old
		}
		t.dir, t.depth = dir, t.depth+1
	}
	bit := uint64(1) << (63 - b.depth)
	start, _ := b.bounds(h)
	mid := sort.Search(len(b.hashes), func(i int) bool { return b.hashes[i]&bit != 0 })
	b.depth++
	right := &bucket[T]{depth: b.depth, owner: b.owner}
	right.hashes = append(make([]uint64, 0, bucketMax), b.hashes[mid:]...)
	right.items = append(make([]T, 0, bucketMax), b.items[mid:]...)
	clear(b.items[mid:])
	b.hashes, b.items = b.hashes[:mid], b.items[:mid]
	t.point(right, start|bit)
	return true
}

// point makes the directory lead to b for the whole range that begins at start.
func (t *Table[T]) point(b *bucket[T], start uint64) {
	first := int(start >> (64 - t.depth))
	for i := range 1 << (t.depth - b.depth) {
		t.dir[first+i] = b
	}
}

// bounds returns the first and the last hash of the range of b, the bucket of
// hash h.
func (b *bucket[T]) bounds(h uint64) (first, last uint64) {
	rest := ^uint64(0) >> b.depth
	return h &^ rest, h | rest
}

// Span returns the items with hashes from pos to the end of pos's bucket, and
// where the next
// span begins; next is 0 after the last one. The slice is valid
// until the table changes.
func (t *Table[T]) Span(pos uint64) (items []T, next uint64) {
	if t == nil {
		return nil, 0
	}
	b := t.at(pos)
	_, last := b.bounds(pos)
	return b.items[b.search(pos):], last + 1
}

// Each calls fn for every item in order until it returns false. fn must not
// change the table.
func (t *Table[T]) Each(fn func(T) bool) {
	for pos := uint64(0); ; {
		items, next := t.Span(pos)
		for _, item := range items {
			if !fn(item) {
				return
			}
		}
		if next == 0 {
			return
		}
		pos = next
	}
}

// AppendRange appends the items with hashes from pos up to, not including, end;
// end 0 means all the rest.
func (t *Table[T]) AppendRange(dst []T, pos, end uint64) []T {
	for t != nil {
		b := t.at(pos)
		_, last := b.bounds(pos)
		for i := b.search(pos); i < len(b.items); i++ {
			if end != 0 && b.hashes[i] >= end {
				return dst
			}
			dst = append(dst, b.items[i])
		}
		if pos = last + 1; pos == 0 || end != 0 && pos >= end {
			break
		}
	}
	return dst
}

// Step returns up to about limit items from pos on, for a cursor: where to go on,
// 0 at the end. Items of one hash are never torn apart, for the cursor cannot
// point between them.
func (t *Table[T]) Step(dst []T, pos uint64, limit int) (items []T, next uint64) {
	for t != nil {
		b := t.at(pos)
		_, last := b.bounds(pos)
		for i := b.search(pos); i < len(b.items); i++ {
			if len(dst) >= limit && (i == 0 || b.hashes[i] != b.hashes[i-1]) {
				return dst, b.hashes[i]
			}
			dst = append(dst, b.items[i])
		}
		if pos = last + 1; pos == 0 {
			break
		}
	}
	return dst, 0
}

// Random returns an item, each with the same chance, or false if there is none.
// random returns 64 random bits.
func (t *Table[T]) Random(random func() uint64) (item T, ok bool) {
	if t.Len() == 0 {
		return item, false
	}
	for tries := 0; ; tries++ {
		b := t.at(random())
		// A bucket is met as often as its range is wide and should be as often as it
		// is full. A bucket longer than bucketMax is a rare consequence of an attack.
		slots := uint64(bucketMax) << (t.depth - b.depth)
		if i := random() % slots; i < uint64(len(b.items)) {
			return b.items[i], true
		}
		// A nearly empty table, after most was deleted, would take for ever.
		if tries > 1000 {
			pos := random()
			if b := t.at(pos); len(b.items) > 0 {
				return b.items[int(random()%uint64(len(b.items)))], true
			}
			if tries > 100000 {
				items, _ := t.Step(nil, 0, 1)
				return items[0], true
			}
		}
	}
}
