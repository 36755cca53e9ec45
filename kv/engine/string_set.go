package engine

import (
	"math"

	"pingd/kv/engine/call"
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
	case call.EqualFold(arg, "EX"):
		return expireUnit{}, true
	case call.EqualFold(arg, "PX"):
		return expireUnit{millis: true}, true
	case call.EqualFold(arg, "EXAT"):
		return expireUnit{absolute: true}, true
	case call.EqualFold(arg, "PXAT"):
		return expireUnit{millis: true, absolute: true}, true
	}
	return unit, false
}

// parseSet reads the options after SET key value, or GETEX key, or answers what is
// wrong with them.
func parseSet(c *call.Call, from int, getex bool) (o setOptions, ok bool) {
	for i := from; i < len(c.Args); i++ {
		arg := c.Args[i]
		u, isExpiry := expiryWord(arg)
		switch {
		case isExpiry && i+1 < len(c.Args) && o.expiry == 0 && !o.keepTTL && !o.persist:
			i++
			o.unit, o.expiry = u, i
		case !getex && !o.xx && call.EqualFold(arg, "NX"):
			o.nx = true
		case !getex && !o.nx && call.EqualFold(arg, "XX"):
			o.xx = true
		case !getex && call.EqualFold(arg, "GET"):
			o.get = true
		case !getex && o.expiry == 0 && call.EqualFold(arg, "KEEPTTL"):
			o.keepTTL = true
		case getex && o.expiry == 0 && call.EqualFold(arg, "PERSIST"):
			o.persist = true
		default:
			c.Fail(call.ErrSyntax)
			return o, false
		}
	}
	return o, true
}

// expireAt returns the expiry that the options ask for, 0 for none, or answers why
// there is none such.
func expireAt(c *call.Call, o setOptions) (at int64, ok bool) {
	if o.expiry == 0 {
		return 0, true
	}
	return deadline(c, o.expiry, o.unit)
}

// cmdSet is SET key value [NX|XX] [GET] [EX|PX|EXAT|PXAT time|KEEPTTL].
func cmdSet(c *call.Call) {
	o, ok := parseSet(c, 3, false)
	if !ok {
		return
	}
	at, ok := expireAt(c, o)
	if !ok {
		return
	}
	key := c.Args[1]
	var ent *keyspace.Entry
	if o.get {
		if ent, ok = c.GetString(key); !ok {
			return
		}
		if ent == nil {
			c.Null()
		} else {
			c.String(ent.Val)
		}
	} else {
		ent = c.Get(key)
	}
	if o.nx && ent != nil || o.xx && ent == nil {
		if !o.get {
			c.Null()
		}
		return
	}
	ent = c.Set(key, value.NewString(c.Args[2]), o.keepTTL)
	c.Notify(call.ClassString, "set", key)
	if at != 0 {
		c.SetExpire(ent, at)
		c.Notify(call.ClassGeneric, "expire", key)
	}
	if !o.get {
		c.OK()
	}
}

func cmdSetNX(c *call.Call) {
	if c.Get(c.Args[1]) != nil {
		c.Int(0)
		return
	}
	c.Create(c.Args[1], value.NewString(c.Args[2]))
	c.Notify(call.ClassString, "set", c.Args[1])
	c.Int(1)
}

func cmdSetEX(c *call.Call)  { setEX(c, expireUnit{}) }
func cmdPSetEX(c *call.Call) { setEX(c, expireUnit{millis: true}) }

func setEX(c *call.Call, unit expireUnit) {
	at, ok := deadline(c, 2, unit)
	if !ok {
		return
	}
	ent := c.Set(c.Args[1], value.NewString(c.Args[3]), false)
	c.SetExpire(ent, at)
	c.Notify(call.ClassString, "set", c.Args[1])
	c.Notify(call.ClassGeneric, "expire", c.Args[1])
	c.OK()
}

func cmdGetSet(c *call.Call) {
	ent, ok := c.GetString(c.Args[1])
	if !ok {
		return
	}
	if ent == nil {
		c.Null()
	} else {
		c.String(ent.Val)
	}
	c.Set(c.Args[1], value.NewString(c.Args[2]), false)
	c.Notify(call.ClassString, "set", c.Args[1])
}

func cmdMSet(c *call.Call) {
	if len(c.Args)%2 == 0 {
		c.WrongArity()
		return
	}
	msetAll(c)
	c.OK()
}

func cmdMSetNX(c *call.Call) {
	if len(c.Args)%2 == 0 {
		c.WrongArity()
		return
	}
	for i := 1; i < len(c.Args); i += 2 {
		if c.Get(c.Args[i]) != nil {
			c.Int(0)
			return
		}
	}
	msetAll(c)
	c.Int(1)
}

func msetAll(c *call.Call) {
	for i := 1; i < len(c.Args); i += 2 {
		c.Set(c.Args[i], value.NewString(c.Args[i+1]), false)
		c.Notify(call.ClassString, "set", c.Args[i])
	}
}

// maxString is the longest string, Redis's proto-max-bulk-len.
const maxString = 512 << 20

func cmdAppend(c *call.Call) {
	key, tail := c.Args[1], c.Args[2]
	ent, ok := c.GetString(key)
	if !ok {
		return
	}
	if ent == nil {
		ent = c.Create(key, value.NewString(tail))
	} else {
		if value.Len(ent.Val)+len(tail) > maxString {
			c.Fail(call.ErrTooLong)
			return
		}
		v := grow(c, ent)
		// Bytes beyond the old length are in nobody else's view of the slice, but
		// grow has made the value ours anyway.
		v.B = append(v.B, tail...)
		c.Resized(len(tail))
	}
	c.Notify(call.ClassString, "append", key)
	c.Int(int64(value.Len(ent.Val)))
}

// grow touches a string entry and returns its value as a text to change in place.
func grow(c *call.Call, ent *keyspace.Entry) *value.Text {
	c.Touch(ent)
	if n, ok := ent.Val.(*value.Number); ok {
		c.Replace(ent, &value.Text{B: value.Bytes(n, nil), Grown: true})
	}
	v := c.Store.Own(ent).(*value.Text)
	v.Grown = true
	return v
}

func cmdSetRange(c *call.Call) {
	key, patch := c.Args[1], c.Args[3]
	offset, ok := c.ArgInt(2)
	if !ok {
		return
	}
	if offset < 0 {
		c.Fail(call.ErrOffset)
		return
	}
	ent, ok := c.GetString(key)
	if !ok {
		return
	}
	if len(patch) == 0 {
		n := 0
		if ent != nil {
			n = value.Len(ent.Val)
		}
		c.Int(int64(n))
		return
	}
	if offset > math.MaxInt64-int64(len(patch)) || offset+int64(len(patch)) > maxString {
		c.Fail(call.ErrTooLong)
		return
	}
	if ent == nil {
		ent = c.Create(key, &value.Text{Grown: true})
	}
	v := grow(c, ent)
	before := len(v.B)
	if end := int(offset) + len(patch); end > before {
		v.B = append(v.B, make([]byte, end-before)...)
	}
	copy(v.B[offset:], patch)
	c.Resized(len(v.B) - before)
	c.Notify(call.ClassString, "setrange", key)
	c.Int(int64(len(v.B)))
}
