package keyspace

import "pingd/kv/engine/value"

// Entry is a key with its value. Its fields are read freely and changed only
// through Store, apart from what Store.Own returns.
type Entry struct {
	Key      string
	Val      value.Value
	hash     uint64 // of Key
	ExpireAt int64  // unix ms, 0 = never
	Version  uint64 // store-wide number of the last change
	epoch    uint32 // snapshot epoch of the last change: older = as the snapshot needs it
	own      uint32 // snapshot epoch since which nobody else refers to Val
}

// Name returns the key.
func (ent *Entry) Name() string { return ent.Key }

// Due reports whether the entry has expired at now (unix ms).
func (ent *Entry) Due(now int64) bool { return ent.ExpireAt != 0 && ent.ExpireAt <= now }

// entryOverhead is about what a key costs beside its bytes and its value.
const entryOverhead = 64 + 24

// Size returns about how many bytes key and value take.
func (ent *Entry) Size() int64 {
	return int64(entryOverhead + len(ent.Key) + ent.Val.Size())
}
