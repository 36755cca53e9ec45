package engine

import (
	"math"
	"math/big"
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
		if old, ok = asInt(ent.val); !ok {
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
		c.create(key, &number{sum})
	} else {
		c.touch(ent)
		if _, is := ent.val.(*number); is {
			c.own(ent).(*number).n = sum
		} else {
			c.replace(ent, &number{sum})
		}
	}
	c.notify(ClassString, "incrby", key)
	return sum, true
}

// asInt reads a string value as an integer: one that APPEND made counts too.
func asInt(v value) (int64, bool) {
	switch v := v.(type) {
	case *number:
		return v.n, true
	case *text:
		return parseInt(v.b)
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
		old = stringBytes(ent.val, buf[:])
	}
	sum, ok := c.addFloat(old, ent != nil, c.args[2], errNotFloat)
	if !ok {
		return
	}
	if ent == nil {
		c.create(key, &text{b: sum})
	} else {
		c.touch(ent)
		c.replace(ent, &text{b: sum})
	}
	c.notify(ClassString, "incrbyfloat", key)
	c.bulk(sum)
}

// addFloat adds two decimal texts, or answers why it cannot. Without an old
// number it is 0.
func (c *call) addFloat(old []byte, has bool, delta []byte, errOld string) ([]byte, bool) {
	a, aInf := new(big.Float).SetPrec(floatPrec), false
	ok := true
	if has {
		if a, aInf, ok = parseFloat(old); !ok {
			c.fail(errOld)
			return nil, false
		}
	}
	b, bInf, ok := parseFloat(delta)
	if !ok {
		c.fail(errNotFloat)
		return nil, false
	}
	if aInf || bInf {
		c.fail(errNaN)
		return nil, false
	}
	sum := new(big.Float).SetPrec(floatPrec).Add(a, b)
	if sum.MantExp(nil) > maxFloatExp {
		c.fail(errNaN)
		return nil, false
	}
	return formatFloat(sum), true
}
