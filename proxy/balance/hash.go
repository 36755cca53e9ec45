package balance

import "math"

// Hash always picks the same member for the same key, as long as that member is
// usable: weighted rendezvous hashing. A member that comes or goes moves its own
// share of the keys and no other, which HAProxy calls "hash-type consistent";
// shares are exact instead of being as even as points on a ring fall. Several
// proxies that give members the same numbers agree without talking to each other.
// Make it with NewHash. Not safe for concurrent use.
type Hash[T comparable] struct {
	members[T]
	id     func(T) uint64
	uneven bool // the weights differ
}

// NewHash returns a Hash without members. id returns a number that tells an item
// apart for ever, such as a hash of its name.
func NewHash[T comparable](id func(T) uint64) *Hash[T] { return &Hash[T]{id: id} }

// Set gives item a weight; 0 keeps it a member that is never picked.
func (h *Hash[T]) Set(item T, weight int) {
	n := h.Len()
	h.members.Set(item, weight)
	if h.Len() > n {
		h.list[n].id = Mix(h.id(item))
	}
	h.weigh()
}

// Remove takes item out.
func (h *Hash[T]) Remove(item T) {
	h.members.Remove(item)
	h.weigh()
}

func (h *Hash[T]) weigh() {
	first := 0
	h.uneven = false
	for i := range h.list {
		switch w := h.list[i].weight; {
		case w == 0:
		case first == 0:
			first = w
		case w != first:
			h.uneven = true
		}
	}
}

// Pick returns key's member among those that usable admits, or ok=false when
// there is none. It takes a few nanoseconds for each member.
func (h *Hash[T]) Pick(key uint64, usable func(T) bool) (item T, ok bool) {
	var (
		best  *member[T]
		most  uint64
		score float64
	)
	for i := range h.list {
		m := &h.list[i]
		if m.weight == 0 {
			continue
		}
		drawn := Mix(key ^ m.id)
		s := 0.0
		if h.uneven {
			s = lot(drawn, m.weight)
		}
		if best != nil && (s < score || s == score && drawn <= most) {
			continue
		}
		if usable(m.item) {
			best, most, score = m, drawn, s
		}
	}
	if best == nil {
		return item, false
	}
	return best.item, true
}

// lot turns an even draw into one of which the highest falls to each member as
// often as it weighs: -w / ln(u), with u in (0, 1).
func lot(drawn uint64, weight int) float64 {
	u := (float64(drawn>>11) + 0.5) / (1 << 53)
	return -float64(weight) / math.Log(u)
}

// Mix spreads the bits of n over all 64 (the finalizer of SplitMix64), so that
// numbers which differ in one bit have nothing in common.
func Mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
