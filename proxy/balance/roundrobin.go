package balance

// RoundRobin is smooth weighted round robin, as in nginx and, by its result,
// HAProxy's keyword "balance roundrobin": of weights 5, 1, 1 it makes a a b a c
// a a, not five times a in a row. A member keeps its place while others come
// and go. The zero value has no members. Not safe for concurrent use.
type RoundRobin[T comparable] struct{ members[T] }

// Pick returns the next of the members that usable admits, or ok=false when
// there is none. A member passed over neither gains nor loses.
func (r *RoundRobin[T]) Pick(_ uint64, usable func(T) bool) (item T, ok bool) {
	var best *member[T]
	total := 0
	for i := range r.list {
		m := &r.list[i]
		if m.weight == 0 || !usable(m.item) {
			continue
		}
		m.current += m.weight
		total += m.weight
		if best == nil || m.current > best.current {
			best = m
		}
	}
	if best == nil {
		return item, false
	}
	best.current -= total
	return best.item, true
}
