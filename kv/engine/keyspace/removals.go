package keyspace

import "github.com/cespare/xxhash/v2"

// removals remembers when keys were removed, as versions of the store: by key's hash,
// so that few are taken for one another. It is this process's own: replicas need not
// agree on more than that a removal which both know has one version on both.
type removals struct {
	latest [4096]uint64
	all    uint64 // nothing is known of removals before it
}

func (r *removals) note(hash, version uint64) { r.latest[hash%uint64(len(r.latest))] = version }

func (r *removals) noteAll(version uint64) { r.all = version }

// Removed returns a number that becomes another one whenever key is removed from any
// database, and now and then without reason. That of another replica may differ
// without reason too, but is not the same if the key was removed in between.
func (s *Store) Removed(key []byte) uint64 {
	h := xxhash.Sum64(key)
	return max(s.removed.all, s.removed.latest[h%uint64(len(s.removed.latest))])
}
