package engine

import (
	"sync"
	"sync/atomic"

	"pingd/kv/engine/once"
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
	opts     Options
	commands map[string]*command
	onEvents func([]Event)
	reads    sync.Pool     // of *call
	readSeed atomic.Uint64 // choices of reads need not be the same elsewhere

	write call    // reused by Apply
	fired []Event // of the current Apply; reused

	mu sync.RWMutex // taken once by each Apply and each Read
	state
	epoch uint32    // of the latest snapshot
	snap  *Snapshot // being written, or nil
}

// state is everything that replicas must agree on.
type state struct {
	now     int64  // log time, unix ms
	version uint64 // of the latest change of any key
	dbs     [Databases]*keyspace
	tokens  *once.Table
}

// New returns an empty engine.
func New(opts Options) *Engine {
	e := &Engine{opts: opts, commands: index}
	e.reads.New = func() any { return new(call) }
	e.tokens = once.New(opts.MaxTokens)
	return e
}

// Apply runs cmds in order under stamp as one atomic step and appends one reply
// for each to out. Log time first moves to stamp.UnixMilli, unless it is already
// later, and a bounded number of due keys and tokens is removed. Read-only
// commands are allowed. Only one goroutine may call it at a time; cmds are not
// retained.
func (e *Engine) Apply(stamp Stamp, cmds []Command, out *Replies) {
	e.mu.Lock()
	e.now = max(e.now, stamp.UnixMilli)
	c := &e.write
	*c = call{e: e, now: e.now, write: true, seed: stamp.Seed, out: out.Buf, keys: c.keys[:0]}
	c.sweep()
	for i := range cmds {
		c.run(&cmds[i])
		out.Buf = c.out
		out.End()
	}
	c.args, c.out = nil, nil
	fired := e.fired
	e.mu.Unlock()
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
	e.mu.RLock()
	*c = call{e: e, now: max(e.now, now), seed: seed, out: out.Buf, keys: c.keys[:0]}
	for i := range cmds {
		c.run(&cmds[i])
		out.Buf = c.out
		out.End()
	}
	e.mu.RUnlock()
	c.args, c.out = nil, nil
	e.reads.Put(c)
}

// Now returns log time in unix milliseconds.
func (e *Engine) Now() int64 {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.now
}

// Version returns the version of a key as WATCH compares it: 0 if the key is
// absent at log time, else a number that changes with every change of the key.
func (e *Engine) Version(db uint8, key []byte) uint64 {
	e.mu.RLock()
	defer e.mu.RUnlock()
	c := call{e: e, now: e.now, db: db}
	return c.version(db, key)
}

// NextDue returns when the next key or token ends, in unix milliseconds, or
// false if none does. An Apply at that time, even of no commands, removes it.
func (e *Engine) NextDue() (ms int64, ok bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	ms, ok = e.tokens.NextDue()
	for _, ks := range e.dbs {
		if at, has := ks.nextDue(); has && (!ok || at < ms) {
			ms, ok = at, true
		}
	}
	return ms, ok
}

// sweep removes a bounded number of keys and tokens that are due.
func (c *call) sweep() {
	e := c.e
	e.tokens.Expire(e.now, tokensPerApply)
	budget := expirePerApply
	for db, ks := range e.dbs {
		for budget > 0 {
			d, ok := ks.firstDue()
			if !ok || d.at > e.now {
				break
			}
			c.db = uint8(db)
			c.expire(d.ent)
			budget--
		}
	}
}
