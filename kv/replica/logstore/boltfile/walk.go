package boltfile

import (
	"bytes"
	"encoding/binary"
	"io"
)

// Visit is told each pair of a bucket below the root, in order. bucket is the name
// of the bucket on the first level; all three are valid during the call only.
type Visit func(bucket, key, value []byte) error

// Walk goes through the whole file in r, of that many bytes, and calls visit for
// each pair. An error of visit ends it. An empty file is one that bbolt has yet to
// begin.
//
// Errors: ErrDamaged, and those of r and visit.
func Walk(r io.ReaderAt, size int64, visit Visit) error {
	if size == 0 {
		return nil
	}
	h, err := readHeads(r, size)
	if err != nil {
		return err
	}
	w := &walker{r: r, h: h, visit: visit, used: make([]bool, h.pages)}
	w.used[0], w.used[1] = true, true
	if err := w.tree(h.root, nil, nil, nil, 0); err != nil {
		return err
	}
	return w.freelist()
}

// walker is one run of Walk.
type walker struct {
	r     io.ReaderAt
	h     head
	visit Visit
	used  []bool // pages met so far
}

// maxDepth is deeper than any tree of pages or buckets that fits into a file.
const maxDepth = 64

// page is one page with those that continue it.
type page struct {
	at      int64
	flags   uint16
	count   int
	content []byte // the head included
}

// read reads a page that nobody has met yet.
func (w *walker) read(id uint64) (page, error) {
	if id < 2 || id >= w.h.pages {
		return page{}, damaged(w.h.pageSize, "page %d does not exist", id)
	}
	at := int64(id) * w.h.pageSize
	var b [pageHead]byte
	if _, err := w.r.ReadAt(b[:], at); err != nil {
		return page{}, readError(at, err)
	}
	more := uint64(binary.LittleEndian.Uint32(b[12:]))
	if binary.LittleEndian.Uint64(b[:]) != id {
		return page{}, damaged(at, "page %d is marked as page %d", id, binary.LittleEndian.Uint64(b[:]))
	}
	if more >= w.h.pages-id {
		return page{}, damaged(at, "page %d goes on for %d pages", id, more)
	}
	for i := id; i <= id+more; i++ {
		if w.used[i] {
			return page{}, damaged(at, "page %d is used twice", i)
		}
		w.used[i] = true
	}
	p := page{at: at, flags: binary.LittleEndian.Uint16(b[8:]), count: int(binary.LittleEndian.Uint16(b[10:]))}
	p.content = make([]byte, int64(more+1)*w.h.pageSize)
	if _, err := w.r.ReadAt(p.content, at); err != nil {
		return page{}, readError(at, err)
	}
	return p, nil
}

// tree walks the subtree of a page. Its keys lie between low, included, and high,
// excluded; nil means no bound. bucket is nil in the root bucket.
func (w *walker) tree(id uint64, bucket, low, high []byte, depth int) error {
	p, err := w.read(id)
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return damaged(p.at, "the tree is too deep")
	}
	switch p.flags {
	case flagBranch:
		return w.branch(p, bucket, low, high, depth)
	case flagLeaf:
		return w.leaf(p, bucket, low, high, depth)
	}
	return damaged(p.at, "page of kind %#x within a tree", p.flags)
}

func (w *walker) branch(p page, bucket, low, high []byte, depth int) error {
	if p.count == 0 {
		return damaged(p.at, "branch page without elements")
	}
	type child struct {
		key []byte
		id  uint64
	}
	children := make([]child, p.count)
	next := p.first()
	for i := range children {
		e, err := p.element(i)
		if err != nil {
			return err
		}
		c := child{id: binary.LittleEndian.Uint64(e[8:])}
		if c.key, err = p.bytes(i, binary.LittleEndian.Uint32(e), &next, binary.LittleEndian.Uint32(e[4:])); err != nil {
			return err
		}
		if i > 0 && bytes.Compare(children[i-1].key, c.key) >= 0 {
			return damaged(p.at, "keys of a branch page out of order")
		}
		children[i] = c
	}
	for i, c := range children {
		to := high
		if i+1 < len(children) {
			to = children[i+1].key
		}
		if !within(c.key, low, high) {
			return damaged(p.at, "keys of a branch page beyond those of its parent")
		}
		if err := w.tree(c.id, bucket, c.key, to, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) leaf(p page, bucket, low, high []byte, depth int) error {
	var before []byte
	next := p.first()
	if p.count == 0 && !zeros(p.content[min(pageHead, len(p.content)):]) {
		return damaged(p.at, "a page that is not empty is marked as empty")
	}
	for i := range p.count {
		e, err := p.element(i)
		if err != nil {
			return err
		}
		pos, keySize, valueSize := binary.LittleEndian.Uint32(e[4:]), binary.LittleEndian.Uint32(e[8:]), binary.LittleEndian.Uint32(e[12:])
		pair, err := p.bytes(i, pos, &next, keySize, valueSize)
		if err != nil {
			return err
		}
		key, value := pair[:keySize:keySize], pair[keySize:]
		switch {
		case i > 0 && bytes.Compare(before, key) >= 0:
			return damaged(p.at, "keys of a leaf page out of order")
		case !within(key, low, high):
			return damaged(p.at, "keys of a leaf page beyond those of its parent")
		}
		before = key
		switch flags := binary.LittleEndian.Uint32(e); {
		case flags == bucketElem:
			err = w.bucket(p, bucket, key, value, depth)
		case flags != 0:
			err = damaged(p.at, "element of kind %#x", flags)
		case bucket == nil:
			err = damaged(p.at, "a pair outside of all buckets")
		default:
			err = w.visit(bucket, key, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// within reports whether key lies between low, included, and high, excluded.
func within(key, low, high []byte) bool {
	return (low == nil || bytes.Compare(key, low) >= 0) && (high == nil || bytes.Compare(key, high) < 0)
}

// bucket walks a bucket: a tree of its own, or a page within the value.
func (w *walker) bucket(p page, outer, key, value []byte, depth int) error {
	name := outer
	if name == nil {
		name = key
	}
	if len(value) < bucketHeader || depth > maxDepth {
		return damaged(p.at, "malformed bucket")
	}
	if root := binary.LittleEndian.Uint64(value); root != 0 {
		return w.tree(root, name, nil, nil, depth+1)
	}
	inline := page{at: p.at, content: value[bucketHeader:]}
	if len(inline.content) < pageHead {
		return damaged(p.at, "malformed bucket")
	}
	inline.flags = binary.LittleEndian.Uint16(inline.content[8:])
	inline.count = int(binary.LittleEndian.Uint16(inline.content[10:]))
	if inline.flags != flagLeaf {
		return damaged(p.at, "page of kind %#x within a bucket", inline.flags)
	}
	return w.leaf(inline, name, nil, nil, depth+1)
}

// element returns the fields of element i.
func (p page) element(i int) ([]byte, error) {
	from := pageHead + i*elementSize
	if from+elementSize > len(p.content) {
		return nil, damaged(p.at, "%d elements do not fit into the page", p.count)
	}
	return p.content[from : from+elementSize], nil
}

// first returns where the bytes of the first element lie.
func (p page) first() int64 { return int64(pageHead + p.count*elementSize) }

// bytes returns the bytes of element i, which lie pos behind it and have the sizes'
// sum. They must lie at next, where those of the element before end: bbolt leaves no
// gaps, so that a wrong number of elements shows.
func (p page) bytes(i int, pos uint32, next *int64, sizes ...uint32) ([]byte, error) {
	from := int64(pageHead+i*elementSize) + int64(pos)
	to := from
	for _, n := range sizes {
		to += int64(n)
	}
	if from != *next || to > int64(len(p.content)) {
		return nil, damaged(p.at, "an element of the page lies where it does not belong")
	}
	*next = to
	return p.content[from:to:to], nil
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// freelist checks that the list of free pages, if there is one, holds exactly the
// pages that are not in use: one more would be written over, one fewer is lost.
func (w *walker) freelist() error {
	if w.h.freelist == noFreelist {
		return nil
	}
	p, err := w.read(w.h.freelist)
	if err != nil {
		return err
	}
	if p.flags != flagFreelist {
		return damaged(p.at, "page of kind %#x where the list of free pages must be", p.flags)
	}
	ids, n := p.content[pageHead:], uint64(p.count)
	if n == 0xffff && len(ids) >= 8 {
		n, ids = binary.LittleEndian.Uint64(ids), ids[8:]
	}
	if n > uint64(len(ids)/8) {
		return damaged(p.at, "%d free pages do not fit into the list", n)
	}
	for i := range n {
		id := binary.LittleEndian.Uint64(ids[8*i:])
		if id >= w.h.pages || w.used[id] {
			return damaged(p.at, "page %d is in use and free", id)
		}
		w.used[id] = true
	}
	for id, used := range w.used {
		if !used {
			return damaged(p.at, "page %d is neither in use nor free", id)
		}
	}
	return nil
}
