package engine

import (
	"pingd/kv/engine/call"
	"pingd/kv/engine/value"
)

func cmdGet(c *call.Call) {
	ent, ok := c.GetString(c.Args[1])
	switch {
	case !ok:
	case ent == nil:
		c.Null()
	default:
		c.String(ent.Val)
	}
}

// cmdGetEX is GETEX key [EX|PX|EXAT|PXAT time|PERSIST].
func cmdGetEX(c *call.Call) {
	o, ok := parseSet(c, 2, true)
	if !ok {
		return
	}
	key := c.Args[1]
	ent, ok := c.GetString(key)
	if !ok {
		return
	}
	if ent == nil {
		c.Null()
		return
	}
	at, ok := expireAt(c, o)
	if !ok {
		return
	}
	c.String(ent.Val)
	switch {
	case at != 0 && at <= c.Now:
		c.Remove(ent)
		c.Notify(call.ClassGeneric, "del", key)
	case at != 0:
		c.Touch(ent)
		c.SetExpire(ent, at)
		c.Notify(call.ClassGeneric, "expire", key)
	case o.persist && ent.ExpireAt != 0:
		c.Touch(ent)
		c.SetExpire(ent, 0)
		c.Notify(call.ClassGeneric, "persist", key)
	}
}

func cmdGetDel(c *call.Call) {
	ent, ok := c.GetString(c.Args[1])
	switch {
	case !ok:
	case ent == nil:
		c.Null()
	default:
		c.String(ent.Val)
		c.Remove(ent)
		c.Notify(call.ClassGeneric, "del", c.Args[1])
	}
}

func cmdMGet(c *call.Call) {
	c.Array(len(c.Args) - 1)
	for _, key := range c.Args[1:] {
		ent := c.Get(key)
		if ent == nil || ent.Val.Type() != "string" {
			c.Null()
			continue
		}
		c.String(ent.Val)
	}
}

func cmdStrLen(c *call.Call) {
	ent, ok := c.GetString(c.Args[1])
	switch {
	case !ok:
	case ent == nil:
		c.Int(0)
	default:
		c.Int(int64(value.Len(ent.Val)))
	}
}

// cmdGetRange is GETRANGE key start end (and SUBSTR): negative places count from
// the end.
func cmdGetRange(c *call.Call) {
	start, ok := c.ArgInt(2)
	if !ok {
		return
	}
	end, ok := c.ArgInt(3)
	if !ok {
		return
	}
	ent, ok := c.GetString(c.Args[1])
	if !ok {
		return
	}
	if ent == nil || start < 0 && end < 0 && start > end {
		c.Bulk(nil)
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
		c.Bulk(nil)
		return
	}
	c.Bulk(b[start : end+1])
}

// lcsMax bounds the table that LCS fills, in cells of 4 bytes.
const lcsMax = 64 << 20

// cmdLCS is LCS key1 key2 [LEN]: the longest common subsequence. IDX is not
// supported.
func cmdLCS(c *call.Call) {
	wantLen := false
	for _, arg := range c.Args[3:] {
		if !call.EqualFold(arg, "LEN") {
			c.Fail(call.ErrSyntax)
			return
		}
		wantLen = true
	}
	var bufs [2][20]byte
	var strs [2][]byte
	for i := range strs {
		if ent := c.Get(c.Args[1+i]); ent != nil {
			if ent.Val.Type() != "string" {
				c.Fail("ERR The specified keys must contain string values")
				return
			}
			strs[i] = value.Bytes(ent.Val, bufs[i][:])
		}
	}
	if int64(len(strs[0])+1)*int64(len(strs[1])+1) > lcsMax {
		c.Fail("ERR String too long for LCS")
		return
	}
	common := value.LCS(strs[0], strs[1])
	if wantLen {
		c.Int(int64(len(common)))
	} else {
		c.Bulk(common)
	}
}
