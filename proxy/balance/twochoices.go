package balance

// TwoChoices draws two members by weight and picks the one with fewer requests
// in flight for its weight (HAProxy keyword "balance random(2)"). It is nearly as
// even as LeastLoad and, unlike it, keeps many proxies that know little of each
// other from running at the same server. Make it with NewTwoChoices. Not safe for
// concurrent use.
type TwoChoices[T comparable] struct {
	members[T]
	load func(T) int64
	draw func(int) int
}

// NewTwoChoices returns a TwoChoices without members. load tells how many
// requests an item has in flight; draw returns a number from 0 to below its
// argument, each as likely.
func NewTwoChoices[T comparable](load func(T) int64, draw func(int) int) *TwoChoices[T] {
	return &TwoChoices[T]{load: load, draw: draw}
}

// Pick returns the better of two members that usable admits, or ok=false when
// there is none. Where there is nothing to choose the first one drawn is picked,
// so that an idle system gives shares by weight.
func (t *TwoChoices[T]) Pick(_ uint64, usable func(T) bool) (item T, ok bool) {
	total := 0
	for i := range t.list {
		m := &t.list[i]
		if m.load = -1; m.weight == 0 || !usable(m.item) {
			continue
		}
		m.load = 0
		total += m.weight
	}
	if total == 0 {
		return item, false
	}
	first := t.drawn(t.draw(total))
	first.load = -1 // not a second time
	if total == first.weight {
		return first.item, true
	}
	second := t.drawn(t.draw(total - first.weight))
	first.load, second.load = max(t.load(first.item), 0), max(t.load(second.item), 0)
	if lighter(second, first) {
		return second.item, true
	}
	return first.item, true
}

// drawn returns the member at place n of a row in which each takes up as much as
// it weighs.
func (t *TwoChoices[T]) drawn(n int) *member[T] {
	for i := range t.list {
		m := &t.list[i]
		if m.load < 0 {
			continue
		}
		if n -= m.weight; n < 0 {
			return m
		}
	}
	panic("balance: a number beyond all weights was drawn")
}
