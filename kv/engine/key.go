package engine

import (
	"pingd/kv/engine/call"
	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
)

// cmdDel is DEL and UNLINK: freeing memory is the garbage collector's work in
// either case.
func cmdDel(c *call.Call) {
	n := 0
	for _, key := range c.Args[1:] {
		if ent := c.Get(key); ent != nil {
			c.Remove(ent)
			c.Notify(call.ClassGeneric, "del", key)
			n++
		}
	}
	c.Int(int64(n))
}

// cmdExists is EXISTS and TOUCH: keys named twice count twice.
func cmdExists(c *call.Call) {
	n := 0
	for _, key := range c.Args[1:] {
		if c.Get(key) != nil {
			n++
		}
	}
	c.Int(int64(n))
}

func cmdType(c *call.Call) {
	if ent := c.Get(c.Args[1]); ent != nil {
		c.Status(ent.Val.Type())
	} else {
		c.Status("none")
	}
}

func cmdRename(c *call.Call) {
	if rename(c, false) {
		c.OK()
	}
}

func cmdRenameNX(c *call.Call) {
	if rename(c, true) {
		c.Int(1)
	}
}

// rename moves the value and the expiry, or answers why not.
func rename(c *call.Call, nx bool) bool {
	from, to := c.Args[1], c.Args[2]
	ent := c.Get(from)
	if ent == nil {
		c.Fail(call.ErrNoKey)
		return false
	}
	if string(from) == string(to) {
		if nx {
			c.Int(0)
		}
		return !nx
	}
	if old := c.Get(to); old != nil {
		if nx {
			c.Int(0)
			return false
		}
		c.Remove(old)
	}
	c.Remove(ent)
	c.Store.Move(ent, c.DB, to)
	c.Notify(call.ClassGeneric, "rename_from", from)
	c.Notify(call.ClassGeneric, "rename_to", to)
	return true
}

// argDB reads a database number, or answers bad.
func argDB(c *call.Call, i int, bad string) (uint8, bool) {
	n, ok := value.ParseInt(c.Args[i])
	if !ok {
		c.Fail(bad)
		return 0, false
	}
	if n < 0 || n >= Databases {
		c.Fail(call.ErrDBIndex)
		return 0, false
	}
	return uint8(n), true
}

// cmdCopy is COPY source destination [DB n] [REPLACE].
func cmdCopy(c *call.Call) {
	from, to, db, replace := c.Args[1], c.Args[2], c.DB, false
	for i := 3; i < len(c.Args); i++ {
		switch {
		case call.EqualFold(c.Args[i], "REPLACE"):
			replace = true
		case call.EqualFold(c.Args[i], "DB") && i+1 < len(c.Args):
			i++
			var ok bool
			if db, ok = argDB(c, i, call.ErrNotInt); !ok {
				return
			}
		default:
			c.Fail(call.ErrSyntax)
			return
		}
	}
	if db == c.DB && string(from) == string(to) {
		c.Fail(call.ErrSameObject)
		return
	}
	ent := c.Get(from)
	if ent == nil {
		c.Int(0)
		return
	}
	here := c.DB
	c.DB = db
	if old := c.Get(to); old != nil {
		if !replace {
			c.DB = here
			c.Int(0)
			return
		}
		c.Remove(old)
	}
	made := c.Create(to, ent.Val.Clone())
	c.SetExpire(made, ent.ExpireAt)
	c.Notify(call.ClassGeneric, "copy_to", to)
	c.DB = here
	c.Int(1)
}

func cmdMove(c *call.Call) {
	db, ok := argDB(c, 2, call.ErrNotInt)
	if !ok {
		return
	}
	if db == c.DB {
		c.Fail(call.ErrSameObject)
		return
	}
	key, here := c.Args[1], c.DB
	ent := c.Get(key)
	if ent == nil {
		c.Int(0)
		return
	}
	c.DB = db
	taken := c.Get(key) != nil
	c.DB = here
	if taken {
		c.Int(0)
		return
	}
	c.Remove(ent)
	c.Store.Move(ent, db, key)
	c.Notify(call.ClassGeneric, "move_from", key)
	c.NotifyIn(db, call.ClassGeneric, "move_to", key)
	c.Int(1)
}

// cmdObject is OBJECT ENCODING|REFCOUNT|IDLETIME|FREQ key and OBJECT HELP. There
// is no eviction, so nothing is tracked for IDLETIME and FREQ.
func cmdObject(c *call.Call) {
	sub := c.Args[1]
	if call.EqualFold(sub, "HELP") && len(c.Args) == 2 {
		c.Array(len(objectHelp))
		for _, line := range objectHelp {
			c.Status(line)
		}
		return
	}
	for _, name := range [...]string{"ENCODING", "REFCOUNT", "IDLETIME", "FREQ", "HELP"} {
		if call.EqualFold(sub, name) {
			object(c, name)
			return
		}
	}
	c.Fail("ERR unknown subcommand '" + string(call.Clip(sub, 128)) + "'. Try OBJECT HELP.")
}

func object(c *call.Call, sub string) {
	if len(c.Args) != 3 || sub == "HELP" {
		c.Fail("ERR wrong number of arguments for 'object|" + lowerWord(sub) + "' command")
		return
	}
	ent := c.Get(c.Args[2])
	switch {
	case ent == nil:
		c.Null()
	case sub == "ENCODING":
		c.BulkString(ent.Val.Encoding())
	case sub == "REFCOUNT":
		c.Int(refCount(c, ent))
	case sub == "IDLETIME":
		c.Int(0)
	default:
		c.Fail("ERR An LFU maxmemory policy is not selected, access frequency not tracked. " +
			"Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.")
	}
}

// refCount answers as Redis does, where small integers are shared objects.
func refCount(c *call.Call, ent *keyspace.Entry) int64 {
	if n, ok := ent.Val.(*value.Number); ok && n.N >= 0 && n.N < 10000 {
		return 1<<31 - 1
	}
	return 1
}

func lowerWord(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] |= 0x20
	}
	return string(b)
}

var objectHelp = []string{
	"OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
	"ENCODING <key>",
	"    Return the kind of internal representation used in order to store the value",
	"    associated with a <key>.",
	"FREQ <key>",
	"    Return the access frequency index of the <key>. The returned integer is",
	"    proportional to the logarithm of the recent access frequency of the key.",
	"IDLETIME <key>",
	"    Return the idle time of the <key>, that is the approximated number of",
	"    seconds elapsed since the last access to the key.",
	"REFCOUNT <key>",
	"    Return the number of references of the value associated with the specified",
	"    <key>.",
	"HELP",
	"    Prints this help.",
}
