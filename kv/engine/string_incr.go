package engine

import (
	"math"

	"pingd/kv/engine/call"
	"pingd/kv/engine/value"
)

func cmdIncr(c *call.Call) { incr(c, 1) }
func cmdDecr(c *call.Call) { incr(c, -1) }

func cmdIncrBy(c *call.Call) {
	if n, ok := c.ArgInt(2); ok {
		incr(c, n)
	}
}

func cmdDecrBy(c *call.Call) {
	n, ok := c.ArgInt(2)
	if !ok {
		return
	}
	if n == math.MinInt64 {
		c.Fail("ERR decrement would overflow")
		return
	}
	incr(c, -n)
}

// incr adds delta to the number at the first key and replies the sum.
func incr(c *call.Call, delta int64) {
	if sum, ok := add(c, c.Args[1], delta); ok {
		c.Int(sum)
	}
}

// add adds delta to the number at key, or answers why it cannot.
func add(c *call.Call, key []byte, delta int64) (sum int64, ok bool) {
	ent, ok := c.GetString(key)
	if !ok {
		return 0, false
	}
	var old int64
	if ent != nil {
		if old, ok = asInt(ent.Val); !ok {
			c.Fail(call.ErrNotInt)
			return 0, false
		}
	}
	sum = old + delta
	if (sum > old) != (delta > 0) && delta != 0 {
		c.Fail(call.ErrOverflow)
		return 0, false
	}
	if ent == nil {
		c.Create(key, &value.Number{N: sum})
	} else {
		c.Touch(ent)
		if _, is := ent.Val.(*value.Number); is {
			c.Store.Own(ent).(*value.Number).N = sum
		} else {
			c.Replace(ent, &value.Number{N: sum})
		}
	}
	c.Notify(call.ClassString, "incrby", key)
	return sum, true
}

// asInt reads a string value as an integer: one that APPEND made counts too.
func asInt(v value.Value) (int64, bool) {
	switch v := v.(type) {
	case *value.Number:
		return v.N, true
	case *value.Text:
		return value.ParseInt(v.B)
	}
	return 0, false
}

func cmdIncrByFloat(c *call.Call) {
	key := c.Args[1]
	ent, ok := c.GetString(key)
	if !ok {
		return
	}
	var old []byte
	var buf [20]byte
	if ent != nil {
		old = value.Bytes(ent.Val, buf[:])
	}
	sum, ok := c.AddFloat(old, c.Args[2], call.ErrNotFloat)
	if !ok {
		return
	}
	if ent == nil {
		c.Create(key, &value.Text{B: sum})
	} else {
		c.Touch(ent)
		c.Replace(ent, &value.Text{B: sum})
	}
	c.Notify(call.ClassString, "incrbyfloat", key)
	c.Bulk(sum)
}
