package engine

import (
	"errors"
	"math"

	"pingd/kv/engine/value"
)

func cmdIncr(c *call) { c.incr(1) }
func cmdDecr(c *call) { c.incr(-1) }

func cmdIncrBy(c *call) {
	if n, ok := c.argInt(2); ok {
		c.incr(n)
	}
}

func cmdDecrBy(c *call) {
	n, ok := c.argInt(2)
	if !ok {
		return
	}
	if n == math.MinInt64 {
		c.fail("ERR decrement would overflow")
		return
	}
	c.incr(-n)
}

// incr adds delta to the number at the first key and replies the sum.
func (c *call) incr(delta int64) {
	if sum, ok := c.add(c.args[1], delta); ok {
		c.int(sum)
	}
}

// add adds delta to the number at key, or answers why it cannot.
func (c *call) add(key []byte, delta int64) (sum int64, ok bool) {
	ent, ok := c.getString(key)
	if !ok {
		return 0, false
	}
	var old int64
	if ent != nil {
		if old, ok = asInt(ent.Val); !ok {
			c.fail(errNotInt)
			return 0, false
		}
	}
	sum = old + delta
	if (sum > old) != (delta > 0) && delta != 0 {
		c.fail(errOverflow)
		return 0, false
	}
	if ent == nil {
		c.create(key, &value.Number{N: sum})
	} else {
		c.touch(ent)
		if _, is := ent.Val.(*value.Number); is {
			c.store.Own(ent).(*value.Number).N = sum
		} else {
			c.replace(ent, &value.Number{N: sum})
		}
	}
	c.notify(ClassString, "incrby", key)
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

func cmdIncrByFloat(c *call) {
	key := c.args[1]
	ent, ok := c.getString(key)
	if !ok {
		return
	}
	var old []byte
	var buf [20]byte
	if ent != nil {
		old = value.Bytes(ent.Val, buf[:])
	}
	sum, ok := c.addFloat(old, c.args[2], errNotFloat)
	if !ok {
		return
	}
	if ent == nil {
		c.create(key, &value.Text{B: sum})
	} else {
		c.touch(ent)
		c.replace(ent, &value.Text{B: sum})
	}
	c.notify(ClassString, "incrbyfloat", key)
	c.bulk(sum)
}

// addFloat adds two decimal texts, or answers why it cannot: errOld if old is no
// number. Without an old number, nil, it is 0.
func (c *call) addFloat(old, delta []byte, errOld string) ([]byte, bool) {
	sum, err := value.AddFloat(old, delta)
	switch {
	case err == nil:
		return sum, true
	case errors.Is(err, value.ErrOldNotFloat):
		c.fail(errOld)
	case errors.Is(err, value.ErrNotFloat):
		c.fail(errNotFloat)
	default:
		c.fail(errNaN)
	}
	return nil, false
}
