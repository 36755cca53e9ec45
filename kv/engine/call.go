package engine

import (
	"github.com/cespare/xxhash/v2"
)

// call is the run of one batch: what a command needs to see and to change the
// keyspace and to reply.
type call struct {
	e     *Engine
	now   int64
	write bool   // within Apply: may change things
	seed  uint64 // state of the generator
	out   []byte // replies so far

	db    uint8
	proto uint8
	spec  *command
	args  [][]byte
	keys  []*entry // scratch
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

func (c *call) ks() *keyspace { return c.e.dbs[c.db] }

// writable returns the current database, made if it is still empty.
func (c *call) writable() *keyspace { return c.e.database(c.db) }

func (e *Engine) database(db uint8) *keyspace {
	if e.dbs[db] == nil {
		e.dbs[db] = newKeyspace()
	}
	return e.dbs[db]
}

func (c *call) due(ent *entry) bool { return ent.expireAt != 0 && ent.expireAt <= c.now }

// get returns the entry of key in the current database, or nil. A write that
// meets a due entry removes it.
func (c *call) get(key []byte) *entry {
	ent := c.ks().lookup(xxhash.Sum64(key), key)
	if ent == nil || !c.due(ent) {
		return ent
	}
	if c.write {
		c.expire(ent)
	}
	return nil
}

// expire removes a due entry of the current database.
func (c *call) expire(ent *entry) {
	c.remove(ent)
	c.notify(ClassExpired, "expired", []byte(ent.key))
}

// create adds a key that is absent. val is not shared with anybody.
func (c *call) create(key []byte, val value) *entry {
	c.e.version++
	ent := &entry{
		key: string(key), hash: xxhash.Sum64(key), val: val,
		version: c.e.version, epoch: c.e.epoch, own: c.e.epoch,
	}
	c.writable().insert(ent)
	return ent
}

// touch must precede every change of an existing entry: it saves the entry for a
// running snapshot and gives it a new version.
func (c *call) touch(ent *entry) {
	c.ks().save(ent, c.e.epoch)
	c.e.version++
	ent.version = c.e.version
}

// own must precede every change of a value in place, after touch: it clones the
// value if a running snapshot may refer to it.
func (c *call) own(ent *entry) value {
	if ent.own != c.e.epoch {
		if c.e.snap != nil {
			ent.val = ent.val.clone()
		}
		ent.own = c.e.epoch
	}
	return ent.val
}

// replace gives a touched entry another value, not shared with anybody.
func (c *call) replace(ent *entry, val value) {
	c.resized(val.size() - ent.val.size())
	ent.val, ent.own = val, c.e.epoch
}

// resized counts that a value has grown by delta bytes in place.
func (c *call) resized(delta int) { c.ks().bytes += int64(delta) }

// remove deletes the entry from the current database.
func (c *call) remove(ent *entry) {
	c.e.version++
	c.ks().save(ent, c.e.epoch)
	c.ks().delete(ent)
}

// setExpire changes when a touched entry expires, 0 for never.
func (c *call) setExpire(ent *entry, at int64) { c.ks().setExpire(ent, at) }

// set stores a string as SET does: whatever the key held is replaced. It keeps
// the expiry only if told.
func (c *call) set(key []byte, val value, keepTTL bool) *entry {
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
	ent := c.e.dbs[db].lookup(xxhash.Sum64(key), key)
	if ent == nil || c.due(ent) {
		return 0
	}
	return ent.version
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

// below returns a number from 0 to n-1.
func (c *call) below(n int) int { return int(c.random() % uint64(n)) }
