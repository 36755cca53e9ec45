package balance

// Balancer is one way to pick. Its owner calls it from one goroutine at a time.
type Balancer[T comparable] interface {
	// Set gives item a weight, making it a member if it is none; 0 keeps it a
	// member that is never picked.
	Set(item T, weight int)
	// Remove takes item out.
	Remove(item T)
	// Pick returns the member for a request, one that usable admits, or ok=false
	// when there is none. key is what a Hash goes by; the others ignore it.
	Pick(key uint64, usable func(T) bool) (item T, ok bool)
}

// members is a list of items with weights.
type members[T comparable] struct {
	list []member[T]
}

type member[T comparable] struct {
	item    T
	weight  int
	current int    // what round robin owes it
	load    int64  // as last asked for; -1 marks one passed over
	id      uint64 // what a Hash tells it apart by
}

// Set gives item a weight; 0 keeps it a member that is never picked. A new item
// enters as if it had just been served, so that newcomers cannot draw a burst.
func (m *members[T]) Set(item T, weight int) {
	weight = max(weight, 0)
	for i := range m.list {
		if m.list[i].item == item {
			if m.list[i].weight != weight {
				m.list[i].weight = weight
				m.forget() // debts of another scale could be paid off in one burst
			}
			return
		}
	}
	m.list = append(m.list, member[T]{item: item, weight: weight})
}

// Remove takes item out. What is owed to the rest is forgotten: it must sum to
// zero, or the smooth order would drift for ever.
func (m *members[T]) Remove(item T) {
	for i := range m.list {
		if m.list[i].item != item {
			continue
		}
		m.list = append(m.list[:i], m.list[i+1:]...)
		m.forget()
		return
	}
}

func (m *members[T]) forget() {
	for i := range m.list {
		m.list[i].current = 0
	}
}

// Len returns the number of members.
func (m *members[T]) Len() int { return len(m.list) }

// lighter tells whether a carries less than b for its weight; neither weighs 0.
func lighter[T comparable](a, b *member[T]) bool {
	return a.load*int64(b.weight) < b.load*int64(a.weight)
}
