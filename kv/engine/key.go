package engine

import (
	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
)

// cmdDel is DEL and UNLINK: freeing memory is the garbage collector's work in
// either case.
func cmdDel(c *call) {
	n := 0
	for _, key := range c.args[1:] {
		if ent := c.get(key); ent != nil {
			c.remove(ent)
			c.notify(ClassGeneric, "del", key)
			n++
		}
	}
	c.int(int64(n))
}

// cmdExists is EXISTS and TOUCH: keys named twice count twice.
func cmdExists(c *call) {
	n := 0
	for _, key := range c.args[1:] {
		if c.get(key) != nil {
			n++
		}
	}
	c.int(int64(n))
}

func cmdType(c *call) {
	if ent := c.get(c.args[1]); ent != nil {
		c.status(ent.Val.Type())
	} else {
		c.status("none")
	}
}

func cmdRename(c *call) {
	if c.rename(false) {
		c.ok()
	}
}

func cmdRenameNX(c *call) {
	if c.rename(true) {
		c.int(1)
	}
}

// rename moves the value and the expiry, or answers why not.
func (c *call) rename(nx bool) bool {
	from, to := c.args[1], c.args[2]
	ent := c.get(from)
	if ent == nil {
		c.fail(errNoKey)
		return false
	}
	if string(from) == string(to) {
		if nx {
			c.int(0)
		}
		return !nx
	}
	if old := c.get(to); old != nil {
		if nx {
			c.int(0)
			return false
		}
		c.remove(old)
	}
	c.remove(ent)
	c.store.Move(ent, c.db, to)
	c.notify(ClassGeneric, "rename_from", from)
	c.notify(ClassGeneric, "rename_to", to)
	return true
}

// argDB reads a database number, or answers bad.
func (c *call) argDB(i int, bad string) (uint8, bool) {
	n, ok := value.ParseInt(c.args[i])
	if !ok {
		c.fail(bad)
		return 0, false
	}
	if n < 0 || n >= Databases {
		c.fail(errDBIndex)
		return 0, false
	}
	return uint8(n), true
}

// cmdCopy is COPY source destination [DB n] [REPLACE].
func cmdCopy(c *call) {
	from, to, db, replace := c.args[1], c.args[2], c.db, false
	for i := 3; i < len(c.args); i++ {
		switch {
		case equalFold(c.args[i], "REPLACE"):
			replace = true
		case equalFold(c.args[i], "DB") && i+1 < len(c.args):
			i++
			var ok bool
			if db, ok = c.argDB(i, errNotInt); !ok {
				return
			}
		default:
			c.fail(errSyntax)
			return
		}
	}
	if db == c.db && string(from) == string(to) {
		c.fail(errSameObject)
		return
	}
	ent := c.get(from)
	if ent == nil {
		c.int(0)
		return
	}
	here := c.db
	c.db = db
	if old := c.get(to); old != nil {
		if !replace {
			c.db = here
			c.int(0)
			return
		}
		c.remove(old)
	}
	made := c.create(to, ent.Val.Clone())
	c.setExpire(made, ent.ExpireAt)
	c.notify(ClassGeneric, "copy_to", to)
	c.db = here
	c.int(1)
}

func cmdMove(c *call) {
	db, ok := c.argDB(2, errNotInt)
	if !ok {
		return
	}
	if db == c.db {
		c.fail(errSameObject)
		return
	}
	key, here := c.args[1], c.db
	ent := c.get(key)
	if ent == nil {
		c.int(0)
		return
	}
	c.db = db
	taken := c.get(key) != nil
	c.db = here
	if taken {
		c.int(0)
		return
	}
	c.remove(ent)
	c.store.Move(ent, db, key)
	c.notify(ClassGeneric, "move_from", key)
	c.notifyIn(db, ClassGeneric, "move_to", key)
	c.int(1)
}

// cmdObject is OBJECT ENCODING|REFCOUNT|IDLETIME|FREQ key and OBJECT HELP. There
// is no eviction, so nothing is tracked for IDLETIME and FREQ.
func cmdObject(c *call) {
	sub := c.args[1]
	if equalFold(sub, "HELP") && len(c.args) == 2 {
		c.array(len(objectHelp))
		for _, line := range objectHelp {
			c.status(line)
		}
		return
	}
	for _, name := range [...]string{"ENCODING", "REFCOUNT", "IDLETIME", "FREQ", "HELP"} {
		if equalFold(sub, name) {
			c.object(name)
			return
		}
	}
	c.fail("ERR unknown subcommand '" + string(clip(sub, 128)) + "'. Try OBJECT HELP.")
}

func (c *call) object(sub string) {
	if len(c.args) != 3 || sub == "HELP" {
		c.fail("ERR wrong number of arguments for 'object|" + lowerWord(sub) + "' command")
		return
	}
	ent := c.get(c.args[2])
	switch {
	case ent == nil:
		c.null()
	case sub == "ENCODING":
		c.bulkString(ent.Val.Encoding())
	case sub == "REFCOUNT":
		c.int(c.refCount(ent))
	case sub == "IDLETIME":
		c.int(0)
	default:
		c.fail("ERR An LFU maxmemory policy is not selected, access frequency not tracked. " +
			"Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.")
	}
}

// refCount answers as Redis does, where small integers are shared objects.
func (c *call) refCount(ent *keyspace.Entry) int64 {
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
