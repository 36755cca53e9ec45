package once

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/tidwall/btree"
)

const (
	// DefaultMax is how many tokens a Table remembers unless told otherwise.
	DefaultMax = 1 << 20
	// MaxReply is the longest reply that is kept, in bytes. Of a longer one only the
	// token is remembered.
	MaxReply = 1 << 20
	// MaxBytes bounds the replies kept together, in bytes.
	MaxBytes = maxLong + shortReply*DefaultMax

	// Replies that are longer than a number's share their room, so that those of
	// visits always find theirs.
	shortReply = 64
	maxLong    = 192 << 20

	slotMillis = 1 << 13 // tokens that end within the same 8 s share a slot
	chunkMax   = 1 << 12 // records in a chunk; must fit in the low bits of a place
)

// Token identifies one operation: 128 bits of a hash of what the client sent.
type Token [16]byte

// Hash returns the token of parts. Different lists of parts have different
// tokens.
func Hash(parts ...[]byte) Token {
	h := sha256.New()
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	var sum [sha256.Size]byte
	return Token(h.Sum(sum[:0])[:16])
}

// Table remembers replies. Records lie in chunks that are only appended to and
// hold no pointers, so that a million of them cost the garbage collector nothing
// and freezing them copies no record. Create it with New. Not safe for concurrent
// use, except for a View.
type Table struct {
	max    int
	index  map[Token]place
	chunks map[uint32]*chunk
	lastID uint32
	slots  btree.Map[int64, *slot] // by end
	n      int
	bytes  int
	long   int // bytes of replies that are longer than shortReply
}

// place is a chunk's id and a record's number in it.
type place uint64

// slot holds the records that end within the same few seconds, oldest first.
type slot struct {
	chunks []*chunk
	from   int // first record of chunks[0] that is still remembered
}

type chunk struct {
	id      uint32
	records []record
	replies []byte
}

type record struct {
	token Token
	due   int64 // unix ms
	end   int   // of its reply in chunk.replies; it begins where the one before ends
}

// New returns an empty table that remembers up to max tokens (0: DefaultMax).
func New(max int) *Table {
	if max <= 0 {
		max = DefaultMax
	}
	return &Table{max: max, index: map[Token]place{}, chunks: map[uint32]*chunk{}}
}

// Len returns the number of records, those that are due but not yet removed
// included.
func (t *Table) Len() int { return t.n }

// Bytes returns the size of the remembered replies.
func (t *Table) Bytes() int { return t.bytes }

// Get returns the reply remembered under the token at time now (unix ms), an empty
// one if only the token is. The slice must not be changed; it stays valid.
func (t *Table) Get(token Token, now int64) (reply []byte, ok bool) {
	p, ok := t.index[token]
	if !ok {
		return nil, false
	}
	c := t.chunks[uint32(p>>32)]
	i := int(uint32(p))
	if c.records[i].due <= now {
		return nil, false
	}
	return c.reply(i), true
}

// Put remembers a copy of reply under the token until due (unix ms). Beyond the
// bound of their number, the records that end soonest are dropped first. A reply for
// which there is no room is not kept, and its token is: what was done must not be done
// again, for whatever sizes of replies.
func (t *Table) Put(token Token, due int64, reply []byte) {
	for t.n > 0 && t.n >= t.max {
		t.dropFirst()
	}
	if !t.fits(len(reply)) {
		reply = nil
	}
	end := due/slotMillis*slotMillis + slotMillis
	s, ok := t.slots.Get(end)
	if !ok {
		s = &slot{}
		t.slots.Set(end, s)
	}
	c := s.tail()
	if c == nil {
		t.lastID++
		c = &chunk{id: t.lastID}
		t.chunks[c.id] = c
		s.chunks = append(s.chunks, c)
	}
	t.index[token] = place(c.id)<<32 | place(len(c.records))
	c.replies = append(c.replies, reply...)
	c.records = append(c.records, record{token, due, len(c.replies)})
	t.n++
	t.count(len(reply), 1)
}

// fits tells whether a reply of size bytes is kept. It asks for the room of the long
// ones alone, so that a table is rebuilt in any order as it was.
func (t *Table) fits(size int) bool {
	return size <= shortReply || size <= MaxReply && t.long+size <= maxLong
}

// count adds to the bytes, or with sign -1 takes away from them, those of a reply.
func (t *Table) count(size, sign int) {
	t.bytes += sign * size
	if size > shortReply {
		t.long += sign * size
	}
}

// Expire removes the records that are due at now (unix ms), up to limit of them.
// It works by slots: a record may stay some seconds longer, unseen.
func (t *Table) Expire(now int64, limit int) {
	for ; limit > 0; limit-- {
		if end, ok := t.NextDue(); !ok || end > now {
			return
		}
		t.dropFirst()
	}
}

// NextDue returns when Expire will next have something to remove (unix ms).
func (t *Table) NextDue() (int64, bool) {
	end, _, ok := t.slots.Min()
	return end, ok
}

// dropFirst forgets the first record of the slot that ends first.
func (t *Table) dropFirst() {
	end, s, _ := t.slots.Min()
	c, i := s.chunks[0], s.from
	if here := place(c.id)<<32 | place(i); t.index[c.records[i].token] == here {
		delete(t.index, c.records[i].token)
	}
	t.n--
	t.count(len(c.reply(i)), -1)
	if s.from++; s.from < len(c.records) {
		return
	}
	delete(t.chunks, c.id)
	s.chunks, s.from = s.chunks[1:], 0
	if len(s.chunks) == 0 {
		t.slots.Delete(end)
	}
}

// tail returns the chunk that takes the next record, or nil if one must be begun.
func (s *slot) tail() *chunk {
	if len(s.chunks) == 0 {
		return nil
	}
	if c := s.chunks[len(s.chunks)-1]; len(c.records) < chunkMax && len(c.replies) < 1<<20 {
		return c
	}
	return nil
}

func (c *chunk) reply(i int) []byte {
	start := 0
	if i > 0 {
		start = c.records[i-1].end
	}
	return c.replies[start:c.records[i].end:c.records[i].end]
}

// View is a table as it was when frozen. Safe for use beside changes of the
// table.
type View struct {
	parts []part
	n     int
}

type part struct {
	chunk // own slice headers: later records lie beyond their length
	from  int
}

// Freeze returns the present state, in time proportional to the number of chunks.
func (t *Table) Freeze() View {
	v := View{n: t.n}
	t.slots.Scan(func(_ int64, s *slot) bool {
		for i, c := range s.chunks {
			p := part{chunk: *c}
			if i == 0 {
				p.from = s.from
			}
			v.parts = append(v.parts, p)
		}
		return true
	})
	return v
}

// Len returns the number of records.
func (v View) Len() int { return v.n }

// Each calls fn for every record, in an order in which Put builds the same table
// again, until fn returns an error, which it returns.
func (v View) Each(fn func(token Token, due int64, reply []byte) error) error {
	for i := range v.parts {
		p := &v.parts[i]
		for j := p.from; j < len(p.records); j++ {
			r := &p.records[j]
			if err := fn(r.token, r.due, p.reply(j)); err != nil {
				return err
			}
		}
	}
	return nil
}
