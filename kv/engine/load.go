package engine

import (
	"pingd/kv/engine/bulk"
	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
)

// cmdLoad is PINGD.LOAD payload: keys with their values as package bulk encodes
// them, all or, if the payload is malformed, none. It replies how many keys were
// set, how many were left out because their time is over, and how many further
// parts of large values met no key.
func cmdLoad(c *call) {
	records, err := bulk.Decode(c.args[1])
	if err != nil {
		c.fail("ERR PINGD.LOAD: " + err.Error())
		return
	}
	set, late, orphans := 0, 0, 0
	for i := range records {
		r := &records[i]
		c.db = r.DB
		switch {
		case r.Op == bulk.Flush:
			c.flushBut(r.Keep)
		case r.Op == bulk.More && c.get(r.Name) == nil:
			orphans++
		case r.Op == bulk.More:
			if !c.extend(r) {
				return
			}
		case r.ExpireAt != 0 && r.ExpireAt <= c.now:
			late++
		default:
			c.load(r)
			set++
		}
	}
	c.array(3)
	c.int(int64(set))
	c.int(int64(late))
	c.int(int64(orphans))
}

// load gives a key its value, whatever it held.
func (c *call) load(r *bulk.Record) {
	c.setExpire(c.set(r.Name, r.Value, false), r.ExpireAt)
	c.notify(ClassGeneric, "restore", r.Name)
}

// extend adds to a key that an earlier record began, or answers why not.
func (c *call) extend(r *bulk.Record) bool {
	ent := c.get(r.Name)
	switch more := r.Value.(type) {
	case *value.Text:
		if _, ok := c.getString(r.Name); !ok {
			return false
		}
		v := c.grow(ent)
		v.B = append(v.B, more.B...)
		c.resized(len(more.B))
		return true
	case *value.Hash:
		if _, ok := ent.Val.(*value.Hash); !ok {
			break
		}
		c.touch(ent)
		v := c.store.Own(ent).(*value.Hash)
		before := v.Size()
		more.Each(func(f *value.Field) { v.Set([]byte(f.Name()), f.Value()) })
		c.resized(v.Size() - before)
		return true
	}
	c.fail(errWrongType)
	return false
}

// flushBut removes all keys of all databases but for those of keep, which are of
// database 0: the registrations of processes that live.
func (c *call) flushBut(keep [][]byte) {
	c.db = 0
	var kept []*keyspace.Entry
	for _, key := range keep {
		if ent := c.get(key); ent != nil {
			kept = append(kept, ent)
		}
	}
	for db := range uint8(Databases) {
		c.store.Flush(db)
	}
	c.notify(ClassGeneric, "flushall", nil)
	for _, ent := range kept {
		if c.get([]byte(ent.Key)) == nil { // named once
			c.store.Move(ent, 0, []byte(ent.Key))
		}
	}
}

// cmdSizes is PINGD.SIZES: the number of keys in each database.
func cmdSizes(c *call) {
	c.array(Databases)
	for db := range uint8(Databases) {
		c.int(int64(c.store.Size(db)))
	}
}
