package keyspace

// Size returns the number of keys, those due but not yet removed included.
func (s *Store) Size(db uint8) int { return s.spaces[db].len() }

// Expires returns the number of keys that have an expiry.
func (s *Store) Expires(db uint8) int {
	if s.spaces[db] == nil {
		return 0
	}
	return s.spaces[db].due.Len()
}

// Bytes returns about how much memory the keys and values of a database take.
func (s *Store) Bytes(db uint8) int64 {
	if s.spaces[db] == nil {
		return 0
	}
	return s.spaces[db].bytes
}

// FirstDue returns the key that expires next.
func (s *Store) FirstDue(db uint8) (ent *Entry, ok bool) {
	d, ok := s.spaces[db].firstDue()
	return d.ent, ok
}

// NextDue returns when the next key or token ends, in unix ms, or false if none
// does.
func (s *Store) NextDue() (ms int64, ok bool) {
	ms, ok = s.Tokens.NextDue()
	for _, sp := range s.spaces {
		if d, has := sp.firstDue(); has && (!ok || d.at < ms) {
			ms, ok = d.at, true
		}
	}
	return ms, ok
}

// Settled returns the latest time up to now at which no key ends that is there.
func (s *Store) Settled(now int64) int64 {
	for _, sp := range s.spaces {
		if d, has := sp.firstDue(); has && d.at <= now {
			now = d.at - 1
		}
	}
	return now
}

// Each calls fn for every key in order until it returns false.
func (s *Store) Each(db uint8, fn func(*Entry) bool) {
	if sp := s.spaces[db]; sp != nil {
		sp.table.Each(fn)
	}
}

// Step appends about limit entries from the cursor on; next is 0 at the end. The
// cursor means the same on every replica.
func (s *Store) Step(db uint8, dst []*Entry, cursor uint64, limit int) (entries []*Entry, next uint64) {
	if sp := s.spaces[db]; sp != nil {
		return sp.table.Step(dst, cursor, limit)
	}
	return dst, 0
}

// Random returns an entry chosen with random, which returns 64 random bits.
func (s *Store) Random(db uint8, random func() uint64) (ent *Entry, ok bool) {
	if sp := s.spaces[db]; sp != nil {
		return sp.table.Random(random)
	}
	return nil, false
}
