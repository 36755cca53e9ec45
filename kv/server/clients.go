package server

import (
	"slices"
	"sync"
)

// clients is the set of all connections.
type clients struct {
	mu    sync.Mutex
	next  int64
	conns map[int64]*conn
	ended bool // no connection is added any more
}

func newClients() *clients { return &clients{conns: map[int64]*conn{}} }

// add gives c its number; false if there are limit connections already.
func (cs *clients) add(c *conn, limit int64) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.ended || int64(len(cs.conns)) >= limit {
		return false
	}
	cs.next++
	c.id = cs.next
	cs.conns[c.id] = c
	return true
}

func (cs *clients) remove(c *conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.conns, c.id)
}

// list returns the connections, oldest first.
func (cs *clients) list() []*conn {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	all := make([]*conn, 0, len(cs.conns))
	for _, c := range cs.conns {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *conn) int { return int(a.id - b.id) })
	return all
}

func (cs *clients) count() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.conns)
}

// endAll asks all connections to leave after what they are doing and returns how
// many there were.
func (cs *clients) endAll() int {
	all := cs.list()
	for _, c := range all {
		c.end()
	}
	return len(all)
}

// refuse makes add fail from now on.
func (cs *clients) refuse() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.ended = true
}

// cutAll closes all connections whatever they are doing.
func (cs *clients) cutAll() {
	for _, c := range cs.list() {
		c.Cut("server stops")
	}
}
