package keyspace

import (
	"github.com/tidwall/btree"

	"pingd/kv/engine/ordered"
)

// space is one numbered database. A nil *space is an empty one that must not be
// written to.
type space struct {
	table *ordered.Table[*Entry]
	due   *btree.BTreeG[due] // keys that expire, by time
	bytes int64              // approximate

	// While a snapshot is written, pre holds what it still needs of entries changed
	// since: their state before the first change. Hashes below done are written
	// already, all of them if full, so their entries need no more saving. Pre is nil
	// otherwise.
	pre  *ordered.Table[*Entry]
	done uint64
	full bool
}

type due struct {
	at  int64
	ent *Entry
}

func newSpace() *space {
	less := func(a, b due) bool {
		if a.at != b.at {
			return a.at < b.at
		}
		return a.ent.Key < b.ent.Key
	}
	return &space{
		table: ordered.New[*Entry](),
		due:   btree.NewBTreeGOptions(less, btree.Options{NoLocks: true}),
	}
}

func (sp *space) firstDue() (due, bool) {
	if sp == nil {
		return due{}, false
	}
	return sp.due.Min()
}

func (sp *space) lookup(h uint64, key []byte) *Entry {
	if sp == nil {
		return nil
	}
	ent, _ := sp.table.Get(h, key)
	return ent
}

func (sp *space) len() int {
	if sp == nil {
		return 0
	}
	return sp.table.Len()
}

// save keeps the entry as it is for the running snapshot, once.
func (sp *space) save(ent *Entry, epoch uint32) {
	if sp.pre != nil && ent.epoch != epoch && !sp.full && ent.hash >= sp.done {
		old := *ent
		sp.pre.Put(old.hash, &old)
	}
	ent.epoch = epoch
}

// insert adds an entry whose key is absent.
func (sp *space) insert(ent *Entry) {
	sp.table.Put(ent.hash, ent)
	sp.bytes += ent.Size()
	if ent.ExpireAt != 0 {
		sp.due.Set(due{ent.ExpireAt, ent})
	}
}

// delete removes the entry; the caller has saved it.
func (sp *space) delete(ent *Entry) {
	if ent.ExpireAt != 0 {
		sp.due.Delete(due{ent.ExpireAt, ent})
	}
	sp.bytes -= ent.Size()
	sp.table.Delete(ent.hash, ent)
}

// setExpire changes when the entry expires; the caller has saved it.
func (sp *space) setExpire(ent *Entry, at int64) {
	if ent.ExpireAt == at {
		return
	}
	if ent.ExpireAt != 0 {
		sp.due.Delete(due{ent.ExpireAt, ent})
	}
	if ent.ExpireAt = at; at != 0 {
		sp.due.Set(due{at, ent})
	}
}
