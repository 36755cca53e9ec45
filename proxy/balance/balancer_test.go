package balance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// loads are servers' requests in flight.
type loads map[int]int64

func (l loads) of(i int) int64 { return l[i] }

func everyone(int) bool { return true }

// kinds makes one of each Balancer, on the same loads.
func kinds(l loads, seed uint64) map[string]Balancer[int] {
	r := rand.New(rand.NewPCG(seed, 1))
	return map[string]Balancer[int]{
		"round robin": &RoundRobin[int]{},
		"least load":  NewLeastLoad(l.of),
		"two choices": NewTwoChoices(l.of, r.IntN),
		"hash":        NewHash(func(i int) uint64 { return uint64(i) }),
	}
}

// TestAgreements holds what the package comment says of all four, whatever the
// members, weights and loads.
func TestAgreements(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := loads{}
		weights := map[int]int{}
		all := kinds(l, rapid.Uint64().Draw(t, "seed"))
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, 7).Draw(t, "item")
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				w := rapid.IntRange(-1, 256).Draw(t, "weight")
				weights[i] = max(w, 0)
				for _, b := range all {
					b.Set(i, w)
				}
			case 1:
				delete(weights, i)
				for _, b := range all {
					b.Remove(i)
				}
			case 2:
				l[i] = rapid.Int64Range(-1, 1000).Draw(t, "load")
			}
			out := rapid.IntRange(0, 255).Draw(t, "unusable")
			usable := func(i int) bool { return out>>i&1 == 0 }
			some := false
			for i, w := range weights {
				some = some || w > 0 && usable(i)
			}
			for name, b := range all {
				got, ok := b.Pick(rapid.Uint64().Draw(t, "key"), usable)
				if ok != some || ok && (weights[got] == 0 || !usable(got)) {
					t.Fatalf("%s picked %d, %v of weights %v without %b", name, got, ok, weights, out)
				}
			}
		}
	})
}

// TestSharesOnAnIdleSystem: where nothing is in flight everybody gives shares by
// weight.
func TestSharesOnAnIdleSystem(t *testing.T) {
	weights := []int{1, 2, 5, 8}
	const n = 16_000
	for name, b := range kinds(loads{}, 7) {
		for i, w := range weights {
			b.Set(i, w)
		}
		got := make([]float64, len(weights))
		for k := range n {
			i, _ := b.Pick(Mix(uint64(k)), everyone)
			got[i]++
		}
		for i, w := range weights {
			want := float64(n * w / 16)
			if math.Abs(got[i]-want) > 5*math.Sqrt(want) { // five standard deviations of chance
				t.Errorf("%s: %v by weights %v", name, got, weights)
				break
			}
		}
	}
}

func TestLeastLoad(t *testing.T) {
	l := loads{0: 3, 1: 3, 2: 10}
	b := NewLeastLoad(l.of)
	b.Set(0, 1)
	b.Set(1, 1)
	b.Set(2, 4)
	if i, _ := b.Pick(0, everyone); i != 2 {
		t.Errorf("picked %d: 10 requests at weight 4 are fewer than 3 at weight 1", i)
	}
	l[2] = 13
	seen := loads{}
	for range 10 {
		i, _ := b.Pick(0, everyone)
		seen[i]++
	}
	if seen[0] != 5 || seen[1] != 5 {
		t.Errorf("equals do not take turns: %v", seen)
	}
	if i, _ := b.Pick(0, func(i int) bool { return i == 2 }); i != 2 {
		t.Errorf("picked %d, the only usable one is 2", i)
	}
}

// TestLoadIsShared puts each request in flight for as long as it takes a
// thousand more to come: LeastLoad must end even, TwoChoices nearly so.
func TestLoadIsShared(t *testing.T) {
	for name, most := range map[string]int64{"least load": 101, "two choices": 125} {
		l := loads{}
		b := kinds(l, 3)[name]
		for i := range 10 {
			b.Set(i, 1)
		}
		var flight []int
		for range 10_000 {
			i, _ := b.Pick(0, everyone)
			l[i]++
			if flight = append(flight, i); len(flight) > 1000 {
				l[flight[0]]--
				flight = flight[1:]
			}
		}
		for i := range 10 {
			if l[i] > most {
				t.Errorf("%s: server %d has %d of 1000 requests", name, i, l[i])
			}
		}
	}
}

// TestTwoChoicesAvoidsTheBusyOne: whenever the busy one is drawn, the other is
// picked, and with two members both are always drawn.
func TestTwoChoicesAvoidsTheBusyOne(t *testing.T) {
	l := loads{0: 50}
	b := kinds(l, 5)["two choices"]
	b.Set(0, 1)
	b.Set(1, 1)
	for range 100 {
		if i, _ := b.Pick(0, everyone); i == 0 {
			t.Fatal("picked the busy one of two")
		}
	}
	if i, ok := b.Pick(0, func(i int) bool { return i == 0 }); i != 0 || !ok {
		t.Error("the only usable one was not picked")
	}
}

const keys = 20_000

// owners returns each key's member.
func owners(b Balancer[int], usable func(int) bool) []int {
	own := make([]int, keys)
	for k := range own {
		own[k], _ = b.Pick(Mix(uint64(k)), usable)
	}
	return own
}

// TestHashMovesNoMoreThanItMust: keys move only to or from the member that
// changed, and about as many as its share.
func TestHashMovesNoMoreThanItMust(t *testing.T) {
	id := func(i int) uint64 { return uint64(i) }
	for _, change := range []struct {
		name string
		do   func(b *Hash[int]) (usable func(int) bool)
		who  int // the member that changes
		into bool
		most float64
	}{
		{"removed", func(b *Hash[int]) func(int) bool { b.Remove(3); return everyone }, 3, false, 1.0 / 10},
		{"down", func(*Hash[int]) func(int) bool { return func(i int) bool { return i != 3 } }, 3, false, 1.0 / 10},
		{"drained", func(b *Hash[int]) func(int) bool { b.Set(3, 0); return everyone }, 3, false, 1.0 / 10},
		{"added", func(b *Hash[int]) func(int) bool { b.Set(10, 2); return everyone }, 10, true, 1.0 / 11},
		{"heavier", func(b *Hash[int]) func(int) bool { b.Set(3, 4); return everyone }, 3, true, 1.0 / 11},
		{"lighter", func(b *Hash[int]) func(int) bool { b.Set(3, 1); return everyone }, 3, false, 1.0 / 19},
	} {
		b := NewHash(id)
		for i := range 10 {
			b.Set(i, 2)
		}
		before := owners(b, everyone)
		after := owners(b, change.do(b))
		moved := 0
		for k := range before {
			if before[k] == after[k] {
				continue
			}
			moved++
			if change.into && after[k] != change.who || !change.into && before[k] != change.who {
				t.Fatalf("%s: a key moved from %d to %d", change.name, before[k], after[k])
			}
		}
		want := change.most * keys
		if math.Abs(float64(moved)-want) > 6*math.Sqrt(want) {
			t.Errorf("%s: %d keys moved, about %.0f should", change.name, moved, want)
		}
	}
}

// TestHashesAgree: what two proxies pick does not depend on the order in which
// they learned of the servers.
func TestHashesAgree(t *testing.T) {
	a := NewHash(func(s string) uint64 { return uint64(len(s)) << 3 })
	b := NewHash(func(s string) uint64 { return uint64(len(s)) << 3 })
	names := []string{"x", "yy", "zzz", "four"}
	for i := range names {
		a.Set(names[i], i+1)
		b.Set(names[3-i], 4-i)
	}
	for k := range uint64(1000) {
		x, _ := a.Pick(k, func(string) bool { return true })
		y, _ := b.Pick(k, func(string) bool { return true })
		if x != y {
			t.Fatalf("key %d: %s and %s", k, x, y)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	l := loads{}
	for name, x := range kinds(l, 1) {
		for _, n := range []int{3, 100} {
			for i := range n {
				x.Set(i, 1)
			}
			b.Run(fmt.Sprintf("%s of %d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for k := uint64(0); b.Loop(); k++ {
					x.Pick(k, everyone)
				}
			})
		}
	}
}
