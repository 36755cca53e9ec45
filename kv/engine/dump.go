package engine

import (
	"errors"
	"math"

	"pingd/kv/engine/call"
	"pingd/kv/engine/value"
	"pingd/kv/rdb"
)

// cmdDump is DUMP key: the value in the format of RDB files, which Redis's RESTORE
// takes too.
func cmdDump(c *call.Call) {
	ent := c.Get(c.Args[1])
	if ent == nil {
		c.Null()
		return
	}
	switch v := ent.Val.(type) {
	case *value.Number, *value.Text:
		var buf [20]byte
		c.Bulk(rdb.AppendStringDump(nil, value.Bytes(v, buf[:])))
	case *value.Hash:
		c.Bulk(rdb.AppendHashDump(nil, v.Len(), func(add func(name, val []byte)) {
			v.Each(func(f *value.Field) { add([]byte(f.Name()), f.Value()) })
		}))
	default:
		c.Fail("ERR DUMP of a " + ent.Val.Type() + " is not supported")
	}
}

// restored gathers the value of a dump.
type restored struct {
	text *value.Text
	hash *value.Hash
	size int
}

var errDumpKind = errors.New("ERR RESTORE: this store has no such type")

// Key implements rdb.Visitor.
func (r *restored) Key(k rdb.Key) error {
	switch k.Kind {
	case rdb.String:
		r.text = &value.Text{}
	case rdb.Hash:
		r.hash = value.NewHash()
	default:
		return errDumpKind
	}
	return nil
}

// Part implements rdb.Visitor.
func (r *restored) Part(a, b []byte) error {
	if r.size += len(a) + len(b); r.size > maxString {
		return rdb.ErrFormat
	}
	if r.text != nil {
		r.text.B = append(r.text.B, a...)
	} else if !r.hash.Set(a, b) {
		return rdb.ErrFormat // twice the same field
	}
	return nil
}

// End implements rdb.Visitor.
func (r *restored) End() error { return nil }

// value returns what was gathered; nil for a hash without fields, which is no key.
func (r *restored) value() value.Value {
	switch {
	case r.text != nil:
		return value.NewString(r.text.B)
	case r.hash != nil && r.hash.Len() > 0:
		return r.hash
	}
	return nil
}

// cmdRestore is RESTORE key ttl dump [REPLACE] [ABSTTL] [IDLETIME s] [FREQ n]. The
// order of its errors is Redis's.
func cmdRestore(c *call.Call) {
	replace, absolute, ok := restoreOptions(c)
	if !ok {
		return
	}
	key := c.Args[1]
	old := c.Get(key)
	if old != nil && !replace {
		c.Fail("BUSYKEY Target key name already exists.")
		return
	}
	ttl, ok := c.ArgInt(2)
	if !ok {
		return
	}
	if ttl < 0 {
		c.Fail("ERR Invalid TTL value, must be >= 0")
		return
	}
	val, ok := readDump(c, c.Args[3])
	if !ok {
		return
	}
	if ttl > 0 && !absolute {
		if ttl > math.MaxInt64-c.Now {
			c.BadExpire()
			return
		}
		ttl += c.Now
	}
	if ttl > 0 && ttl <= c.Now { // over before it began
		if old != nil {
			c.Remove(old)
			c.Notify(call.ClassGeneric, "del", key)
		}
		c.OK()
		return
	}
	ent := c.Set(key, val, false)
	c.SetExpire(ent, ttl)
	c.Notify(call.ClassGeneric, "restore", key)
	c.OK()
}

func restoreOptions(c *call.Call) (replace, absolute, ok bool) {
	idle, freq := false, false
	for i := 4; i < len(c.Args); i++ {
		more := i+1 < len(c.Args)
		switch arg := c.Args[i]; {
		case call.EqualFold(arg, "REPLACE"):
			replace = true
		case call.EqualFold(arg, "ABSTTL"):
			absolute = true
		case call.EqualFold(arg, "IDLETIME") && more && !freq, call.EqualFold(arg, "FREQ") && more && !idle:
			i++
			n, ok := c.ArgInt(i)
			if !ok {
				return false, false, false
			}
			if idle = call.EqualFold(arg, "IDLETIME"); idle && n < 0 {
				c.Fail("ERR Invalid IDLETIME value, must be >= 0")
				return false, false, false
			}
			if freq = !idle; freq && (n < 0 || n > 255) {
				c.Fail("ERR Invalid FREQ value, must be >= 0 and <= 255")
				return false, false, false
			}
		default:
			c.Fail(call.ErrSyntax)
			return false, false, false
		}
	}
	return replace, absolute, true
}

// readDump reads a dump, or answers what is wrong with it.
func readDump(c *call.Call, dump []byte) (value.Value, bool) {
	var r restored
	err := rdb.ReadDump(dump, &r)
	val := r.value()
	switch {
	case errors.Is(err, rdb.ErrChecksum), errors.Is(err, rdb.ErrVersion):
		c.Fail("ERR DUMP payload version or checksum are wrong")
	case errors.Is(err, errDumpKind):
		c.Fail(err.Error())
	case err != nil, val == nil:
		c.Fail("ERR Bad data format")
	default:
		return val, true
	}
	return nil, false
}

// cmdMemory is MEMORY USAGE key [SAMPLES n], the one subcommand of MEMORY that is
// about data.
func cmdMemory(c *call.Call) {
	if !call.EqualFold(c.Args[1], "USAGE") || len(c.Args) < 3 {
		c.Fail("ERR unknown subcommand '" + string(call.Clip(c.Args[1], 128)) + "'. Try MEMORY HELP.")
		return
	}
	for i := 3; i < len(c.Args); i += 2 {
		if !call.EqualFold(c.Args[i], "SAMPLES") || i+1 == len(c.Args) {
			c.Fail(call.ErrSyntax)
			return
		}
		n, ok := c.ArgInt(i + 1)
		if !ok {
			return
		}
		if n < 0 {
			c.Fail(call.ErrSyntax)
			return
		}
	}
	if ent := c.Get(c.Args[2]); ent != nil {
		c.Int(ent.Size())
		return
	}
	c.Null()
}
