package clients

import (
	"container/list"
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
	Cut(reason string)      // leaves at once, which is told
	Drop()                  // leaves at once, without a word; must not block
	Unblock(fail bool) bool // ends a command that waits, by its time-out or an error; false if none does
}

// Set is all connections. Create it with NewSet; it is safe for concurrent use.
type Set struct {
	next atomic.Int64

	mu    sync.Mutex
	conns map[int64]Conn
	ended bool // no connection is added any more

	// strangers have not said who they are yet, oldest first.
	strangers *list.List
	strange   map[int64]*list.Element
}

// NewSet returns an empty set.
func NewSet() *Set {
	return &Set{conns: map[int64]Conn{}, strangers: list.New(), strange: map[int64]*list.Element{}}
}

// NextID returns the number for a new connection: each only once.
func (s *Set) NextID() int64 { return s.next.Add(1) }

// Add takes in a connection; false if there are limit already. stranger says that it
// has yet to say who it is: among limit connections the stranger that has waited
// longest gives way to a new one. Otherwise whoever reaches the port could keep
// everybody else out, without knowing the password. made reports that one had to.
func (s *Set) Add(id int64, c Conn, limit int64, stranger bool) (added, made bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest Conn
	if full := int64(len(s.conns)) >= limit; full && !s.ended {
		oldest = s.takeStranger()
	}
	if s.ended || int64(len(s.conns)) >= limit {
		return false, oldest != nil
	}
	s.conns[id] = c
	if stranger {
		s.strange[id] = s.strangers.PushBack(id)
	}
	return true, oldest != nil
}

// takeStranger cuts and forgets the stranger that has waited longest, if there is
// one. The set is locked.
func (s *Set) takeStranger() Conn {
	first := s.strangers.Front()
	if first == nil {
		return nil
	}
	id := first.Value.(int64)
	c := s.conns[id]
	s.forget(id)
	c.Drop()
	return c
}

// Know notes that a connection is no stranger any more.
func (s *Set) Know(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.know(id)
}

func (s *Set) know(id int64) {
	if e := s.strange[id]; e != nil {
		s.strangers.Remove(e)
		delete(s.strange, id)
	}
}

// Remove forgets a connection.
func (s *Set) Remove(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(id)
}

func (s *Set) forget(id int64) {
	s.know(id)
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
