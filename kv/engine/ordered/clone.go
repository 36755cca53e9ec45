package ordered

import "slices"

// owner marks the buckets that a table may change in place. It has a size, so
// that no two have the same address.
type owner struct{ _ byte }

// Clone returns a table with the same items, at the price of copying the
// directory: either table copies a shared bucket when it first changes it. Items
// themselves are shared, so they must be replaced instead of changed. It may run
// while others read t, but not while t changes.
func (t *Table[T]) Clone() *Table[T] {
	t.owner = new(owner)
	return &Table[T]{dir: slices.Clone(t.dir), depth: t.depth, n: t.n, owner: new(owner)}
}

// own returns the bucket of hash h for changing it.
func (t *Table[T]) own(h uint64) *bucket[T] {
	b := t.at(h)
	if b.owner == t.owner {
		return b
	}
	mine := &bucket[T]{depth: b.depth, owner: t.owner}
	mine.hashes = append(make([]uint64, 0, bucketMax), b.hashes...)
	mine.items = append(make([]T, 0, bucketMax), b.items...)
	start, _ := b.bounds(h)
	t.point(mine, start)
	return mine
}

// Replace puts item in the place of old, which is in the table and has the same
// name and hash h.
func (t *Table[T]) Replace(h uint64, old, item T) {
	b := t.own(h)
	for i := b.search(h); i < len(b.hashes) && b.hashes[i] == h; i++ {
		if b.items[i] == old {
			b.items[i] = item
			return
		}
	}
}
