package value

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// pairs returns the fields in order as name=value.
func pairs(h *Hash) (list []string) {
	h.Each(func(f *Field) { list = append(list, f.Name()+"="+string(f.Value())) })
	return list
}

// sizeOf counts the bytes of a hash anew.
func sizeOf(h *Hash) int {
	n := hashOverhead
	h.Each(func(f *Field) { n += f.size() })
	return n
}

// model is what a Hash must behave like: the fields in order of arrival.
type model struct {
	names []string
	vals  map[string]string
	large bool
}

func (m *model) clone() *model {
	c := &model{slices.Clone(m.names), map[string]string{}, m.large}
	for k, v := range m.vals {
		c.vals[k] = v
	}
	return c
}

func (m *model) set(name, val string) bool {
	_, had := m.vals[name]
	if !had {
		m.names = append(m.names, name)
	}
	m.vals[name] = val
	m.large = m.large || len(name) > HashSmallBytes || len(val) > HashSmallBytes || len(m.names) > HashSmallFields
	return !had
}

func (m *model) remove(name string) bool {
	_, had := m.vals[name]
	delete(m.vals, name)
	m.names = slices.DeleteFunc(m.names, func(n string) bool { return n == name })
	return had
}

func (m *model) pairs() (list []string) {
	for _, name := range m.names {
		list = append(list, name+"="+m.vals[name])
	}
	return list
}

// check compares a hash with its model: order counts while small.
func check(t *rapid.T, h *Hash, m *model) {
	got, want := pairs(h), m.pairs()
	if m.large {
		slices.Sort(got)
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("fields %v, want %v", got, want)
	}
	if (h.Encoding() == "hashtable") != m.large || h.Len() != len(m.names) || h.Size() != sizeOf(h) {
		t.Fatalf("%s of %d fields and %d bytes, want large %v, %d, %d", h.Encoding(), h.Len(), h.Size(), m.large, len(m.names), sizeOf(h))
	}
}

// TestHashAgainstModel sets, deletes and clones at random: every clone stays as it
// was and lives on by itself, and each survives a snapshot.
func TestHashAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hashes, models := []*Hash{NewHash()}, []*model{{vals: map[string]string{}}}
		spread := rapid.SampledFrom([]int{5, 200, 600}).Draw(t, "spread")
		rounds := rapid.IntRange(1, 12).Draw(t, "rounds")
		for round := range rounds {
			i := rapid.IntRange(0, len(hashes)-1).Draw(t, "which")
			h, m := hashes[i], models[i]
			if round > 0 && rapid.Bool().Draw(t, "clone") {
				hashes = append(hashes, h.Clone().(*Hash))
				models = append(models, m.clone())
			}
			start := rapid.IntRange(0, spread).Draw(t, "start")
			for j := range rapid.IntRange(1, spread).Draw(t, "n") {
				name, val := fmt.Sprint((start+j*7)%spread), fmt.Sprint("v", round)
				if h.Set([]byte(name), []byte(val)) != m.set(name, val) {
					t.Fatalf("Set(%s) is wrong about whether it is new", name)
				}
			}
			for j := range rapid.IntRange(0, spread).Draw(t, "deleted") {
				name := fmt.Sprint((start + j*11) % (spread + 3))
				if h.Delete([]byte(name)) != m.remove(name) {
					t.Fatalf("Delete(%s) is wrong about whether it was there", name)
				}
			}
			if n := rapid.IntRange(0, 90).Draw(t, "long"); n > 60 {
				long := strings.Repeat("x", n)
				h.Set([]byte("long"), []byte(long))
				m.set("long", long)
			}
		}
		for i, h := range hashes {
			check(t, h, models[i])
			if h.Len() == 0 {
				continue
			}
			d := Decoder{B: h.Append(nil)}
			again := d.Value(KindHash).(*Hash)
			if d.Bad || len(d.B) > 0 || !slices.Equal(pairs(again), pairs(h)) {
				t.Fatal("a hash read from a snapshot differs")
			}
			check(t, again, models[i])
		}
	})
}

func TestHashGetAndSample(t *testing.T) {
	for _, size := range []int{1, 20, 1000} {
		h := NewHash()
		for i := range size {
			h.Set(fmt.Append(nil, i), fmt.Append(nil, "v", i))
		}
		if val, ok := h.Get([]byte("0")); !ok || string(val) != "v0" {
			t.Errorf("Get = %q, %v", val, ok)
		}
		if _, ok := h.Get([]byte("no")); ok {
			t.Error("Get found what is not there")
		}
		seed := uint64(1)
		random := func() uint64 { seed = seed*6364136223846793005 + 1442695040888963407; return seed ^ seed>>33 }
		for n := range size + 2 {
			seen := map[*Field]bool{}
			for _, f := range h.Sample(n, random) {
				seen[f] = true
			}
			if len(seen) != min(n, size) {
				t.Fatalf("%d different fields of %d, want %d", len(seen), size, n)
			}
		}
	}
}

// TestSampleIsFair takes a few and most of the fields again and again.
func TestSampleIsFair(t *testing.T) {
	h := NewHash()
	for i := range 30 {
		h.Set(fmt.Append(nil, i), nil)
	}
	seed := uint64(1)
	random := func() uint64 { seed = seed*6364136223846793005 + 1442695040888963407; return seed ^ seed>>33 }
	for _, n := range []int{3, 20} {
		count := map[string]int{}
		for range 3000 {
			for _, f := range h.Sample(n, random) {
				count[f.Name()]++
			}
		}
		for name, got := range count {
			if want := 3000 * n / 30; got < want*7/10 || got > want*13/10 {
				t.Errorf("%d of 30: field %s came %d times, want about %d", n, name, got, want)
			}
		}
	}
}

// FuzzHashDecode reads arbitrary bytes as a hash: what is accepted must come out
// the same again.
func FuzzHashDecode(f *testing.F) {
	h := NewHash()
	h.Set([]byte("f"), []byte("v"))
	f.Add(h.Append(nil))
	h.Widen()
	f.Add(h.Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := Decoder{B: data}
		v := d.Value(KindHash)
		if d.Bad {
			return
		}
		again := Decoder{B: v.Append(nil)}
		if w := again.Value(KindHash); again.Bad || !slices.Equal(pairs(w.(*Hash)), pairs(v.(*Hash))) || w.Encoding() != v.Encoding() {
			t.Fatalf("%q does not come out the same", data)
		}
	})
}
