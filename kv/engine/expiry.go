package engine

import "math"

// expireUnit says how a command gives a time.
type expireUnit struct {
	millis   bool // milliseconds, not seconds
	absolute bool // since 1970, not from now
}

func (c *call) badExpire() {
	c.fail("ERR invalid expire time in '" + c.spec.lower + "' command")
}

// deadline turns the argument of an option such as EX into unix ms, or answers
// why it cannot. As SET and GETEX have it: it must be positive.
func (c *call) deadline(i int, unit expireUnit) (int64, bool) {
	n, ok := c.argInt(i)
	if !ok {
		return 0, false
	}
	if n <= 0 || !unit.millis && n > math.MaxInt64/1000 {
		c.badExpire()
		return 0, false
	}
	if !unit.millis {
		n *= 1000
	}
	if !unit.absolute {
		if n > math.MaxInt64-c.now {
			c.badExpire()
			return 0, false
		}
		n += c.now
	}
	return n, true
}

func cmdExpire(c *call)    { c.expireGeneric(expireUnit{}) }
func cmdPExpire(c *call)   { c.expireGeneric(expireUnit{millis: true}) }
func cmdExpireAt(c *call)  { c.expireGeneric(expireUnit{absolute: true}) }
func cmdPExpireAt(c *call) { c.expireGeneric(expireUnit{millis: true, absolute: true}) }

// expireWhen is the condition of EXPIRE's options.
type expireWhen struct{ nx, xx, gt, lt bool }

func (c *call) expireOptions() (w expireWhen, ok bool) {
	for _, arg := range c.args[3:] {
		switch {
		case equalFold(arg, "NX"):
			w.nx = true
		case equalFold(arg, "XX"):
			w.xx = true
		case equalFold(arg, "GT"):
			w.gt = true
		case equalFold(arg, "LT"):
			w.lt = true
		default:
			c.fail("ERR Unsupported option " + string(arg))
			return w, false
		}
	}
	if w.nx && (w.xx || w.gt || w.lt) {
		c.fail("ERR NX and XX, GT or LT options at the same time are not compatible")
		return w, false
	}
	if w.gt && w.lt {
		c.fail("ERR GT and LT options at the same time are not compatible")
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

func (c *call) expireGeneric(unit expireUnit) {
	w, ok := c.expireOptions()
	if !ok {
		return
	}
	at, ok := c.argInt(2)
	if !ok {
		return
	}
	if !unit.millis {
		if at > math.MaxInt64/1000 || at < math.MinInt64/1000 {
			c.badExpire()
			return
		}
		at *= 1000
	}
	if !unit.absolute {
		if at > math.MaxInt64-c.now {
			c.badExpire()
			return
		}
		at += c.now
	}
	ent := c.get(c.args[1])
	if ent == nil || !w.allows(ent.ExpireAt, at) {
		c.int(0)
		return
	}
	if at <= c.now {
		c.remove(ent)
		c.notify(ClassGeneric, "del", c.args[1])
	} else {
		c.touch(ent)
		c.setExpire(ent, at)
		c.notify(ClassGeneric, "expire", c.args[1])
	}
	c.int(1)
}

func cmdTTL(c *call)         { c.ttl(expireUnit{}) }
func cmdPTTL(c *call)        { c.ttl(expireUnit{millis: true}) }
func cmdExpireTime(c *call)  { c.ttl(expireUnit{absolute: true}) }
func cmdPExpireTime(c *call) { c.ttl(expireUnit{millis: true, absolute: true}) }

// ttl replies -2 for no key, -1 for no expiry. Seconds are rounded to the nearest.
func (c *call) ttl(unit expireUnit) {
	ent := c.get(c.args[1])
	switch {
	case ent == nil:
		c.int(-2)
		return
	case ent.ExpireAt == 0:
		c.int(-1)
		return
	}
	ms := ent.ExpireAt
	if !unit.absolute {
		ms -= c.now
	}
	if !unit.millis {
		ms = ms/1000 + (ms%1000+500)/1000
	}
	c.int(ms)
}

func cmdPersist(c *call) {
	ent := c.get(c.args[1])
	if ent == nil || ent.ExpireAt == 0 {
		c.int(0)
		return
	}
	c.touch(ent)
	c.setExpire(ent, 0)
	c.notify(ClassGeneric, "persist", c.args[1])
	c.int(1)
}
