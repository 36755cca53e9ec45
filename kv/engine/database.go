package engine

func cmdDBSize(c *call) { c.int(int64(c.ks().size())) }

// cmdSelect answers SELECT within a transaction: the front has already given each
// command its database.
func cmdSelect(c *call) {
	if _, ok := c.argDB(1, errNotInt); ok {
		c.ok()
	}
}

func cmdSwapDB(c *call) {
	a, ok := c.argDB(1, "ERR invalid first DB index")
	if !ok {
		return
	}
	b, ok := c.argDB(2, "ERR invalid second DB index")
	if !ok {
		return
	}
	c.e.dbs[a], c.e.dbs[b] = c.e.dbs[b], c.e.dbs[a]
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
		// A running snapshot keeps its own reference to the old keyspace.
		c.e.dbs[c.db] = nil
		c.notify(ClassGeneric, "flushdb", nil)
		c.ok()
	}
}

func cmdFlushAll(c *call) {
	if c.flushMode() {
		c.e.dbs = [Databases]*keyspace{}
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
	e.mu.RLock()
	defer e.mu.RUnlock()
	s := Stats{Tokens: e.tokens.Len(), UnixMilli: e.now}
	s.Bytes = int64(s.Tokens*tokenOverhead + e.tokens.Bytes())
	for i, ks := range e.dbs {
		if ks != nil {
			s.Keys[i], s.Expires[i] = ks.n, ks.due.Len()
			s.Bytes += ks.bytes
		}
	}
	return s
}
