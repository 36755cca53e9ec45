package balance

// RoundRobin is smooth weighted round robin, as in nginx and, by its result,
// HAProxy's keyword "balance roundrobin": of weights 5, 1, 1 it makes a a b a c
// a a, not five times a in a row. A member keeps its place while others come
// and go. The zero value has no members. Not safe for concurrent use.
type RoundRobin[T comparable] struct {
	members []member[T]
}

type member[T comparable] struct {
	item    T
	weight  int
	current int
}

// Set gives item a weight; 0 keeps it a member that is never picked. A new item
// enters as if it had just been served, so that newcomers cannot draw a burst.
func (r *RoundRobin[T]) Set(item T, weight int) {
	weight = max(weight, 0)
	for i := range r.members {
		if r.members[i].item == item {
			r.members[i].weight = weight
			return
		}
	}
	r.members = append(r.members, member[T]{item: item, weight: weight})
}

// Remove takes item out. The debts of the rest are rebalanced to sum to zero,
// without which the smooth order would drift for ever.
func (r *RoundRobin[T]) Remove(item T) {
	for i := range r.members {
		if r.members[i].item != item {
			continue
		}
		r.members = append(r.members[:i], r.members[i+1:]...)
		for j := range r.members {
			r.members[j].current = 0
		}
		return
	}
}

// Len returns the number of members.
func (r *RoundRobin[T]) Len() int { return len(r.members) }

// Pick returns the next of the members that usable admits, or ok=false when
// there is none. A member passed over neither gains nor loses.
func (r *RoundRobin[T]) Pick(usable func(T) bool) (item T, ok bool) {
	var best *member[T]
	total := 0
	for i := range r.members {
		m := &r.members[i]
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
