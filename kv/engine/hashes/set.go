package hashes

import (
	"errors"
	"math"
	"strconv"

	"pingd/kv/engine/call"
	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
)

// getHash returns the entry of a hash and the hash for reading, both nil if
// absent; not ok after answering that the key holds something else.
func getHash(c *call.Call, key []byte) (ent *keyspace.Entry, h *value.Hash, ok bool) {
	if ent = c.Get(key); ent == nil {
		return nil, nil, true
	}
	if h, ok = ent.Val.(*value.Hash); !ok {
		c.Fail(call.ErrWrongType)
		return nil, nil, false
	}
	return ent, h, true
}

// changeHash runs fn on the hash of the entry, nil to create it, and keeps count
// of its size.
func changeHash(c *call.Call, ent *keyspace.Entry, key []byte, fn func(*value.Hash)) {
	if ent == nil {
		h := value.NewHash()
		fn(h)
		c.Create(key, h)
		return
	}
	c.Touch(ent)
	h := c.Store.Own(ent).(*value.Hash)
	before := h.Size()
	fn(h)
	c.Resized(h.Size() - before)
}

func cmdHSet(c *call.Call) {
	if added, ok := hset(c); ok {
		c.Int(int64(added))
	}
}

func cmdHMSet(c *call.Call) {
	if _, ok := hset(c); ok {
		c.OK()
	}
}

// hset sets the fields in the arguments, or answers why it cannot.
func hset(c *call.Call) (added int, ok bool) {
	key, pairs := c.Args[1], c.Args[2:]
	if len(pairs)%2 != 0 {
		c.WrongArity()
		return 0, false
	}
	ent, _, ok := getHash(c, key)
	if !ok {
		return 0, false
	}
	changeHash(c, ent, key, func(h *value.Hash) {
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
	c.Notify(call.ClassHash, "hset", key)
	return added, true
}

func cmdHSetNX(c *call.Call) {
	key, field := c.Args[1], c.Args[2]
	ent, h, ok := getHash(c, key)
	if !ok {
		return
	}
	if h != nil {
		if _, has := h.Get(field); has {
			c.Int(0)
			return
		}
	}
	setField(c, ent, key, field, c.Args[3])
	c.Notify(call.ClassHash, "hset", key)
	c.Int(1)
}

func setField(c *call.Call, ent *keyspace.Entry, key, field, val []byte) {
	changeHash(c, ent, key, func(h *value.Hash) { h.Set(field, val) })
}

// cmdHDel is HDEL key field [field ...]: a hash without fields is no key.
func cmdHDel(c *call.Call) {
	key := c.Args[1]
	ent, h, ok := getHash(c, key)
	if !ok {
		return
	}
	if h == nil || !hasAny(h, c.Args[2:]) {
		c.Int(0)
		return
	}
	n, left := 0, 0
	changeHash(c, ent, key, func(h *value.Hash) {
		for _, field := range c.Args[2:] {
			if h.Delete(field) {
				n++
			}
		}
		left = h.Len()
	})
	c.Notify(call.ClassHash, "hdel", key)
	if left == 0 {
		c.Remove(ent)
		c.Notify(call.ClassGeneric, "del", key)
	}
	c.Int(int64(n))
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

func cmdHIncrBy(c *call.Call) {
	key, field := c.Args[1], c.Args[2]
	delta, ok := c.ArgInt(3)
	if !ok {
		return
	}
	ent, h, ok := getHash(c, key)
	if !ok {
		return
	}
	var old int64
	if h != nil {
		if val, has := h.Get(field); has {
			if old, ok = value.ParseInt(val); !ok {
				c.Fail("ERR hash value is not an integer")
				return
			}
		}
	}
	if delta > 0 && old > math.MaxInt64-delta || delta < 0 && old < math.MinInt64-delta {
		c.Fail(call.ErrOverflow)
		return
	}
	var buf [20]byte
	setField(c, ent, key, field, strconv.AppendInt(buf[:0], old+delta, 10))
	c.Notify(call.ClassHash, "hincrby", key)
	c.Int(old + delta)
}

func cmdHIncrByFloat(c *call.Call) {
	key, field, delta := c.Args[1], c.Args[2], c.Args[3]
	// The increment is judged first, whatever the key holds.
	if _, err := value.AddFloat(nil, delta); errors.Is(err, value.ErrNaN) {
		c.Fail("ERR value is NaN or Infinity")
		return
	} else if err != nil {
		c.Fail(call.ErrNotFloat)
		return
	}
	ent, h, ok := getHash(c, key)
	if !ok {
		return
	}
	var old []byte
	if h != nil {
		old, _ = h.Get(field)
	}
	sum, ok := c.AddFloat(old, delta, "ERR hash value is not a float")
	if !ok {
		return
	}
	setField(c, ent, key, field, sum)
	c.Notify(call.ClassHash, "hincrbyfloat", key)
	c.Bulk(sum)
}
