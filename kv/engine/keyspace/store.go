package keyspace

import (
	"sync"

	"github.com/cespare/xxhash/v2"

	"pingd/kv/engine/once"
	"pingd/kv/engine/value"
)

// Databases is how many numbered keyspaces there are, as in Redis's default
// configuration (the databases setting).
const Databases = 16

// Store is all databases and the remembered tokens. Create it with New. Its
// mutex guards everything in it: methods that change something need it locked by
// the caller, methods that look need the read side, unless they say that they
// lock by themselves.
type Store struct {
	sync.RWMutex
	state
	maxTokens int
	removed   removals
	epoch     uint32    // of the latest snapshot
	snap      *Snapshot // being written, or nil
}

// state is everything that replicas must agree on.
type state struct {
	Now     int64       // log time, unix ms
	Tokens  *once.Table // of ONCE and ONCEINCR
	version uint64      // of the latest change of any key
	spaces  [Databases]*space
}

// New returns an empty store that remembers up to maxTokens tokens, 0 for the
// default of package once.
func New(maxTokens int) *Store {
	return &Store{state: state{Tokens: once.New(maxTokens)}, maxTokens: maxTokens}
}

// Lookup returns the entry of key, or nil. It may be due.
func (s *Store) Lookup(db uint8, key []byte) *Entry {
	return s.spaces[db].lookup(xxhash.Sum64(key), key)
}

// Create adds a key that is absent. The store owns val from now on.
func (s *Store) Create(db uint8, key []byte, val value.Value) *Entry {
	s.version++
	ent := &Entry{
		Key: string(key), hash: xxhash.Sum64(key), Val: val,
		Version: s.version, epoch: s.epoch, own: s.epoch,
	}
	if s.spaces[db] == nil {
		s.spaces[db] = newSpace()
	}
	s.spaces[db].insert(ent)
	return ent
}

// Touch must precede every change of an existing entry: it saves the entry for a
// running snapshot and gives it a new version.
func (s *Store) Touch(db uint8, ent *Entry) {
	s.spaces[db].save(ent, s.epoch)
	s.version++
	ent.Version = s.version
}

// Own must precede every change of a value in place, after Touch: it returns the
// value, cloned if a running snapshot may refer to it.
func (s *Store) Own(ent *Entry) value.Value {
	if ent.own != s.epoch {
		if s.snap != nil {
			ent.Val = ent.Val.Clone()
		}
		ent.own = s.epoch
	}
	return ent.Val
}

// Replace gives a touched entry another value, which the store owns from now on.
func (s *Store) Replace(db uint8, ent *Entry, val value.Value) {
	s.Resized(db, val.Size()-ent.Val.Size())
	ent.Val, ent.own = val, s.epoch
}

// Resized counts that a value of the database has grown by delta bytes in place.
func (s *Store) Resized(db uint8, delta int) { s.spaces[db].bytes += int64(delta) }

// SetExpire changes when a touched entry expires (unix ms), 0 for never.
func (s *Store) SetExpire(db uint8, ent *Entry, at int64) { s.spaces[db].setExpire(ent, at) }

// Remove deletes the entry.
func (s *Store) Remove(db uint8, ent *Entry) {
	s.version++
	s.removed.note(ent.hash, s.version)
	s.spaces[db].save(ent, s.epoch)
	s.spaces[db].delete(ent)
}

// Move gives the value and expiry of an entry that was removed before to a key
// that is absent.
func (s *Store) Move(ent *Entry, db uint8, key []byte) {
	moved := s.Create(db, key, ent.Val)
	// A running snapshot may refer to the value through the removed entry.
	moved.own = ent.own
	s.SetExpire(db, moved, ent.ExpireAt)
}

// Swap exchanges two databases.
func (s *Store) Swap(a, b uint8) {
	s.removed.noteAll(s.version)
	s.spaces[a], s.spaces[b] = s.spaces[b], s.spaces[a]
}

// Flush empties a database at once; a running snapshot keeps the old one.
func (s *Store) Flush(db uint8) {
	s.removed.noteAll(s.version)
	s.spaces[db] = nil
}
