package engine

import (
	"slices"
	"strconv"

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
	keys, next := c.keys[:0], pos
	for seen := 0; ; {
		entries, after := c.tableSpan(next)
		taken := 0
		for _, ent := range entries {
			// Keys of one hash must not be torn apart: the cursor cannot point between.
			if seen >= o.count && taken > 0 && entries[taken-1].hash != ent.hash ||
				seen >= o.count && taken == 0 {
				break
			}
			taken++
			seen++
			if !c.due(ent) && o.wants(ent) {
				keys = append(keys, ent)
			}
		}
		if taken < len(entries) {
			next = entries[taken].hash
			break
		}
		if next = after; next == 0 || seen >= o.count {
			break
		}
	}
	c.keys = keys
	c.array(2)
	c.bulkString(strconv.FormatUint(next, 10))
	c.bulkKeys(keys)
}

func (c *call) tableSpan(pos uint64) ([]*entry, uint64) {
	if c.ks() == nil {
		return nil, 0
	}
	return c.ks().span(pos)
}

func (o *scanOptions) wants(ent *entry) bool {
	return (o.match == nil || glob.Match(o.match, []byte(ent.key))) &&
		(o.typeName == nil || string(o.typeName) == ent.val.typeName())
}

func (c *call) bulkKeys(keys []*entry) {
	c.array(len(keys))
	for _, ent := range keys {
		c.bulkString(ent.key)
	}
	clear(keys)
}

// each calls fn for every key of the current database that is not due.
func (c *call) each(fn func(*entry) bool) {
	if c.ks() == nil {
		return
	}
	c.ks().table.each(func(ent *entry) bool { return c.due(ent) || fn(ent) })
}

func cmdKeys(c *call) {
	o := scanOptions{match: c.args[1]}
	if string(o.match) == "*" {
		o.match = nil
	}
	keys := c.keys[:0]
	c.each(func(ent *entry) bool {
		if o.wants(ent) {
			keys = append(keys, ent)
		}
		return true
	})
	c.keys = keys
	c.bulkKeys(keys)
}

// cmdRandomKey takes a random key of a random stretch of the order, or the next
// one that is not due.
func cmdRandomKey(c *call) {
	var found *entry
	ks := c.ks()
	for tries := 0; ks.size() > 0 && found == nil && tries < 100; tries++ {
		entries := ks.at(c.random()).entries
		if len(entries) == 0 {
			continue
		}
		if ent := entries[c.below(len(entries))]; !c.due(ent) {
			found = ent
		}
	}
	if found == nil {
		c.each(func(ent *entry) bool { found = ent; return false })
	}
	if found == nil {
		c.null()
		return
	}
	c.bulkString(found.key)
}
