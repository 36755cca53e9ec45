package once

import (
	"bytes"
	"fmt"
	"math/rand"
	"testing"
)

func token(i int) Token { return Hash([]byte(fmt.Sprint(i))) }

func TestGetPut(t *testing.T) {
	table := New(0)
	table.Put(token(1), 1000, []byte("one"))
	if got, ok := table.Get(token(1), 999); !ok || string(got) != "one" {
		t.Errorf("got %q, %v", got, ok)
	}
	if _, ok := table.Get(token(1), 1000); ok {
		t.Error("a token outlives its end")
	}
	table.Put(token(1), 5000, []byte("again"))
	if got, _ := table.Get(token(1), 1000); string(got) != "again" {
		t.Errorf("got %q", got)
	}
	table.Expire(1<<40, 10)
	if table.Len() != 0 || table.Bytes() != 0 || len(table.index) != 0 || len(table.chunks) != 0 {
		t.Errorf("left over: %d records, %d bytes, %d index", table.Len(), table.Bytes(), len(table.index))
	}
	if _, ok := table.NextDue(); ok {
		t.Error("an empty table has something due")
	}
}

func TestHashKeepsPartsApart(t *testing.T) {
	if Hash([]byte("ab"), []byte("c")) == Hash([]byte("a"), []byte("bc")) {
		t.Error("different parts, same token")
	}
}

func TestBounds(t *testing.T) {
	table := New(100)
	for i := range 1000 {
		table.Put(token(i), int64(i)*1000, []byte("x"))
	}
	if table.Len() != 100 {
		t.Errorf("%d records, want 100", table.Len())
	}
	if _, ok := table.Get(token(0), 0); ok {
		t.Error("the one that ends soonest was kept")
	}
	if _, ok := table.Get(token(999), 0); !ok {
		t.Error("the one that ends last was dropped")
	}
}

func TestExpireIsBounded(t *testing.T) {
	table := New(0)
	for i := range 100 {
		table.Put(token(i), 10, nil)
	}
	table.Expire(1<<20, 30)
	if table.Len() != 70 {
		t.Errorf("%d records, want 70", table.Len())
	}
}

// TestView freezes, changes, and rebuilds from what was frozen.
func TestView(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	table := New(3000)
	change := func() {
		for range 5000 {
			table.Put(token(r.Intn(4000)), int64(r.Intn(100000)), fmt.Append(nil, r.Intn(1000)))
		}
		table.Expire(int64(r.Intn(50000)), 500)
	}
	change()
	before := dump(table.Freeze())
	view := table.Freeze()
	change()
	if !bytes.Equal(before, dump(view)) {
		t.Error("a view changed")
	}
	rebuilt := New(3000)
	_ = view.Each(func(token Token, due int64, reply []byte) error {
		rebuilt.Put(token, due, reply)
		return nil
	})
	if !bytes.Equal(before, dump(rebuilt.Freeze())) || rebuilt.Len() != view.Len() {
		t.Error("a rebuilt table differs")
	}
}

func dump(v View) []byte {
	var b []byte
	_ = v.Each(func(token Token, due int64, reply []byte) error {
		b = fmt.Appendf(b, "%x %d %s\n", token, due, reply)
		return nil
	})
	return b
}

func BenchmarkPut(b *testing.B) {
	table := New(0)
	var t Token
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		t[0], t[1], t[2] = byte(i), byte(i>>8), byte(i>>16)
		table.Put(t, int64(i), []byte(":12345\r\n"))
	}
}
