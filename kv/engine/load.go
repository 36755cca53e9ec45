package engine

import (
	"pingd/kv/engine/bulk"
	"pingd/kv/engine/call"
	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
)

// cmdLoad is PINGD.LOAD payload: keys with their values as package bulk encodes
// them, all or, if the payload is malformed, none. It replies how many keys were
// set, how many were left out because their time is over, and how many further
// parts of large values met no key.
func cmdLoad(c *call.Call) {
	records, err := bulk.Decode(c.Args[1])
	if err != nil {
		c.Fail("ERR PINGD.LOAD: " + err.Error())
		return
	}
	set, late, orphans := 0, 0, 0
	for i := range records {
		r := &records[i]
		c.DB = r.DB
		switch {
		case r.Op == bulk.Flush:
			flushBut(c, r.Keep)
		case r.Op == bulk.More && c.Get(r.Name) == nil:
			orphans++
		case r.Op == bulk.More:
			if !extend(c, r) {
				return
			}
			c.Notify(call.ClassGeneric, "restore", r.Name)
		case r.ExpireAt != 0 && r.ExpireAt <= c.Now:
			late++
		default:
			loadKey(c, r)
			set++
		}
	}
	c.Array(3)
	c.Int(int64(set))
	c.Int(int64(late))
	c.Int(int64(orphans))
}

// loadKey gives a key its value, whatever it held.
func loadKey(c *call.Call, r *bulk.Record) {
	c.SetExpire(c.Set(r.Name, r.Value, false), r.ExpireAt)
	c.Notify(call.ClassGeneric, "restore", r.Name)
}

// extend adds to a key that an earlier record began, or answers why not.
func extend(c *call.Call, r *bulk.Record) bool {
	ent := c.Get(r.Name)
	switch more := r.Value.(type) {
	case *value.Text:
		if _, ok := c.GetString(r.Name); !ok {
			return false
		}
		v := grow(c, ent)
		v.B = append(v.B, more.B...)
		c.Resized(len(more.B))
		return true
	case *value.Hash:
		if _, ok := ent.Val.(*value.Hash); !ok {
			break
		}
		c.Touch(ent)
		v := c.Store.Own(ent).(*value.Hash)
		before := v.Size()
		more.Each(func(f *value.Field) { v.Set([]byte(f.Name()), f.Value()) })
		c.Resized(v.Size() - before)
		return true
	}
	c.Fail(call.ErrWrongType)
	return false
}

// flushBut removes all keys of all databases but for those of keep, which are of
// database 0: the registrations of processes that live.
func flushBut(c *call.Call, keep [][]byte) {
	c.DB = 0
	var kept []*keyspace.Entry
	for _, key := range keep {
		if ent := c.Get(key); ent != nil {
			kept = append(kept, ent)
		}
	}
	for db := range uint8(Databases) {
		c.Store.Flush(db)
	}
	c.Notify(call.ClassGeneric, "flushall", nil)
	for _, ent := range kept {
		if c.Get([]byte(ent.Key)) == nil { // named once
			c.Store.Move(ent, 0, []byte(ent.Key))
		}
	}
}

// cmdSizes is PINGD.SIZES: the number of keys in each database.
func cmdSizes(c *call.Call) {
	c.Array(Databases)
	for db := range uint8(Databases) {
		c.Int(int64(c.Store.Size(db)))
	}
}
