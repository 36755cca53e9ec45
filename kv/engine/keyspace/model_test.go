package keyspace

import (
	"bytes"
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"pingd/kv/engine/value"
)

// fact is what a model knows about a key.
type fact struct {
	val      string
	expireAt int64
}

// facts is a model of a store: plain maps, copied whole.
type facts [Databases]map[string]fact

func (f *facts) clone() (c facts) {
	for db := range f {
		c[db] = maps.Clone(f[db])
	}
	return c
}

// look reads a store into a model, and checks what it counts on the way.
func look(t *rapid.T, s *Store) (f facts) {
	for db := range uint8(Databases) {
		f[db] = map[string]fact{}
		size, expires, next := int64(0), 0, int64(0)
		s.Each(db, func(ent *Entry) bool {
			f[db][ent.Key] = fact{string(ent.Val.Append([]byte{byte(ent.Val.Kind())})), ent.ExpireAt}
			size += ent.Size()
			if ent.ExpireAt != 0 {
				expires++
				if next == 0 || ent.ExpireAt < next {
					next = ent.ExpireAt
				}
			}
			if s.Lookup(db, []byte(ent.Key)) != ent {
				t.Fatalf("%d %s is listed and not found", db, ent.Key)
			}
			return true
		})
		if s.Size(db) != len(f[db]) || s.Expires(db) != expires || s.Bytes(db) != size {
			t.Fatalf("database %d: counts %d keys, %d expires, %d bytes, has %d, %d, %d",
				db, s.Size(db), s.Expires(db), s.Bytes(db), len(f[db]), expires, size)
		}
		if ent, ok := s.FirstDue(db); ok != (expires > 0) || ok && ent.ExpireAt != next {
			t.Fatalf("database %d: first due is %v, want %d", db, ent, next)
		}
	}
	return f
}

func same(a, b facts) bool {
	for db := range a {
		if !maps.Equal(a[db], b[db]) {
			return false
		}
	}
	return true
}

// machine changes a store and its model alike, by Store's rules.
type machine struct {
	t *rapid.T
	s *Store
	f facts
}

func text(val value.Value) string { return string(val.Append([]byte{byte(val.Kind())})) }

// change makes one random change.
func (m *machine) change() {
	db := uint8(rapid.IntRange(0, 2).Draw(m.t, "db"))
	key := fmt.Sprint("k", rapid.IntRange(0, 300).Draw(m.t, "key"))
	n := rapid.IntRange(0, 1000).Draw(m.t, "n")
	ent := m.s.Lookup(db, []byte(key))
	switch op := rapid.IntRange(0, 19).Draw(m.t, "op"); {
	case op == 0 && n < 100:
		m.s.Flush(db)
		m.f[db] = map[string]fact{}
	case op == 1 && n < 300:
		other := uint8(rapid.IntRange(0, 2).Draw(m.t, "other"))
		m.s.Swap(db, other)
		m.f[db], m.f[other] = m.f[other], m.f[db]
	case ent == nil:
		m.create(db, key, n)
	case op < 5:
		m.s.Remove(db, ent)
		delete(m.f[db], key)
	case op < 8:
		m.move(db, key, ent)
	case op < 11:
		m.s.Touch(db, ent)
		m.s.SetExpire(db, ent, int64(n))
		m.f[db][key] = fact{m.f[db][key].val, int64(n)}
	case op < 13:
		m.s.Touch(db, ent)
		m.s.Replace(db, ent, &value.Text{B: fmt.Append(nil, "text", n)})
		m.f[db][key] = fact{text(ent.Val), m.f[db][key].expireAt}
	default:
		m.inPlace(db, key, ent, n)
	}
}

func (m *machine) create(db uint8, key string, n int) {
	var val value.Value = &value.Number{N: int64(n)}
	if n%2 == 0 {
		h := value.NewHash()
		for i := range 1 + n%200 {
			h.Set(fmt.Append(nil, i), fmt.Append(nil, n))
		}
		val = h
	}
	m.s.Create(db, []byte(key), val)
	m.f[db][key] = fact{val: text(val)}
}

// move renames a key to one that is absent, perhaps in another database.
func (m *machine) move(db uint8, key string, ent *Entry) {
	to, name := uint8(rapid.IntRange(0, 2).Draw(m.t, "to")), key+"x"
	if m.s.Lookup(to, []byte(name)) != nil {
		return
	}
	m.s.Remove(db, ent)
	m.s.Move(ent, to, []byte(name))
	m.f[to][name] = m.f[db][key]
	delete(m.f[db], key)
}

// inPlace changes the value itself.
func (m *machine) inPlace(db uint8, key string, ent *Entry, n int) {
	m.s.Touch(db, ent)
	val := m.s.Own(ent)
	before := val.Size()
	switch val := val.(type) {
	case *value.Number:
		val.N++
	case *value.Text:
		val.B[0]++
	case *value.Hash:
		val.Set(fmt.Append(nil, n%300), []byte("changed"))
		if val.Len() > 1 {
			val.Delete(fmt.Append(nil, n%7))
		}
	}
	m.s.Resized(db, val.Size()-before)
	m.f[db][key] = fact{text(val), m.f[db][key].expireAt}
}

// stepWriter changes the store at every write.
type stepWriter struct {
	bytes.Buffer
	step func()
}

func (w *stepWriter) Write(p []byte) (int, error) {
	w.step()
	return w.Buffer.Write(p)
}

// TestStoreAgainstModel changes a store at random and takes snapshots, changing
// more while they are written and now and then abandoning one: the store is what
// the model is, and a restored snapshot what the model was.
func TestStoreAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{t: t, s: New(0)}
		for db := range m.f {
			m.f[db] = map[string]fact{}
		}
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			for range rapid.IntRange(0, 150).Draw(t, "changes") {
				m.change()
			}
			want := m.f.clone()
			if rapid.IntRange(0, 4).Draw(t, "abandon") == 0 {
				m.s.Snapshot()
				m.change()
				want = m.f.clone()
			}
			m.s.Now++
			snap := m.s.Snapshot()
			version := m.s.version
			w := &stepWriter{step: func() {
				for range 20 {
					m.change()
				}
			}}
			if _, err := snap.WriteTo(w); err != nil {
				t.Fatal(err)
			}
			snap.Close()
			restored := New(0)
			if err := restored.Restore(&w.Buffer); err != nil {
				t.Fatal(err)
			}
			if !same(look(t, restored), want) || restored.version != version || restored.Now != m.s.Now {
				t.Fatal("a snapshot is not the state at the moment it was taken")
			}
			if !same(look(t, m.s), m.f) {
				t.Fatal("the store is not what was done to it")
			}
		}
	})
}

// TestOrderAndDigest makes the same keys in opposite orders: cursors, choice and
// digest must not tell the difference, but a different value must show.
func TestOrderAndDigest(t *testing.T) {
	a, b := New(0), New(0)
	const n = 1000
	for i := range n {
		a.Create(3, fmt.Append(nil, i), &value.Number{N: 1})
		b.Create(3, fmt.Append(nil, n-1-i), &value.Number{N: 1})
	}
	for i := range n { // the same versions too
		for _, s := range []*Store{a, b} {
			s.Touch(3, s.Lookup(3, fmt.Append(nil, i)))
		}
	}
	if a.Digest() != b.Digest() {
		t.Error("the digest depends on the order of creation")
	}
	for pos, first := uint64(0), true; first || pos != 0; first = false {
		left, next := a.Step(3, nil, pos, 10)
		right, other := b.Step(3, nil, pos, 10)
		if next != other || len(left) != len(right) {
			t.Fatalf("from %x: %d entries and %x, %d and %x", pos, len(left), next, len(right), other)
		}
		for i := range left {
			if left[i].Key != right[i].Key {
				t.Fatalf("from %x: %s and %s", pos, left[i].Key, right[i].Key)
			}
		}
		pos = next
	}
	seed := uint64(0)
	random := func() uint64 { seed += 0x9e3779b97f4a7c15; return seed * (seed >> 31) }
	one, _ := a.Random(3, random)
	seed = 0
	if other, _ := b.Random(3, random); one.Key != other.Key {
		t.Errorf("the same numbers choose %s and %s", one.Key, other.Key)
	}
	b.Own(b.Lookup(3, []byte("5"))).(*value.Number).N = 2
	if a.Digest() == b.Digest() {
		t.Error("the digest does not see a value")
	}
}

// TestNextDue takes the earliest of all databases.
func TestNextDue(t *testing.T) {
	s := New(0)
	if _, ok := s.NextDue(); ok {
		t.Error("an empty store has something due")
	}
	for db, at := range map[uint8]int64{0: 900, 4: 300, 15: 500} {
		s.SetExpire(db, s.Create(db, []byte("k"), &value.Number{}), at)
	}
	if ms, ok := s.NextDue(); !ok || ms != 300 {
		t.Errorf("next due %d, %v", ms, ok)
	}
	if ent, ok := s.FirstDue(4); !ok || ent.Due(299) || !ent.Due(300) {
		t.Errorf("first due %v, %v", ent, ok)
	}
	s.Flush(4)
	if ms, ok := s.NextDue(); !ok || ms != 500 {
		t.Errorf("after a flush: next due %d, %v", ms, ok)
	}
}
