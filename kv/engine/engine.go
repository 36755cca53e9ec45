package engine

import (
	"io"
	"sync"
	"sync/atomic"

	"pingd/kv/engine/keyspace"
)

// expirePerApply bounds how many due keys, and tokens, one Apply removes. It is
// part of what replicas must agree on, hence no option.
const (
	expirePerApply = 512
	tokensPerApply = 8192
)

// Options are the engine's settings. The zero value means the defaults.
type Options struct {
	// MaxTokens is how many ONCE and ONCEINCR tokens are remembered, default
	// 1,048,576. Beyond it those that end soonest are dropped. Every replica must
	// have the same value.
	MaxTokens int
}

// Engine is the keyspace. Create it with New. Apply and Restore must not run at
// the same time as each other; everything else is safe for concurrent use.
type Engine struct {
	commands map[string]*command
	onEvents func([]Event)
	reads    sync.Pool     // of *call
	readSeed atomic.Uint64 // choices of reads need not be the same elsewhere

	write call    // reused by Apply
	fired []Event // of the current Apply; reused

	store *keyspace.Store // its lock is taken once by each Apply and each Read
}

// New returns an empty engine.
func New(opts Options) *Engine {
	e := &Engine{commands: index, store: keyspace.New(opts.MaxTokens)}
	e.reads.New = func() any { return new(call) }
	return e
}

// Apply runs cmds in order under stamp as one atomic step and appends one reply
// for each to out. Log time first moves to stamp.UnixMilli, unless it is already
// later, and a bounded number of due keys and tokens is removed. Read-only
// commands are allowed. Only one goroutine may call it at a time; cmds are not
// retained.
func (e *Engine) Apply(stamp Stamp, cmds []Command, out *Replies) {
	e.store.Lock()
	e.store.Now = max(e.store.Now, stamp.UnixMilli)
	c := &e.write
	*c = call{e: e, store: e.store, now: e.store.Now, write: true, seed: stamp.Seed, out: out.Buf, keys: c.keys[:0]}
	c.sweep()
	for i := range cmds {
		c.run(&cmds[i])
		out.Buf = c.out
		out.End()
	}
	c.args, c.out = nil, nil
	fired := e.fired
	e.store.Unlock()
	if len(fired) > 0 {
		e.onEvents(fired)
		clear(fired)
		e.fired = fired[:0]
	}
}

// Read runs read-only commands, and transactions of only such, against one
// consistent state; a command that writes is answered with an error. now is the
// wall clock in unix milliseconds: a key is absent when its expiry is at or
// before the later of now and log time. Safe for concurrent use.
func (e *Engine) Read(now int64, cmds []Command, out *Replies) {
	c := e.reads.Get().(*call)
	seed := e.readSeed.Add(1) ^ uint64(now)
	e.store.RLock()
	*c = call{e: e, store: e.store, now: max(e.store.Now, now), seed: seed, out: out.Buf, keys: c.keys[:0]}
	for i := range cmds {
		c.run(&cmds[i])
		out.Buf = c.out
		out.End()
	}
	e.store.RUnlock()
	c.args, c.out = nil, nil
	e.reads.Put(c)
}

// Now returns log time in unix milliseconds.
func (e *Engine) Now() int64 {
	e.store.RLock()
	defer e.store.RUnlock()
	return e.store.Now
}

// Version returns the version of a key as WATCH compares it: 0 if the key is
// absent at log time, else a number that changes with every change of the key.
func (e *Engine) Version(db uint8, key []byte) uint64 {
	e.store.RLock()
	defer e.store.RUnlock()
	c := call{e: e, store: e.store, now: e.store.Now, db: db}
	return c.version(db, key)
}

// NextDue returns when the next key or token ends, in unix milliseconds, or
// false if none does. An Apply at that time, even of no commands, removes it.
func (e *Engine) NextDue() (ms int64, ok bool) {
	e.store.RLock()
	defer e.store.RUnlock()
	return e.store.NextDue()
}

// sweep removes a bounded number of keys and tokens that are due.
func (c *call) sweep() {
	c.store.Tokens.Expire(c.now, tokensPerApply)
	budget := expirePerApply
	for c.db = 0; c.db < Databases; c.db++ {
		for ; budget > 0; budget-- {
			ent, ok := c.store.FirstDue(c.db)
			if !ok || !ent.Due(c.now) {
				break
			}
			c.expire(ent)
		}
	}
}

// Snapshot freezes the present state, in time that does not depend on the number
// of keys; see keyspace.Store.Snapshot. Its WriteTo runs beside Apply and Read.
func (e *Engine) Snapshot() *Snapshot { return e.store.Snapshot() }

// Restore replaces everything by the state that a snapshot's WriteTo wrote, or, on
// an error, nothing. It must not run at the same time as Apply.
//
// Errors: ErrSnapshotFormat, ErrSnapshotCorrupt, and those of r.
func (e *Engine) Restore(r io.Reader) error { return e.store.Restore(r) }

// Digest returns a hash of the whole state, equal on equal states. It reads every
// key: for tests and rare checks.
func (e *Engine) Digest() uint64 { return e.store.Digest() }

// Snapshot is the state as it was when Engine.Snapshot was called.
type Snapshot = keyspace.Snapshot

// Errors of Restore and of Snapshot.WriteTo.
var (
	ErrSnapshotFormat  = keyspace.ErrSnapshotFormat
	ErrSnapshotCorrupt = keyspace.ErrSnapshotCorrupt
	ErrSnapshotClosed  = keyspace.ErrSnapshotClosed
)
