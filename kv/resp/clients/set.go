package clients

import (
	"slices"
	"sync"
	"sync/atomic"

	"pingd/kv/resp/listing"
)

// Conn is one connection, seen from the others. Its methods are safe for
// concurrent use.
type Conn interface {
	View() listing.Client   // ID among others, which never changes
	End()                   // leaves after what it is doing
	Cut(reason string)      // leaves at once
	Unblock(fail bool) bool // ends a command that waits, by its time-out or an error; false if none does
}

// Set is all connections. Create it with NewSet; it is safe for concurrent use.
type Set struct {
	next atomic.Int64

	mu    sync.Mutex
	conns map[int64]Conn
	ended bool // no connection is added any more
}

// NewSet returns an empty set.
func NewSet() *Set { return &Set{conns: map[int64]Conn{}} }

// NextID returns the number for a new connection: each only once.
func (s *Set) NextID() int64 { return s.next.Add(1) }

// Add takes in a connection; false if there are limit already.
func (s *Set) Add(id int64, c Conn, limit int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || int64(len(s.conns)) >= limit {
		return false
	}
	s.conns[id] = c
	return true
}

// Remove forgets a connection.
func (s *Set) Remove(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, id)
}

// Get returns the connection with a number, nil if there is none.
func (s *Set) Get(id int64) Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[id]
}

// All returns the connections, oldest first.
func (s *Set) All() []Conn {
	s.mu.Lock()
	ids := make([]int64, 0, len(s.conns))
	for id := range s.conns {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	all := make([]Conn, len(ids))
	for i, id := range ids {
		all[i] = s.conns[id]
	}
	s.mu.Unlock()
	return all
}

// Count returns how many there are.
func (s *Set) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// EndAll asks all connections to leave after what they are doing and returns how
// many there were.
func (s *Set) EndAll() int {
	all := s.All()
	for _, c := range all {
		c.End()
	}
	return len(all)
}

// Refuse makes Add fail from now on.
func (s *Set) Refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// CutAll closes all connections whatever they are doing.
func (s *Set) CutAll(reason string) {
	for _, c := range s.All() {
		c.Cut(reason)
	}
}
