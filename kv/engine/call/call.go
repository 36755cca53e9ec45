package call

import (
	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
)

// Call is the run of one batch: what a command needs to see and to change the
// keyspace and to reply. The engine owns it; commands use it while they run.
type Call struct {
	Store   *keyspace.Store
	Now     int64                 // log time, or for a read the later wall clock; unix ms
	Writes  bool                  // within Apply: may change things
	Level   uint8                 // of the entry: commands of a higher one are unknown
	Seed    uint64                // state of the generator
	Out     []byte                // replies so far
	Execute func(*Call, [][]byte) // runs another command within this one

	DB     uint8
	Proto  uint8
	Client uint64 // of the command that came from outside
	Spec   *Command
	Args   [][]byte

	Scratch []*keyspace.Entry // kept from call to call

	// Events, unless nil, is where what changes is noted.
	Events *[]Event

	begin, limit int  // see Begin
	cut          bool // the reply was too large

	hits, misses, expired int64
}

// Figures returns how many keys commands that only read found and did not find,
// and how many keys expired.
func (c *Call) Figures() (hits, misses, expired int64) { return c.hits, c.misses, c.expired }

// Get returns the entry of key in the current database, or nil. A write that
// meets a due entry removes it.
func (c *Call) Get(key []byte) *keyspace.Entry {
	ent := c.Store.Lookup(c.DB, key)
	if ent != nil && ent.Due(c.Now) {
		if c.Writes {
			c.Expire(ent)
		}
		ent = nil
	}
	if c.Spec != nil && c.Spec.Flags&Read != 0 {
		if ent != nil {
			c.hits++
		} else {
			c.misses++
		}
	}
	return ent
}

// Expire removes a due entry of the current database.
func (c *Call) Expire(ent *keyspace.Entry) {
	c.expired++
	c.Remove(ent)
	c.Notify(ClassExpired, "expired", []byte(ent.Key))
}

// Create adds a key that is absent to the current database (keyspace.Store.Create).
func (c *Call) Create(key []byte, val value.Value) *keyspace.Entry {
	return c.Store.Create(c.DB, key, val)
}

// Touch must precede every change of an entry (keyspace.Store.Touch).
func (c *Call) Touch(ent *keyspace.Entry) { c.Store.Touch(c.DB, ent) }

// Replace gives a touched entry another value (keyspace.Store.Replace).
func (c *Call) Replace(ent *keyspace.Entry, val value.Value) { c.Store.Replace(c.DB, ent, val) }

// Resized counts that a value has grown in place (keyspace.Store.Resized).
func (c *Call) Resized(delta int) { c.Store.Resized(c.DB, delta) }

// Remove deletes an entry of the current database.
func (c *Call) Remove(ent *keyspace.Entry) { c.Store.Remove(c.DB, ent) }

// SetExpire changes when a touched entry expires (unix ms), 0 for never.
func (c *Call) SetExpire(ent *keyspace.Entry, at int64) { c.Store.SetExpire(c.DB, ent, at) }

// Set stores a string as SET does: whatever the key held is replaced. It keeps
// the expiry only if told.
func (c *Call) Set(key []byte, val value.Value, keepTTL bool) *keyspace.Entry {
	ent := c.Get(key)
	if ent == nil {
		return c.Create(key, val)
	}
	c.Touch(ent)
	c.Replace(ent, val)
	if !keepTTL {
		c.SetExpire(ent, 0)
	}
	return ent
}

// Version returns the version of a key, 0 if it is absent.
func (c *Call) Version(db uint8, key []byte) uint64 {
	if db >= keyspace.Databases {
		return 0
	}
	ent := c.Store.Lookup(db, key)
	if ent == nil || ent.Due(c.Now) {
		return 0
	}
	return ent.Version
}

// Random returns the next number of the generator (SplitMix64), the same on
// every replica within Apply.
func (c *Call) Random() uint64 {
	c.Seed += 0x9e3779b97f4a7c15
	z := c.Seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
