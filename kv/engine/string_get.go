package engine

import (
	"pingd/kv/engine/value"
)

func cmdGet(c *call) {
	ent, ok := c.getString(c.args[1])
	switch {
	case !ok:
	case ent == nil:
		c.null()
	default:
		c.str(ent.Val)
	}
}

// cmdGetEX is GETEX key [EX|PX|EXAT|PXAT time|PERSIST].
func cmdGetEX(c *call) {
	o, ok := c.parseSet(2, true)
	if !ok {
		return
	}
	key := c.args[1]
	ent, ok := c.getString(key)
	if !ok {
		return
	}
	if ent == nil {
		c.null()
		return
	}
	at, ok := c.expireAt(o)
	if !ok {
		return
	}
	c.str(ent.Val)
	switch {
	case at != 0 && at <= c.now:
		c.remove(ent)
		c.notify(ClassGeneric, "del", key)
	case at != 0:
		c.touch(ent)
		c.setExpire(ent, at)
		c.notify(ClassGeneric, "expire", key)
	case o.persist && ent.ExpireAt != 0:
		c.touch(ent)
		c.setExpire(ent, 0)
		c.notify(ClassGeneric, "persist", key)
	}
}

func cmdGetDel(c *call) {
	ent, ok := c.getString(c.args[1])
	switch {
	case !ok:
	case ent == nil:
		c.null()
	default:
		c.str(ent.Val)
		c.remove(ent)
		c.notify(ClassGeneric, "del", c.args[1])
	}
}

func cmdMGet(c *call) {
	c.array(len(c.args) - 1)
	for _, key := range c.args[1:] {
		ent := c.get(key)
		if ent == nil || ent.Val.Type() != "string" {
			c.null()
			continue
		}
		c.str(ent.Val)
	}
}

func cmdStrLen(c *call) {
	ent, ok := c.getString(c.args[1])
	switch {
	case !ok:
	case ent == nil:
		c.int(0)
	default:
		c.int(int64(value.Len(ent.Val)))
	}
}

// cmdGetRange is GETRANGE key start end (and SUBSTR): negative places count from
// the end.
func cmdGetRange(c *call) {
	start, ok := c.argInt(2)
	if !ok {
		return
	}
	end, ok := c.argInt(3)
	if !ok {
		return
	}
	ent, ok := c.getString(c.args[1])
	if !ok {
		return
	}
	if ent == nil || start < 0 && end < 0 && start > end {
		c.bulk(nil)
		return
	}
	var buf [20]byte
	b := value.Bytes(ent.Val, buf[:])
	n := int64(len(b))
	if start < 0 {
		start = max(start+n, 0)
	}
	if end < 0 {
		end = max(end+n, 0)
	}
	end = min(end, n-1)
	if start > end || n == 0 {
		c.bulk(nil)
		return
	}
	c.bulk(b[start : end+1])
}

// lcsMax bounds the table that LCS fills, in cells of 4 bytes.
const lcsMax = 64 << 20

// cmdLCS is LCS key1 key2 [LEN]: the longest common subsequence. IDX is not
// supported.
func cmdLCS(c *call) {
	wantLen := false
	for _, arg := range c.args[3:] {
		if !equalFold(arg, "LEN") {
			c.fail(errSyntax)
			return
		}
		wantLen = true
	}
	var bufs [2][20]byte
	var strs [2][]byte
	for i := range strs {
		if ent := c.get(c.args[1+i]); ent != nil {
			if ent.Val.Type() != "string" {
				c.fail("ERR The specified keys must contain string values")
				return
			}
			strs[i] = value.Bytes(ent.Val, bufs[i][:])
		}
	}
	if int64(len(strs[0])+1)*int64(len(strs[1])+1) > lcsMax {
		c.fail("ERR String too long for LCS")
		return
	}
	common := value.LCS(strs[0], strs[1])
	if wantLen {
		c.int(int64(len(common)))
	} else {
		c.bulk(common)
	}
}
