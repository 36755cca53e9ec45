package engine

import (
	"errors"
	"math"
	"strconv"

	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
)

// getHash returns the entry of a hash and the hash for reading, both nil if
// absent; not ok after answering that the key holds something else.
func (c *call) getHash(key []byte) (ent *keyspace.Entry, h *value.Hash, ok bool) {
	if ent = c.get(key); ent == nil {
		return nil, nil, true
	}
	if h, ok = ent.Val.(*value.Hash); !ok {
		c.fail(errWrongType)
		return nil, nil, false
	}
	return ent, h, true
}

// changeHash runs fn on the hash of the entry, nil to create it, and keeps count
// of its size.
func (c *call) changeHash(ent *keyspace.Entry, key []byte, fn func(*value.Hash)) {
	if ent == nil {
		h := value.NewHash()
		fn(h)
		c.create(key, h)
		return
	}
	c.touch(ent)
	h := c.store.Own(ent).(*value.Hash)
	before := h.Size()
	fn(h)
	c.resized(h.Size() - before)
}

func cmdHSet(c *call) {
	if added, ok := c.hset(); ok {
		c.int(int64(added))
	}
}

func cmdHMSet(c *call) {
	if _, ok := c.hset(); ok {
		c.ok()
	}
}

// hset sets the fields in the arguments, or answers why it cannot.
func (c *call) hset() (added int, ok bool) {
	key, pairs := c.args[1], c.args[2:]
	if len(pairs)%2 != 0 {
		c.wrongArity()
		return 0, false
	}
	ent, _, ok := c.getHash(key)
	if !ok {
		return 0, false
	}
	c.changeHash(ent, key, func(h *value.Hash) {
		// Before the first field, as Redis: it decides the order of all of them.
		for _, arg := range pairs {
			if len(arg) > value.HashSmallBytes {
				h.Widen()
			}
		}
		for i := 0; i < len(pairs); i += 2 {
			if h.Set(pairs[i], pairs[i+1]) {
				added++
			}
		}
	})
	c.notify(ClassHash, "hset", key)
	return added, true
}

func cmdHSetNX(c *call) {
	key, field := c.args[1], c.args[2]
	ent, h, ok := c.getHash(key)
	if !ok {
		return
	}
	if h != nil {
		if _, has := h.Get(field); has {
			c.int(0)
			return
		}
	}
	c.setField(ent, key, field, c.args[3])
	c.notify(ClassHash, "hset", key)
	c.int(1)
}

func (c *call) setField(ent *keyspace.Entry, key, field, val []byte) {
	c.changeHash(ent, key, func(h *value.Hash) { h.Set(field, val) })
}

// cmdHDel is HDEL key field [field ...]: a hash without fields is no key.
func cmdHDel(c *call) {
	key := c.args[1]
	ent, h, ok := c.getHash(key)
	if !ok {
		return
	}
	if h == nil || !hasAny(h, c.args[2:]) {
		c.int(0)
		return
	}
	n, left := 0, 0
	c.changeHash(ent, key, func(h *value.Hash) {
		for _, field := range c.args[2:] {
			if h.Delete(field) {
				n++
			}
		}
		left = h.Len()
	})
	c.notify(ClassHash, "hdel", key)
	if left == 0 {
		c.remove(ent)
		c.notify(ClassGeneric, "del", key)
	}
	c.int(int64(n))
}

// hasAny reports whether the hash has one of the fields: what changes nothing must
// not change the key's version.
func hasAny(h *value.Hash, fields [][]byte) bool {
	for _, field := range fields {
		if _, has := h.Get(field); has {
			return true
		}
	}
	return false
}

func cmdHIncrBy(c *call) {
	key, field := c.args[1], c.args[2]
	delta, ok := c.argInt(3)
	if !ok {
		return
	}
	ent, h, ok := c.getHash(key)
	if !ok {
		return
	}
	var old int64
	if h != nil {
		if val, has := h.Get(field); has {
			if old, ok = value.ParseInt(val); !ok {
				c.fail("ERR hash value is not an integer")
				return
			}
		}
	}
	if delta > 0 && old > math.MaxInt64-delta || delta < 0 && old < math.MinInt64-delta {
		c.fail(errOverflow)
		return
	}
	var buf [20]byte
	c.setField(ent, key, field, strconv.AppendInt(buf[:0], old+delta, 10))
	c.notify(ClassHash, "hincrby", key)
	c.int(old + delta)
}

func cmdHIncrByFloat(c *call) {
	key, field, delta := c.args[1], c.args[2], c.args[3]
	// The increment is judged first, whatever the key holds.
	if _, err := value.AddFloat(nil, delta); errors.Is(err, value.ErrNaN) {
		c.fail("ERR value is NaN or Infinity")
		return
	} else if err != nil {
		c.fail(errNotFloat)
		return
	}
	ent, h, ok := c.getHash(key)
	if !ok {
		return
	}
	var old []byte
	if h != nil {
		old, _ = h.Get(field)
	}
	sum, ok := c.addFloat(old, delta, "ERR hash value is not a float")
	if !ok {
		return
	}
	c.setField(ent, key, field, sum)
	c.notify(ClassHash, "hincrbyfloat", key)
	c.bulk(sum)
}
