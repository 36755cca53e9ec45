package ordered

import (
	"math/rand"
	"slices"
	"strconv"
	"testing"

	"github.com/cespare/xxhash/v2"
)

type item struct{ name string }

func (i *item) Name() string { return i.name }

func hash(name string) uint64 { return xxhash.Sum64String(name) }

func names(t *Table[*item]) (list []string) {
	t.Each(func(i *item) bool { list = append(list, i.name); return true })
	return list
}

// TestAgainstMap inserts and deletes at random and compares with a map.
func TestAgainstMap(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	table, want := New[*item](), map[string]*item{}
	for step := range 200000 {
		name := strconv.Itoa(r.Intn(20000))
		got, ok := table.Get(hash(name), []byte(name))
		if ok != (want[name] != nil) || got != want[name] {
			t.Fatalf("step %d: Get(%s) = %v, %v", step, name, got, ok)
		}
		if ok && r.Intn(2) == 0 {
			table.Delete(hash(name), got)
			delete(want, name)
		} else if !ok {
			want[name] = &item{name}
			table.Put(hash(name), want[name])
		}
		if table.Len() != len(want) {
			t.Fatalf("step %d: %d items, want %d", step, table.Len(), len(want))
		}
	}
	list := names(table)
	if len(list) != len(want) {
		t.Fatalf("Each gave %d items, want %d", len(list), len(want))
	}
	if !slices.IsSortedFunc(list, func(a, b string) int {
		if hash(a) < hash(b) {
			return -1
		}
		return 1
	}) {
		t.Error("items are not in the order of their hashes")
	}
}

// TestSameOrder builds a table in two ways.
func TestSameOrder(t *testing.T) {
	a, b := New[*item](), New[*item]()
	for i := range 5000 {
		n, m := strconv.Itoa(i), strconv.Itoa(4999-i)
		a.Put(hash(n), &item{n})
		b.Put(hash(m), &item{m})
	}
	if !slices.Equal(names(a), names(b)) {
		t.Error("the order depends on the history")
	}
}

// TestStep walks with a cursor while other items come and go: those present all
// the time are seen exactly once.
func TestStep(t *testing.T) {
	table := New[*item]()
	for i := range 3000 {
		n := "stay" + strconv.Itoa(i)
		table.Put(hash(n), &item{n})
	}
	seen := map[string]int{}
	for pos, i := uint64(0), 0; ; i++ {
		var list []*item
		list, pos = table.Step(nil, pos, 7)
		for _, it := range list {
			seen[it.name]++
		}
		n := "new" + strconv.Itoa(i)
		table.Put(hash(n), &item{n})
		if pos == 0 {
			break
		}
	}
	for i := range 3000 {
		if n := seen["stay"+strconv.Itoa(i)]; n != 1 {
			t.Fatalf("item %d was seen %d times", i, n)
		}
	}
}

// TestCollisions puts all items on few hashes: nothing may be lost, no directory
// explode, no cursor stop.
func TestCollisions(t *testing.T) {
	table := New[*item]()
	for i := range 2000 {
		n := strconv.Itoa(i)
		table.Put(uint64(i%3), &item{n})
	}
	if len(table.dir) > 4096 {
		t.Errorf("a directory of %d for 2000 items", len(table.dir))
	}
	count := 0
	for pos := uint64(0); ; {
		var list []*item
		list, pos = table.Step(nil, pos, 10)
		if count += len(list); pos == 0 {
			break
		}
	}
	if count != 2000 {
		t.Errorf("a walk saw %d of 2000", count)
	}
}

func TestRandomIsFair(t *testing.T) {
	table, r := New[*item](), rand.New(rand.NewSource(1))
	for i := range 1000 {
		n := strconv.Itoa(i)
		table.Put(hash(n), &item{n})
	}
	count := map[string]int{}
	for range 200000 {
		it, ok := table.Random(r.Uint64)
		if !ok {
			t.Fatal("nothing found")
		}
		count[it.name]++
	}
	for name, n := range count {
		if n < 100 || n > 320 { // 200 expected, deviation 14
			t.Errorf("%s was chosen %d times", name, n)
		}
	}
	if len(count) != 1000 {
		t.Errorf("%d of 1000 were chosen", len(count))
	}
}

func TestNil(t *testing.T) {
	var table *Table[*item]
	if _, ok := table.Get(1, nil); ok || table.Len() != 0 {
		t.Error("a nil table is not empty")
	}
	if list, next := table.Step(nil, 5, 10); len(list) != 0 || next != 0 {
		t.Error("a walk of a nil table does not end")
	}
	if _, ok := table.Random(func() uint64 { return 0 }); ok {
		t.Error("a nil table has a random item")
	}
}
