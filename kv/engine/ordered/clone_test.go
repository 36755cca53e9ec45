package ordered

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// keyed is an item with a value, replaced and never changed.
type keyed struct{ name, val string }

func (k *keyed) Name() string { return k.name }

// TestClonesAgainstMaps changes a table and its clones at random; each must hold
// what a map of its own holds, in the same order whatever its history.
func TestClonesAgainstMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tables, maps := []*Table[*keyed]{New[*keyed]()}, []map[string]string{{}}
		spread := rapid.SampledFrom([]int{10, 1000, 3000}).Draw(t, "spread")
		for round := range rapid.IntRange(1, 10).Draw(t, "rounds") {
			i := rapid.IntRange(0, len(tables)-1).Draw(t, "which")
			table, want := tables[i], maps[i]
			if rapid.Bool().Draw(t, "clone") {
				copied := map[string]string{}
				for k, v := range want {
					copied[k] = v
				}
				tables, maps = append(tables, table.Clone()), append(maps, copied)
			}
			start, remove := rapid.IntRange(0, spread).Draw(t, "start"), rapid.Bool().Draw(t, "remove")
			for j := range rapid.IntRange(0, spread).Draw(t, "n") {
				name := fmt.Sprint((start + j*3) % spread)
				h := hash(name)
				old, ok := table.Get(h, []byte(name))
				if _, has := want[name]; ok != has || ok && old.val != want[name] {
					t.Fatalf("Get(%s) = %v, %v", name, old, ok)
				}
				item := &keyed{name, fmt.Sprint(round)}
				switch {
				case ok && remove:
					table.Delete(h, old)
					delete(want, name)
					continue
				case ok:
					table.Replace(h, old, item)
				default:
					table.Put(h, item)
				}
				want[name] = item.val
			}
		}
		for i, table := range tables {
			compare(t, table, maps[i])
		}
	})
}

// compare holds a table, all ways of walking it included, against a map and
// against a table filled anew.
func compare(t *rapid.T, table *Table[*keyed], want map[string]string) {
	fresh := New[*keyed]()
	for name, val := range want {
		fresh.Put(hash(name), &keyed{name, val})
	}
	flat := func(items []*keyed) (list []string) {
		for _, k := range items {
			list = append(list, k.name+"="+k.val)
		}
		return list
	}
	var got, ref, spans, steps []*keyed
	table.Each(func(k *keyed) bool { got = append(got, k); return true })
	fresh.Each(func(k *keyed) bool { ref = append(ref, k); return true })
	if !slices.Equal(flat(got), flat(ref)) || table.Len() != len(want) {
		t.Fatalf("%d items %v, want %d %v", table.Len(), flat(got), len(want), flat(ref))
	}
	for pos, first := uint64(0), true; first || pos != 0; first = false {
		items, end := table.Span(pos)
		if !slices.Equal(items, table.AppendRange(nil, pos, end)) {
			t.Fatalf("the range from %x to %x is not the span", pos, end)
		}
		spans, pos = append(spans, items...), end
	}
	limit := rapid.IntRange(1, 50).Draw(t, "limit")
	for pos, first := uint64(0), true; first || pos != 0; first = false {
		steps, pos = table.Step(steps[:len(steps):len(steps)], pos, len(steps)+limit)
	}
	if !slices.Equal(spans, got) || !slices.Equal(steps, got) {
		t.Fatalf("spans give %d items, steps %d, of %d", len(spans), len(steps), len(got))
	}
}
