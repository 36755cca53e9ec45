package engine

import (
	"math"

	"pingd/kv/engine/call"
)

// expireUnit says how a command gives a time.
type expireUnit struct {
	millis   bool // milliseconds, not seconds
	absolute bool // since 1970, not from now
}

// deadline turns the argument of an option such as EX into unix ms, or answers
// why it cannot. As SET and GETEX have it: it must be positive.
func deadline(c *call.Call, i int, unit expireUnit) (int64, bool) {
	n, ok := c.ArgInt(i)
	if !ok {
		return 0, false
	}
	if n <= 0 || !unit.millis && n > math.MaxInt64/1000 {
		c.BadExpire()
		return 0, false
	}
	if !unit.millis {
		n *= 1000
	}
	if !unit.absolute {
		if n > math.MaxInt64-c.Now {
			c.BadExpire()
			return 0, false
		}
		n += c.Now
	}
	return n, true
}

func cmdExpire(c *call.Call)    { expireGeneric(c, expireUnit{}) }
func cmdPExpire(c *call.Call)   { expireGeneric(c, expireUnit{millis: true}) }
func cmdExpireAt(c *call.Call)  { expireGeneric(c, expireUnit{absolute: true}) }
func cmdPExpireAt(c *call.Call) { expireGeneric(c, expireUnit{millis: true, absolute: true}) }

// expireWhen is the condition of EXPIRE's options.
type expireWhen struct{ nx, xx, gt, lt bool }

func expireOptions(c *call.Call) (w expireWhen, ok bool) {
	for _, arg := range c.Args[3:] {
		switch {
		case call.EqualFold(arg, "NX"):
			w.nx = true
		case call.EqualFold(arg, "XX"):
			w.xx = true
		case call.EqualFold(arg, "GT"):
			w.gt = true
		case call.EqualFold(arg, "LT"):
			w.lt = true
		default:
			c.Fail("ERR Unsupported option " + string(arg))
			return w, false
		}
	}
	if w.nx && (w.xx || w.gt || w.lt) {
		c.Fail("ERR NX and XX, GT or LT options at the same time are not compatible")
		return w, false
	}
	if w.gt && w.lt {
		c.Fail("ERR GT and LT options at the same time are not compatible")
		return w, false
	}
	return w, true
}

// allows reports whether an expiry may change from old (0: none) to at.
func (w expireWhen) allows(old, at int64) bool {
	switch {
	case w.nx && old != 0, w.xx && old == 0:
		return false
	case w.gt && (old == 0 || at <= old), w.lt && old != 0 && at >= old:
		return false
	}
	return true
}

func expireGeneric(c *call.Call, unit expireUnit) {
	w, ok := expireOptions(c)
	if !ok {
		return
	}
	at, ok := c.ArgInt(2)
	if !ok {
		return
	}
	if !unit.millis {
		if at > math.MaxInt64/1000 || at < math.MinInt64/1000 {
			c.BadExpire()
			return
		}
		at *= 1000
	}
	if !unit.absolute {
		if at > math.MaxInt64-c.Now {
			c.BadExpire()
			return
		}
		at += c.Now
	}
	ent := c.Get(c.Args[1])
	if ent == nil || !w.allows(ent.ExpireAt, at) {
		c.Int(0)
		return
	}
	if at <= c.Now {
		c.Remove(ent)
		c.Notify(call.ClassGeneric, "del", c.Args[1])
	} else {
		c.Touch(ent)
		c.SetExpire(ent, at)
		c.Notify(call.ClassGeneric, "expire", c.Args[1])
	}
	c.Int(1)
}

func cmdTTL(c *call.Call)         { ttl(c, expireUnit{}) }
func cmdPTTL(c *call.Call)        { ttl(c, expireUnit{millis: true}) }
func cmdExpireTime(c *call.Call)  { ttl(c, expireUnit{absolute: true}) }
func cmdPExpireTime(c *call.Call) { ttl(c, expireUnit{millis: true, absolute: true}) }

// ttl replies -2 for no key, -1 for no expiry. Seconds are rounded to the nearest.
func ttl(c *call.Call, unit expireUnit) {
	ent := c.Get(c.Args[1])
	switch {
	case ent == nil:
		c.Int(-2)
		return
	case ent.ExpireAt == 0:
		c.Int(-1)
		return
	}
	ms := ent.ExpireAt
	if !unit.absolute {
		ms -= c.Now
	}
	if !unit.millis {
		ms = ms/1000 + (ms%1000+500)/1000
	}
	c.Int(ms)
}

func cmdPersist(c *call.Call) {
	ent := c.Get(c.Args[1])
	if ent == nil || ent.ExpireAt == 0 {
		c.Int(0)
		return
	}
	c.Touch(ent)
	c.SetExpire(ent, 0)
	c.Notify(call.ClassGeneric, "persist", c.Args[1])
	c.Int(1)
}
