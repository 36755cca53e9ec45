package engine

import (
	"pingd/kv/engine/call"
	"pingd/kv/engine/value"
)

func cmdDBSize(c *call.Call) { c.Int(int64(c.Store.Size(c.DB))) }

// cmdSelect answers SELECT within a transaction: the front has already given each
// command its database.
func cmdSelect(c *call.Call) {
	if _, ok := argDB(c, 1, call.ErrNotInt); ok {
		c.OK()
	}
}

func cmdSwapDB(c *call.Call) {
	a, ok := value.ParseInt(c.Args[1])
	if !ok {
		c.Fail("ERR invalid first DB index")
		return
	}
	b, ok := value.ParseInt(c.Args[2])
	if !ok {
		c.Fail("ERR invalid second DB index")
		return
	}
	if a < 0 || a >= Databases || b < 0 || b >= Databases {
		c.Fail(call.ErrDBIndex)
		return
	}
	c.Store.Swap(uint8(a), uint8(b))
	// Whoever listens for changes in one of them knows nothing of the other's keys.
	for _, db := range []int64{a, b} {
		c.NotifyIn(uint8(db), call.ClassGeneric, "flushdb", nil)
	}
	c.OK()
}

// flushMode reads [ASYNC|SYNC]: both are the same here, dropping the table.
func flushMode(c *call.Call) bool {
	if len(c.Args) > 2 || len(c.Args) == 2 && !call.EqualFold(c.Args[1], "ASYNC") && !call.EqualFold(c.Args[1], "SYNC") {
		c.Fail(call.ErrSyntax)
		return false
	}
	return true
}

func cmdFlushDB(c *call.Call) {
	if flushMode(c) {
		c.Store.Flush(c.DB)
		c.Notify(call.ClassGeneric, "flushdb", nil)
		c.OK()
	}
}

func cmdFlushAll(c *call.Call) {
	if flushMode(c) {
		for db := range uint8(Databases) {
			c.Store.Flush(db)
		}
		c.Notify(call.ClassGeneric, "flushall", nil)
		c.OK()
	}
}

// Stats are figures about an engine.
type Stats struct {
	Keys      [Databases]int `json:"keys"`    // per database, due keys not yet removed included
	Expires   [Databases]int `json:"expires"` // those with an expiry
	Bytes     int64          `json:"bytes"`   // approximate memory of keys, values and tokens
	Tokens    int            `json:"tokens"`  // remembered by ONCE and ONCEINCR
	UnixMilli int64          `json:"unix_ms"` // log time
}

// Counters are what this process has seen since it began; they are no part of the
// state.
type Counters struct {
	Expired      int64 // keys removed because their time was over
	Hits, Misses int64 // keys that commands which only read found, or did not
}

// Counters returns the present figures.
func (e *Engine) Counters() Counters {
	return Counters{Expired: e.expired.Load(), Hits: e.hits.Load(), Misses: e.misses.Load()}
}

// tokenOverhead is about what a token costs beside its reply.
const tokenOverhead = 72

// Stats returns the present figures.
func (e *Engine) Stats() Stats {
	e.store.RLock()
	defer e.store.RUnlock()
	tokens := e.store.Tokens
	s := Stats{Tokens: tokens.Len(), UnixMilli: e.store.Now}
	s.Bytes = int64(s.Tokens*tokenOverhead + tokens.Bytes())
	for db := range uint8(Databases) {
		s.Keys[db], s.Expires[db] = e.store.Size(db), e.store.Expires(db)
		s.Bytes += e.store.Bytes(db)
	}
	return s
}
