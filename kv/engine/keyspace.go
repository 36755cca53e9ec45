package engine

import "github.com/tidwall/btree"

// keyspace is one numbered database. A nil *keyspace is an empty one that must
// not be written to.
type keyspace struct {
	*table
	due   *btree.BTreeG[due] // keys that expire, by time
	bytes int64              // approximate

	// While a snapshot is written, pre holds what it still needs of entries changed
	// since: their state before the first change. Hashes below done are written
	// already, so their entries need no more saving. Pre is nil otherwise.
	pre  *table
	done uint64
	full bool // everything is written, though pre remains until Close
}

type due struct {
	at  int64
	ent *entry
}

func newKeyspace() *keyspace {
	less := func(a, b due) bool {
		if a.at != b.at {
			return a.at < b.at
		}
		return a.ent.key < b.ent.key
	}
	return &keyspace{
		table: newTable(),
		due:   btree.NewBTreeGOptions(less, btree.Options{NoLocks: true}),
	}
}

func (ks *keyspace) firstDue() (due, bool) {
	if ks == nil {
		return due{}, false
	}
	return ks.due.Min()
}

func (ks *keyspace) nextDue() (ms int64, ok bool) {
	d, ok := ks.firstDue()
	return d.at, ok
}

// lookup returns the entry of key, or nil; it may be due.
func (ks *keyspace) lookup(h uint64, key []byte) *entry {
	if ks == nil {
		return nil
	}
	return ks.get(h, key)
}

// size returns the number of keys, those due but not yet removed included.
func (ks *keyspace) size() int {
	if ks == nil {
		return 0
	}
	return ks.n
}

// save keeps the entry as it is for the running snapshot, once.
func (ks *keyspace) save(ent *entry, epoch uint32) {
	if ks.pre != nil && ent.epoch != epoch && !ks.full && ent.hash >= ks.done {
		old := *ent
		ks.pre.put(&old)
	}
	ent.epoch = epoch
}

// insert adds an entry whose key is absent.
func (ks *keyspace) insert(ent *entry) {
	ks.put(ent)
	ks.bytes += int64(entryOverhead + len(ent.key) + ent.val.size())
	if ent.expireAt != 0 {
		ks.due.Set(due{ent.expireAt, ent})
	}
}

// delete removes the entry; the caller has saved it.
func (ks *keyspace) delete(ent *entry) {
	if ent.expireAt != 0 {
		ks.due.Delete(due{ent.expireAt, ent})
	}
	ks.bytes -= int64(entryOverhead + len(ent.key) + ent.val.size())
	ks.del(ent)
}

// setExpire changes when the entry expires, 0 for never; the caller has saved it.
func (ks *keyspace) setExpire(ent *entry, at int64) {
	if ent.expireAt == at {
		return
	}
	if ent.expireAt != 0 {
		ks.due.Delete(due{ent.expireAt, ent})
	}
	if ent.expireAt = at; at != 0 {
		ks.due.Set(due{at, ent})
	}
}
