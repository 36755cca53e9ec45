package engine

import (
	"slices"
	"strconv"

	"pingd/kv/engine/keyspace"

	"pingd/kv/engine/glob"
)

// scanOptions are the options of SCAN and its relatives.
type scanOptions struct {
	count    int
	match    []byte // nil: everything
	typeName []byte // nil: every type
}

// parseScan reads the options from word i on, or answers what is wrong.
func (c *call) parseScan(i int, withType bool) (o scanOptions, ok bool) {
	o.count = 10
	for ; i < len(c.args); i += 2 {
		last := i+1 == len(c.args)
		switch {
		case !last && equalFold(c.args[i], "COUNT"):
			n, ok := c.argInt(i + 1)
			if !ok {
				return o, false
			}
			if n < 1 {
				c.fail(errSyntax)
				return o, false
			}
			o.count = int(min(n, 1<<20))
		case !last && equalFold(c.args[i], "MATCH"):
			o.match = c.args[i+1]
			if string(o.match) == "*" {
				o.match = nil
			}
		case !last && withType && equalFold(c.args[i], "TYPE"):
			o.typeName = lowerBytes(c.args[i+1])
		default:
			c.fail(errSyntax)
			return o, false
		}
	}
	return o, true
}

func lowerBytes(b []byte) []byte {
	b = slices.Clone(b)
	for i, ch := range b {
		if 'A' <= ch && ch <= 'Z' {
			b[i] = ch + 'a' - 'A'
		}
	}
	return b
}

func (c *call) argCursor(i int) (uint64, bool) {
	n, err := strconv.ParseUint(string(c.args[i]), 10, 64)
	if err != nil {
		c.fail(errCursor)
		return 0, false
	}
	return n, true
}

// cmdScan is SCAN cursor [MATCH pattern] [COUNT n] [TYPE type]. The cursor is a
// place in the order of key hashes, so it means the same on every node and after a
// restart: keys present all the time are returned exactly once.
func cmdScan(c *call) {
	pos, ok := c.argCursor(1)
	if !ok {
		return
	}
	o, ok := c.parseScan(2, true)
	if !ok {
		return
	}
	keys, next := c.store.Step(c.db, c.keys[:0], pos, o.count)
	c.keys = slices.DeleteFunc(keys, func(ent *keyspace.Entry) bool { return ent.Due(c.now) || !o.wants(ent) })
	c.array(2)
	c.bulkString(strconv.FormatUint(next, 10))
	c.bulkKeys(c.keys)
}

func (o *scanOptions) wants(ent *keyspace.Entry) bool {
	return (o.match == nil || glob.Match(o.match, []byte(ent.Key))) &&
		(o.typeName == nil || string(o.typeName) == ent.Val.Type())
}

func (c *call) bulkKeys(keys []*keyspace.Entry) {
	c.array(len(keys))
	for _, ent := range keys {
		c.bulkString(ent.Key)
	}
	clear(keys)
}

// each calls fn for every key of the current database that is not due.
func (c *call) each(fn func(*keyspace.Entry) bool) {
	c.store.Each(c.db, func(ent *keyspace.Entry) bool { return ent.Due(c.now) || fn(ent) })
}

func cmdKeys(c *call) {
	o := scanOptions{match: c.args[1]}
	if string(o.match) == "*" {
		o.match = nil
	}
	keys := c.keys[:0]
	c.each(func(ent *keyspace.Entry) bool {
		if o.wants(ent) {
			keys = append(keys, ent)
		}
		return true
	})
	c.keys = keys
	c.bulkKeys(keys)
}

// cmdRandomKey tries often enough to meet a key that is not due, or else takes the
// first.
func cmdRandomKey(c *call) {
	var found *keyspace.Entry
	for tries := 0; c.store.Size(c.db) > 0 && found == nil && tries < 100; tries++ {
		if ent, ok := c.store.Random(c.db, c.random); ok && !ent.Due(c.now) {
			found = ent
		}
	}
	if found == nil {
		c.each(func(ent *keyspace.Entry) bool { found = ent; return false })
	}
	if found == nil {
		c.null()
		return
	}
	c.bulkString(found.Key)
}
