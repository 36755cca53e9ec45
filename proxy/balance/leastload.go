package balance

// LeastLoad picks the member with the fewest requests in flight for its weight
// (HAProxy keyword "balance leastconn"), which suits requests of very different
// cost. Equals take turns by weight as in RoundRobin, so that an idle system
// shares out what comes. Make it with NewLeastLoad. Not safe for concurrent use.
type LeastLoad[T comparable] struct {
	members[T]
	load func(T) int64
}

// NewLeastLoad returns a LeastLoad without members. load tells how many requests
// an item has in flight; it may change at any time.
func NewLeastLoad[T comparable](load func(T) int64) *LeastLoad[T] {
	return &LeastLoad[T]{load: load}
}

// Pick returns the least loaded of the members that usable admits, or ok=false
// when there is none.
func (l *LeastLoad[T]) Pick(_ uint64, usable func(T) bool) (item T, ok bool) {
	var least *member[T]
	for i := range l.list {
		m := &l.list[i]
		if m.load = -1; m.weight == 0 || !usable(m.item) {
			continue
		}
		m.load = max(l.load(m.item), 0)
		if least == nil || lighter(m, least) {
			least = m
		}
	}
	if least == nil {
		return item, false
	}
	var best *member[T]
	total := 0
	for i := range l.list {
		m := &l.list[i]
		if m.load < 0 || lighter(least, m) {
			continue
		}
		m.current += m.weight
		total += m.weight
		if best == nil || m.current > best.current {
			best = m
		}
	}
	best.current -= total
	return best.item, true
}
