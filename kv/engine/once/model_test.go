package once

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// remembered is one record of a model of Table: a plain list, oldest first.
type remembered struct {
	id    int
	due   int64
	reply string
	slot  int64
}

// model keeps every record that the table must still hold, replaced ones included
// until their turn to be dropped comes.
type model struct {
	list []remembered
	max  int
}

// first returns the record to drop next: of the slot that ends first, the oldest.
func (m *model) first() int {
	best := 0
	for i, r := range m.list {
		if r.slot < m.list[best].slot {
			best = i
		}
	}
	return best
}

func (m *model) drop() {
	i := m.first()
	m.list = append(m.list[:i:i], m.list[i+1:]...)
}

func (m *model) put(id int, due int64, reply string) {
	if len(m.list) >= m.max {
		m.drop()
	}
	m.list = append(m.list, remembered{id, due, reply, due / slotMillis})
}

func (m *model) expire(now int64, limit int) {
	for ; limit > 0 && len(m.list) > 0; limit-- {
		if m.list[m.first()].slot*slotMillis+slotMillis > now {
			return
		}
		m.drop()
	}
}

// get returns the latest reply under a token, if it is not due.
func (m *model) get(id int, now int64) (string, bool) {
	for i := len(m.list) - 1; i >= 0; i-- {
		if r := m.list[i]; r.id == id {
			return r.reply, r.due > now
		}
	}
	return "", false
}

// TestAgainstModel remembers, forgets and freezes at random. What is found must be
// the model's, never an answer of another token or one past its end.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{max: rapid.IntRange(1, 60).Draw(t, "max")}
		table, now, next := New(m.max), int64(1000), 0
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			now += int64(rapid.IntRange(0, 3000).Draw(t, "passes"))
			switch id := rapid.IntRange(0, next).Draw(t, "id"); rapid.IntRange(0, 5).Draw(t, "op") {
			case 0:
				limit := rapid.IntRange(0, 20).Draw(t, "limit")
				table.Expire(now, limit)
				m.expire(now, limit)
			case 1:
				got, ok := table.Get(token(id), now)
				if want, has := m.get(id, now); ok != has || ok && string(got) != want {
					t.Fatalf("token %d: got %q, %v, want %q, %v", id, got, ok, want, has)
				}
			case 2: // restart from a snapshot
				table = rebuilt(t, table, m.max)
			default:
				due := now + int64(rapid.IntRange(1, 60000).Draw(t, "ms"))
				reply := fmt.Sprint("reply", next)
				table.Put(token(next), due, []byte(reply))
				m.put(next, due, reply)
				next++
			}
			check(t, table, m, now)
		}
	})
}

// rebuilt returns the table that a snapshot of it makes.
func rebuilt(t *rapid.T, table *Table, max int) *Table {
	again := New(max)
	view := table.Freeze()
	_ = view.Each(func(token Token, due int64, reply []byte) error {
		again.Put(token, due, reply)
		return nil
	})
	if again.Len() != table.Len() || again.Bytes() != table.Bytes() || view.Len() != table.Len() {
		t.Fatalf("rebuilt %d records of %d bytes, want %d of %d", again.Len(), again.Bytes(), table.Len(), table.Bytes())
	}
	return again
}

// check compares everything that can be seen of the table with the model.
func check(t *rapid.T, table *Table, m *model, now int64) {
	size := 0
	for _, r := range m.list {
		size += len(r.reply)
		if got, ok := table.Get(token(r.id), now); ok != (r.due > now) || ok && string(got) != r.reply {
			t.Fatalf("token %d at %d, due %d: got %q, %v", r.id, now, r.due, got, ok)
		}
	}
	if table.Len() != len(m.list) || table.Bytes() != size {
		t.Fatalf("%d records of %d bytes, want %d of %d", table.Len(), table.Bytes(), len(m.list), size)
	}
	due, ok := table.NextDue()
	if ok != (len(m.list) > 0) || ok && due != m.list[m.first()].slot*slotMillis+slotMillis {
		t.Fatalf("next due %d, %v", due, ok)
	}
}

// TestChunksFillUp goes beyond one chunk within a slot, by count and by bytes.
func TestChunksFillUp(t *testing.T) {
	for name, size := range map[string]int{"count": 1, "bytes": 4096} {
		table, reply := New(0), make([]byte, size)
		const n = chunkMax + 500
		for i := range n {
			table.Put(token(i), 5000, reply)
		}
		if len(table.chunks) < 2 {
			t.Errorf("%s: %d chunks", name, len(table.chunks))
		}
		for i := range n {
			if _, ok := table.Get(token(i), 0); !ok {
				t.Fatalf("%s: token %d is lost", name, i)
			}
		}
		table.Expire(1<<40, n-1)
		if _, ok := table.Get(token(n-1), 0); !ok || table.Len() != 1 || len(table.chunks) != 1 {
			t.Errorf("%s: the last is not what is left: %d records, %d chunks", name, table.Len(), len(table.chunks))
		}
	}
}

// TestBytesAreBounded remembers the longest replies until there is no room for them:
// no token may be forgotten for that, and those of short replies keep theirs.
func TestBytesAreBounded(t *testing.T) {
	table, long, short := New(0), make([]byte, MaxReply), make([]byte, shortReply)
	const fit = maxLong / MaxReply
	for i := range fit + 3 {
		table.Put(token(i), int64(1000+i), long)
	}
	table.Put(token(-1), 1, make([]byte, MaxBytes+1)) // ends first of all
	table.Put(token(-2), 1, short)
	check := func(table *Table) {
		t.Helper()
		if want := maxLong + shortReply; table.Bytes() != want || table.Len() != fit+5 {
			t.Errorf("%d records of %d bytes, want %d of %d", table.Len(), table.Bytes(), fit+5, want)
		}
		for id, want := range map[int]int{-1: 0, -2: shortReply, 0: MaxReply, fit - 1: MaxReply, fit: 0, fit + 2: 0} {
			if reply, ok := table.Get(token(id), 0); !ok || len(reply) != want {
				t.Errorf("token %d: a reply of %d bytes, %v, want %d", id, len(reply), ok, want)
			}
		}
	}
	check(table)
	again := New(0)
	_ = table.Freeze().Each(func(token Token, due int64, reply []byte) error {
		again.Put(token, due, reply)
		return nil
	})
	check(again)
	table.Expire(1<<40, 3) // what ends makes room
	table.Put(token(-3), 1<<41, long)
	if reply, _ := table.Get(token(-3), 0); len(reply) != MaxReply {
		t.Errorf("a reply of %d bytes is kept where there is room", len(reply))
	}
}
