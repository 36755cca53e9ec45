package engine

import (
	"math"
	"slices"
	"strconv"

	"pingd/kv/engine/glob"
	"pingd/kv/engine/value"
)

// field returns the value of the field that argument 2 names, nil if there is no
// such key or field; not ok after answering that the key holds something else.
func (c *call) field() (val []byte, has, ok bool) {
	_, h, ok := c.getHash(c.args[1])
	if h != nil {
		val, has = h.Get(c.args[2])
	}
	return val, has, ok
}

func cmdHGet(c *call) {
	val, has, ok := c.field()
	switch {
	case !ok:
	case has:
		c.bulk(val)
	default:
		c.null()
	}
}

func cmdHExists(c *call) {
	if _, has, ok := c.field(); ok {
		n := int64(0)
		if has {
			n = 1
		}
		c.int(n)
	}
}

func cmdHStrLen(c *call) {
	if val, _, ok := c.field(); ok {
		c.int(int64(len(val)))
	}
}

func cmdHLen(c *call) {
	_, h, ok := c.getHash(c.args[1])
	switch {
	case !ok:
	case h == nil:
		c.int(0)
	default:
		c.int(int64(h.Len()))
	}
}

func cmdHMGet(c *call) {
	_, h, ok := c.getHash(c.args[1])
	if !ok {
		return
	}
	c.array(len(c.args) - 2)
	for _, field := range c.args[2:] {
		if h == nil {
			c.null()
		} else if val, has := h.Get(field); has {
			c.bulk(val)
		} else {
			c.null()
		}
	}
}

func cmdHGetAll(c *call) {
	if h, ok := c.wholeHash(); ok {
		c.mapHead(h.Len())
		h.Each(func(f *value.Field) {
			c.bulkString(f.Name())
			c.bulk(f.Value())
		})
	}
}

func cmdHKeys(c *call) {
	if h, ok := c.wholeHash(); ok {
		c.array(h.Len())
		h.Each(func(f *value.Field) { c.bulkString(f.Name()) })
	}
}

func cmdHVals(c *call) {
	if h, ok := c.wholeHash(); ok {
		c.array(h.Len())
		h.Each(func(f *value.Field) { c.bulk(f.Value()) })
	}
}

// wholeHash returns the hash of the first key, an empty one if absent.
func (c *call) wholeHash() (*value.Hash, bool) {
	_, h, ok := c.getHash(c.args[1])
	if h == nil {
		h = value.NewHash()
	}
	return h, ok
}

// cmdHScan is HSCAN key cursor [MATCH pattern] [COUNT n]. The cursor is a place in
// the order of field hashes, so it means the same on every node; a small hash comes
// whole.
func cmdHScan(c *call) {
	pos, ok := c.argCursor(2)
	if !ok {
		return
	}
	_, h, ok := c.getHash(c.args[1])
	if !ok {
		return
	}
	var fields []*value.Field
	var next uint64
	// Redis does not look at the options when there is no such key.
	if h != nil {
		o, ok := c.parseScan(3, false)
		if !ok {
			return
		}
		fields, next = h.Step(nil, pos, o.count)
		fields = slices.DeleteFunc(fields, func(f *value.Field) bool {
			return o.match != nil && !glob.Match(o.match, []byte(f.Name()))
		})
	}
	c.array(2)
	c.bulkString(strconv.FormatUint(next, 10))
	c.array(2 * len(fields))
	for _, f := range fields {
		c.bulkString(f.Name())
		c.bulk(f.Value())
	}
}

// randFieldMax bounds the reply of HRANDFIELD with a negative count, in bytes: the
// count is the client's, and Redis would fill its memory.
const randFieldMax = 64 << 20

// cmdHRandField is HRANDFIELD key [count [WITHVALUES]]: different fields for a
// positive count, otherwise as many as asked for, perhaps repeated.
func cmdHRandField(c *call) {
	if len(c.args) == 2 {
		_, h, ok := c.getHash(c.args[1])
		switch {
		case !ok:
		case h == nil:
			c.null()
		default:
			c.bulkString(h.Random(c.random).Name())
		}
		return
	}
	n, withValues, ok := c.randFieldCount()
	if !ok {
		return
	}
	_, h, ok := c.getHash(c.args[1])
	switch {
	case !ok:
	case h == nil || n == 0:
		c.array(0)
	case n > 0:
		fields := h.Sample(int(n), c.random)
		c.randFieldHead(len(fields), withValues)
		for _, f := range fields {
			c.randField(f, withValues)
		}
	default:
		c.repeatedFields(h, -n, withValues)
	}
}

func (c *call) randFieldCount() (n int64, withValues, ok bool) {
	n, ok = value.ParseInt(c.args[2])
	switch {
	case !ok:
		c.fail(errNotInt)
	case n == math.MinInt64:
		c.fail("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
	case len(c.args) > 4 || len(c.args) == 4 && !equalFold(c.args[3], "WITHVALUES"):
		c.fail(errSyntax)
	case len(c.args) == 4 && (n > math.MaxInt64/2 || n < -(math.MaxInt64/2)):
		c.fail("ERR value is out of range")
	default:
		return n, len(c.args) == 4, true
	}
	return 0, false, false
}

// repeatedFields replies n fields, each chosen anew.
func (c *call) repeatedFields(h *value.Hash, n int64, withValues bool) {
	start := len(c.out)
	c.randFieldHead(int(n), withValues)
	for range n {
		c.randField(h.Random(c.random), withValues)
		if len(c.out)-start > randFieldMax {
			c.out = c.out[:start]
			c.fail("ERR value is out of range")
			return
		}
	}
}

// randFieldHead begins a list of n fields: pairs are nested in RESP3 only.
func (c *call) randFieldHead(n int, withValues bool) {
	if withValues && c.proto < 3 {
		n *= 2
	}
	c.array(n)
}

func (c *call) randField(f *value.Field, withValues bool) {
	if withValues && c.proto >= 3 {
		c.array(2)
	}
	c.bulkString(f.Name())
	if withValues {
		c.bulk(f.Value())
	}
}
