package engine

import (
	"slices"
	"strconv"

	"pingd/kv/engine/call"
	"pingd/kv/engine/keyspace"
)

// cmdScan is SCAN cursor [MATCH pattern] [COUNT n] [TYPE type]. The cursor is a
// place in the order of key hashes, so it means the same on every node and after a
// restart: keys present all the time are returned exactly once.
func cmdScan(c *call.Call) {
	pos, ok := c.ArgCursor(1)
	if !ok {
		return
	}
	o, ok := c.ParseScan(2, true)
	if !ok {
		return
	}
	keys, next := c.Store.Step(c.DB, c.Scratch[:0], pos, o.Count)
	c.Scratch = slices.DeleteFunc(keys, func(ent *keyspace.Entry) bool { return ent.Due(c.Now) || !o.Wants(ent) })
	c.Array(2)
	c.BulkString(strconv.FormatUint(next, 10))
	bulkKeys(c, c.Scratch)
}

func bulkKeys(c *call.Call, keys []*keyspace.Entry) {
	c.Array(len(keys))
	for _, ent := range keys {
		c.BulkString(ent.Key)
	}
	clear(keys)
}

// each calls fn for every key of the current database that is not due.
func each(c *call.Call, fn func(*keyspace.Entry) bool) {
	c.Store.Each(c.DB, func(ent *keyspace.Entry) bool { return ent.Due(c.Now) || fn(ent) })
}

func cmdKeys(c *call.Call) {
	o := call.ScanOptions{Match: c.Args[1]}
	if string(o.Match) == "*" {
		o.Match = nil
	}
	keys := c.Scratch[:0]
	each(c, func(ent *keyspace.Entry) bool {
		if o.Wants(ent) {
			keys = append(keys, ent)
		}
		return true
	})
	c.Scratch = keys
	bulkKeys(c, keys)
}

// cmdRandomKey tries often enough to meet a key that is not due, or else takes the
// first.
func cmdRandomKey(c *call.Call) {
	var found *keyspace.Entry
	for tries := 0; c.Store.Size(c.DB) > 0 && found == nil && tries < 100; tries++ {
		if ent, ok := c.Store.Random(c.DB, c.Random); ok && !ent.Due(c.Now) {
			found = ent
		}
	}
	if found == nil {
		each(c, func(ent *keyspace.Entry) bool { found = ent; return false })
	}
	if found == nil {
		c.Null()
		return
	}
	c.BulkString(found.Key)
}
