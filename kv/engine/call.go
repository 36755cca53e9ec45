package engine

import (
	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
)

// call is the run of one batch: what a command needs to see and to change the
// keyspace and to reply.
type call struct {
	e     *Engine
	store *keyspace.Store
	now   int64
	write bool   // within Apply: may change things
	seed  uint64 // state of the generator
	out   []byte // replies so far

	db    uint8
	proto uint8
	spec  *command
	args  [][]byte
	keys  []*keyspace.Entry // scratch
}

// run executes one command or transaction and appends its reply.
func (c *call) run(cmd *Command) {
	c.db, c.proto = cmd.DB, cmd.Proto
	switch {
	case cmd.Literal != nil:
		c.out = append(c.out, cmd.Literal...)
	case cmd.Txn != nil:
		c.transaction(cmd.Txn)
	default:
		c.execute(cmd.Args)
	}
}

// execute runs the command in args in the current database.
func (c *call) execute(args [][]byte) {
	if len(args) == 0 || c.db >= Databases {
		c.fail(errNoCommand)
		return
	}
	spec := c.e.find(args[0])
	c.spec, c.args = spec, args
	switch {
	case spec == nil:
		c.unknown()
	case !spec.arityOK(len(args)):
		c.wrongArity()
	case !c.write && spec.Flags&Write != 0:
		c.fail(errReadOnly)
	default:
		spec.run(c)
	}
}

// get returns the entry of key in the current database, or nil. A write that
// meets a due entry removes it.
func (c *call) get(key []byte) *keyspace.Entry {
	ent := c.store.Lookup(c.db, key)
	if ent == nil || !ent.Due(c.now) {
		return ent
	}
	if c.write {
		c.expire(ent)
	}
	return nil
}

// expire removes a due entry of the current database.
func (c *call) expire(ent *keyspace.Entry) {
	c.remove(ent)
	c.notify(ClassExpired, "expired", []byte(ent.Key))
}

// The following are the store's methods, in the current database.

func (c *call) create(key []byte, val value.Value) *keyspace.Entry {
	return c.store.Create(c.db, key, val)
}
func (c *call) touch(ent *keyspace.Entry)                    { c.store.Touch(c.db, ent) }
func (c *call) replace(ent *keyspace.Entry, val value.Value) { c.store.Replace(c.db, ent, val) }
func (c *call) resized(delta int)                            { c.store.Resized(c.db, delta) }
func (c *call) remove(ent *keyspace.Entry)                   { c.store.Remove(c.db, ent) }
func (c *call) setExpire(ent *keyspace.Entry, at int64)      { c.store.SetExpire(c.db, ent, at) }

// set stores a string as SET does: whatever the key held is replaced. It keeps
// the expiry only if told.
func (c *call) set(key []byte, val value.Value, keepTTL bool) *keyspace.Entry {
	ent := c.get(key)
	if ent == nil {
		return c.create(key, val)
	}
	c.touch(ent)
	c.replace(ent, val)
	if !keepTTL {
		c.setExpire(ent, 0)
	}
	return ent
}

// version returns the version of a key, 0 if it is absent.
func (c *call) version(db uint8, key []byte) uint64 {
	if db >= Databases {
		return 0
	}
	ent := c.store.Lookup(db, key)
	if ent == nil || ent.Due(c.now) {
		return 0
	}
	return ent.Version
}

// random returns the next number of the generator (SplitMix64), the same on
// every replica within Apply.
func (c *call) random() uint64 {
	c.seed += 0x9e3779b97f4a7c15
	z := c.seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
