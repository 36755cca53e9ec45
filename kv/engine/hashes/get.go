package hashes

import (
	"math"
	"slices"
	"strconv"

	"pingd/kv/engine/call"
	"pingd/kv/engine/glob"
	"pingd/kv/engine/value"
)

// field returns the value of the field that argument 2 names, nil if there is no
// such key or field; not ok after answering that the key holds something else.
func field(c *call.Call) (val []byte, has, ok bool) {
	_, h, ok := getHash(c, c.Args[1])
	if h != nil {
		val, has = h.Get(c.Args[2])
	}
	return val, has, ok
}

func cmdHGet(c *call.Call) {
	val, has, ok := field(c)
	switch {
	case !ok:
	case has:
		c.Bulk(val)
	default:
		c.Null()
	}
}

func cmdHExists(c *call.Call) {
	if _, has, ok := field(c); ok {
		n := int64(0)
		if has {
			n = 1
		}
		c.Int(n)
	}
}

func cmdHStrLen(c *call.Call) {
	if val, _, ok := field(c); ok {
		c.Int(int64(len(val)))
	}
}

func cmdHLen(c *call.Call) {
	_, h, ok := getHash(c, c.Args[1])
	switch {
	case !ok:
	case h == nil:
		c.Int(0)
	default:
		c.Int(int64(h.Len()))
	}
}

func cmdHMGet(c *call.Call) {
	_, h, ok := getHash(c, c.Args[1])
	if !ok {
		return
	}
	c.Array(len(c.Args) - 2)
	for _, field := range c.Args[2:] {
		if h == nil {
			c.Null()
		} else if val, has := h.Get(field); has {
			c.Bulk(val)
		} else {
			c.Null()
		}
	}
}

func cmdHGetAll(c *call.Call) {
	if h, ok := wholeHash(c); ok {
		c.Map(h.Len())
		h.Each(func(f *value.Field) {
			c.BulkString(f.Name())
			c.Bulk(f.Value())
		})
	}
}

func cmdHKeys(c *call.Call) {
	if h, ok := wholeHash(c); ok {
		c.Array(h.Len())
		h.Each(func(f *value.Field) { c.BulkString(f.Name()) })
	}
}

func cmdHVals(c *call.Call) {
	if h, ok := wholeHash(c); ok {
		c.Array(h.Len())
		h.Each(func(f *value.Field) { c.Bulk(f.Value()) })
	}
}

// wholeHash returns the hash of the first key, an empty one if absent.
func wholeHash(c *call.Call) (*value.Hash, bool) {
	_, h, ok := getHash(c, c.Args[1])
	if h == nil {
		h = value.NewHash()
	}
	return h, ok
}

// cmdHScan is HSCAN key cursor [MATCH pattern] [COUNT n]. The cursor is a place in
// the order of field hashes, so it means the same on every node; a small hash comes
// whole.
func cmdHScan(c *call.Call) {
	pos, ok := c.ArgCursor(2)
	if !ok {
		return
	}
	_, h, ok := getHash(c, c.Args[1])
	if !ok {
		return
	}
	var fields []*value.Field
	var next uint64
	// Redis does not look at the options when there is no such key.
	if h != nil {
		o, ok := c.ParseScan(3, false)
		if !ok {
			return
		}
		fields, next = h.Step(nil, pos, o.Count)
		fields = slices.DeleteFunc(fields, func(f *value.Field) bool {
			return o.Match != nil && !glob.Match(o.Match, []byte(f.Name()))
		})
	}
	c.Array(2)
	c.BulkString(strconv.FormatUint(next, 10))
	c.Array(2 * len(fields))
	for _, f := range fields {
		c.BulkString(f.Name())
		c.Bulk(f.Value())
	}
}

// randFieldMax bounds the reply of HRANDFIELD with a negative count, in bytes: the
// count is the client's, and Redis would fill its memory.
const randFieldMax = 64 << 20

// cmdHRandField is HRANDFIELD key [count [WITHVALUES]]: different fields for a
// positive count, otherwise as many as asked for, perhaps repeated.
func cmdHRandField(c *call.Call) {
	if len(c.Args) == 2 {
		_, h, ok := getHash(c, c.Args[1])
		switch {
		case !ok:
		case h == nil:
			c.Null()
		default:
			c.BulkString(h.Random(c.Random).Name())
		}
		return
	}
	n, withValues, ok := randFieldCount(c)
	if !ok {
		return
	}
	_, h, ok := getHash(c, c.Args[1])
	switch {
	case !ok:
	case h == nil || n == 0:
		c.Array(0)
	case n > 0:
		fields := h.Sample(int(n), c.Random)
		randFieldHead(c, len(fields), withValues)
		for _, f := range fields {
			randField(c, f, withValues)
		}
	default:
		repeatedFields(c, h, -n, withValues)
	}
}

func randFieldCount(c *call.Call) (n int64, withValues, ok bool) {
	n, ok = value.ParseInt(c.Args[2])
	switch {
	case !ok:
		c.Fail(call.ErrNotInt)
	case n == math.MinInt64:
		c.Fail("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
	case len(c.Args) > 4 || len(c.Args) == 4 && !call.EqualFold(c.Args[3], "WITHVALUES"):
		c.Fail(call.ErrSyntax)
	case len(c.Args) == 4 && (n > math.MaxInt64/2 || n < -(math.MaxInt64/2)):
		c.Fail("ERR value is out of range")
	default:
		return n, len(c.Args) == 4, true
	}
	return 0, false, false
}

// repeatedFields replies n fields, each chosen anew.
func repeatedFields(c *call.Call, h *value.Hash, n int64, withValues bool) {
	start := len(c.Out)
	randFieldHead(c, int(n), withValues)
	for range n {
		randField(c, h.Random(c.Random), withValues)
		if c.Cut() { // nothing is added any more, so the bound below would never come
			return
		}
		if len(c.Out)-start > randFieldMax {
			c.Out = c.Out[:start]
			c.Fail("ERR value is out of range")
			return
		}
	}
}

// randFieldHead begins a list of n fields: pairs are nested in RESP3 only.
func randFieldHead(c *call.Call, n int, withValues bool) {
	if withValues && c.Proto < 3 {
		n *= 2
	}
	c.Array(n)
}

func randField(c *call.Call, f *value.Field, withValues bool) {
	if withValues && c.Proto >= 3 {
		c.Array(2)
	}
	c.BulkString(f.Name())
	if withValues {
		c.Bulk(f.Value())
	}
}
