package engine

import (
	"math"

	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
)

// setOptions are the options of SET and GETEX.
type setOptions struct {
	nx, xx, get, keepTTL, persist bool
	expiry                        int // word with the time, 0: none
	unit                          expireUnit
}

// expiryWord returns the unit of an option that sets an expiry; not ok if it is
// another.
func expiryWord(arg []byte) (unit expireUnit, ok bool) {
	switch {
	case equalFold(arg, "EX"):
		return expireUnit{}, true
	case equalFold(arg, "PX"):
		return expireUnit{millis: true}, true
	case equalFold(arg, "EXAT"):
		return expireUnit{absolute: true}, true
	case equalFold(arg, "PXAT"):
		return expireUnit{millis: true, absolute: true}, true
	}
	return unit, false
}

// parseSet reads the options after SET key value, or GETEX key, or answers what is
// wrong with them.
func (c *call) parseSet(from int, getex bool) (o setOptions, ok bool) {
	for i := from; i < len(c.args); i++ {
		arg := c.args[i]
		u, isExpiry := expiryWord(arg)
		switch {
		case isExpiry && i+1 < len(c.args) && o.expiry == 0 && !o.keepTTL && !o.persist:
			i++
			o.unit, o.expiry = u, i
		case !getex && !o.xx && equalFold(arg, "NX"):
			o.nx = true
		case !getex && !o.nx && equalFold(arg, "XX"):
			o.xx = true
		case !getex && equalFold(arg, "GET"):
			o.get = true
		case !getex && o.expiry == 0 && equalFold(arg, "KEEPTTL"):
			o.keepTTL = true
		case getex && o.expiry == 0 && equalFold(arg, "PERSIST"):
			o.persist = true
		default:
			c.fail(errSyntax)
			return o, false
		}
	}
	return o, true
}

// expireAt returns the expiry that the options ask for, 0 for none, or answers why
// there is none such.
func (c *call) expireAt(o setOptions) (at int64, ok bool) {
	if o.expiry == 0 {
		return 0, true
	}
	return c.deadline(o.expiry, o.unit)
}

// cmdSet is SET key value [NX|XX] [GET] [EX|PX|EXAT|PXAT time|KEEPTTL].
func cmdSet(c *call) {
	o, ok := c.parseSet(3, false)
	if !ok {
		return
	}
	at, ok := c.expireAt(o)
	if !ok {
		return
	}
	key := c.args[1]
	var ent *keyspace.Entry
	if o.get {
		if ent, ok = c.getString(key); !ok {
			return
		}
		if ent == nil {
			c.null()
		} else {
			c.str(ent.Val)
		}
	} else {
		ent = c.get(key)
	}
	if o.nx && ent != nil || o.xx && ent == nil {
		if !o.get {
			c.null()
		}
		return
	}
	ent = c.set(key, value.NewString(c.args[2]), o.keepTTL)
	c.notify(ClassString, "set", key)
	if at != 0 {
		c.setExpire(ent, at)
		c.notify(ClassGeneric, "expire", key)
	}
	if !o.get {
		c.ok()
	}
}

func cmdSetNX(c *call) {
	if c.get(c.args[1]) != nil {
		c.int(0)
		return
	}
	c.create(c.args[1], value.NewString(c.args[2]))
	c.notify(ClassString, "set", c.args[1])
	c.int(1)
}

func cmdSetEX(c *call)  { c.setEX(expireUnit{}) }
func cmdPSetEX(c *call) { c.setEX(expireUnit{millis: true}) }

func (c *call) setEX(unit expireUnit) {
	at, ok := c.deadline(2, unit)
	if !ok {
		return
	}
	ent := c.set(c.args[1], value.NewString(c.args[3]), false)
	c.setExpire(ent, at)
	c.notify(ClassString, "set", c.args[1])
	c.notify(ClassGeneric, "expire", c.args[1])
	c.ok()
}

func cmdGetSet(c *call) {
	ent, ok := c.getString(c.args[1])
	if !ok {
		return
	}
	if ent == nil {
		c.null()
	} else {
		c.str(ent.Val)
	}
	c.set(c.args[1], value.NewString(c.args[2]), false)
	c.notify(ClassString, "set", c.args[1])
}

func cmdMSet(c *call) {
	if len(c.args)%2 == 0 {
		c.wrongArity()
		return
	}
	c.msetAll()
	c.ok()
}

func cmdMSetNX(c *call) {
	if len(c.args)%2 == 0 {
		c.wrongArity()
		return
	}
	for i := 1; i < len(c.args); i += 2 {
		if c.get(c.args[i]) != nil {
			c.int(0)
			return
		}
	}
	c.msetAll()
	c.int(1)
}

func (c *call) msetAll() {
	for i := 1; i < len(c.args); i += 2 {
		c.set(c.args[i], value.NewString(c.args[i+1]), false)
		c.notify(ClassString, "set", c.args[i])
	}
}

// maxString is the longest string, Redis's proto-max-bulk-len.
const maxString = 512 << 20

func cmdAppend(c *call) {
	key, tail := c.args[1], c.args[2]
	ent, ok := c.getString(key)
	if !ok {
		return
	}
	if ent == nil {
		ent = c.create(key, value.NewString(tail))
	} else {
		if value.Len(ent.Val)+len(tail) > maxString {
			c.fail(errTooLong)
			return
		}
		v := c.grow(ent)
		// Bytes beyond the old length are in nobody else's view of the slice, but
		// grow has made the value ours anyway.
		v.B = append(v.B, tail...)
		c.resized(len(tail))
	}
	c.notify(ClassString, "append", key)
	c.int(int64(value.Len(ent.Val)))
}

// grow touches a string entry and returns its value as a text to change in place.
func (c *call) grow(ent *keyspace.Entry) *value.Text {
	c.touch(ent)
	if n, ok := ent.Val.(*value.Number); ok {
		c.replace(ent, &value.Text{B: value.Bytes(n, nil), Grown: true})
	}
	v := c.store.Own(ent).(*value.Text)
	v.Grown = true
	return v
}

func cmdSetRange(c *call) {
	key, patch := c.args[1], c.args[3]
	offset, ok := c.argInt(2)
	if !ok {
		return
	}
	if offset < 0 {
		c.fail(errOffset)
		return
	}
	ent, ok := c.getString(key)
	if !ok {
		return
	}
	if len(patch) == 0 {
		n := 0
		if ent != nil {
			n = value.Len(ent.Val)
		}
		c.int(int64(n))
		return
	}
	if offset > math.MaxInt64-int64(len(patch)) || offset+int64(len(patch)) > maxString {
		c.fail(errTooLong)
		return
	}
	if ent == nil {
		ent = c.create(key, &value.Text{Grown: true})
	}
	v := c.grow(ent)
	before := len(v.B)
	if end := int(offset) + len(patch); end > before {
		v.B = append(v.B, make([]byte, end-before)...)
	}
	copy(v.B[offset:], patch)
	c.resized(len(v.B) - before)
	c.notify(ClassString, "setrange", key)
	c.int(int64(len(v.B)))
}
