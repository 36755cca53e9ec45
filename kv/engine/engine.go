package engine

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"pingd/kv/engine/call"
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
	commands  map[string]*call.Command
	runs      func(*call.Call, [][]byte) // execute
	onEvents  func([]Event)
	onRestore func()
	reads     sync.Pool     // of *call.Call
	readSeed  atomic.Uint64 // choices of reads need not be the same elsewhere

	hits, misses, expired atomic.Int64 // of this process

	write call.Call // reused by Apply
	fired []Event   // of the current Apply; reused

	store *keyspace.Store // its lock is taken once by each Apply and each Read
}

// New returns an empty engine.
func New(opts Options) *Engine {
	e := &Engine{commands: index, store: keyspace.New(opts.MaxTokens)}
	e.runs = e.execute
	e.reads.New = func() any { return new(call.Call) }
	return e
}

// Apply runs cmds in order under stamp as one atomic step and appends one reply
// for each to out. Log time first moves to stamp.UnixMilli, unless it is already
// later, and a bounded number of due keys and tokens is removed. Read-only
// commands are allowed. Together they may reply call.MaxReply bytes: an error stands for
// a reply beyond. Only one goroutine may call it at a time; cmds are not
// retained.
func (e *Engine) Apply(stamp Stamp, cmds []Command, out *Replies) {
	e.store.Lock()
	e.store.Now = max(e.store.Now, stamp.UnixMilli)
	c := &e.write
	*c = call.Call{
		Store: e.store, Now: e.store.Now, Writes: true, Seed: stamp.Seed, Out: out.Buf, Scratch: c.Scratch[:0],
		Level: stamp.level(), Execute: e.runs,
	}
	if e.onEvents != nil {
		c.Events = &e.fired
	}
	sweep(c)
	limit := out.limit()
	for i := range cmds {
		c.Client = cmds[i].Client
		e.serve(c, &cmds[i], out, limit)
	}
	e.finish(c)
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
func (e *Engine) Read(now int64, cmds []Command, out *Replies) { e.read(now, cmds, out, false) }

// ReadSettled is Read for nodes whose clocks differ: a key is absent once an Apply
// has brought log time to its expiry, and not before. What one node has seen to end
// does not come back on another whose clock is behind.
func (e *Engine) ReadSettled(now int64, cmds []Command, out *Replies) { e.read(now, cmds, out, true) }

// Overdue returns for how long a key is there whose expiry, by the wall clock now,
// has passed: the longest of all keys.
func (e *Engine) Overdue(now int64) time.Duration {
	e.store.RLock()
	defer e.store.RUnlock()
	settled := e.store.Settled(now)
	if settled == now {
		return 0
	}
	return time.Duration(now-settled-1) * time.Millisecond
}

func (e *Engine) read(now int64, cmds []Command, out *Replies, settled bool) {
	c := e.reads.Get().(*call.Call)
	seed := e.readSeed.Add(1) ^ uint64(now)
	e.store.RLock()
	if settled {
		now = e.store.Settled(now)
	}
	*c = call.Call{
		Store: e.store, Now: max(e.store.Now, now), Seed: seed, Out: out.Buf, Scratch: c.Scratch[:0],
		Level: Level, Execute: e.runs,
	}
	for i := range cmds {
		e.serve(c, &cmds[i], out, out.limit())
	}
	e.store.RUnlock()
	e.finish(c)
	e.reads.Put(c)
}

// finish forgets what belongs to others and hands in the figures.
func (e *Engine) finish(c *call.Call) {
	c.Args, c.Out = nil, nil
	hits, misses, expired := c.Figures()
	e.hits.Add(hits)
	e.misses.Add(misses)
	e.expired.Add(expired)
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
	c := call.Call{Store: e.store, Now: e.store.Now, DB: db}
	return c.Version(db, key)
}

// NextDue returns when the next key or token ends, in unix milliseconds, or
// false if none does. An Apply at that time, even of no commands, removes it.
func (e *Engine) NextDue() (ms int64, ok bool) {
	e.store.RLock()
	defer e.store.RUnlock()
	return e.store.NextDue()
}

// sweep removes a bounded number of keys and tokens that are due.
func sweep(c *call.Call) {
	c.Store.Tokens.Expire(c.Now, tokensPerApply)
	budget := expirePerApply
	for c.DB = 0; c.DB < Databases; c.DB++ {
		for ; budget > 0; budget-- {
			ent, ok := c.Store.FirstDue(c.DB)
			if !ok || !ent.Due(c.Now) {
				break
			}
			c.Expire(ent)
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
func (e *Engine) Restore(r io.Reader) error {
	err := e.store.Restore(r)
	if err == nil && e.onRestore != nil {
		e.onRestore()
	}
	return err
}

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
