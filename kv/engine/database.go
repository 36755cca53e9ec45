package engine

import "pingd/kv/engine/value"

func cmdDBSize(c *call) { c.int(int64(c.store.Size(c.db))) }

// cmdSelect answers SELECT within a transaction: the front has already given each
// command its database.
func cmdSelect(c *call) {
	if _, ok := c.argDB(1, errNotInt); ok {
		c.ok()
	}
}

func cmdSwapDB(c *call) {
	a, ok := value.ParseInt(c.args[1])
	if !ok {
		c.fail("ERR invalid first DB index")
		return
	}
	b, ok := value.ParseInt(c.args[2])
	if !ok {
		c.fail("ERR invalid second DB index")
		return
	}
	if a < 0 || a >= Databases || b < 0 || b >= Databases {
		c.fail(errDBIndex)
		return
	}
	c.store.Swap(uint8(a), uint8(b))
	c.ok()
}

// flushMode reads [ASYNC|SYNC]: both are the same here, dropping the table.
func (c *call) flushMode() bool {
	if len(c.args) > 2 || len(c.args) == 2 && !equalFold(c.args[1], "ASYNC") && !equalFold(c.args[1], "SYNC") {
		c.fail(errSyntax)
		return false
	}
	return true
}

func cmdFlushDB(c *call) {
	if c.flushMode() {
		c.store.Flush(c.db)
		c.notify(ClassGeneric, "flushdb", nil)
		c.ok()
	}
}

func cmdFlushAll(c *call) {
	if c.flushMode() {
		for db := range uint8(Databases) {
			c.store.Flush(db)
		}
		c.notify(ClassGeneric, "flushall", nil)
		c.ok()
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
