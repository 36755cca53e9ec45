package tracking

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"pingd/kv/engine"
)

// Table is who cached what, of one node. Create it with NewTable; it is safe for
// concurrent use. Its lock is taken before those of connections.
type Table struct {
	find func(id int64) (Client, bool)
	on   atomic.Int64 // readers with tracking on: 0 = nobody to tell
	max  atomic.Int64 // keys; 0 = no limit

	mu       sync.Mutex
	readers  map[*Reader]struct{} // with tracking on
	keys     map[string]*tracked
	items    int                             // keys times their readers
	prefixes map[string]map[*Reader]struct{} // BCAST
	sorted   []string                        // names of prefixes
}

// tracked is a key that readers have cached, perhaps.
type tracked struct {
	name    string
	readers []*Reader
}

// NewTable returns an empty table. find looks up a connection by its number.
func NewTable(find func(id int64) (Client, bool)) *Table {
	return &Table{
		find: find, readers: map[*Reader]struct{}{}, keys: map[string]*tracked{},
		prefixes: map[string]map[*Reader]struct{}{},
	}
}

// NewReader returns the reader of a connection, with tracking off.
func (t *Table) NewReader(id int64, self Client) *Reader {
	return &Reader{table: t, id: id, self: self}
}

func (t *Table) client(id int64) Client {
	if c, ok := t.find(id); ok {
		return c
	}
	return nil
}

// SetMax bounds the keys that are noted (tracking-table-max-keys), 0 for no limit.
func (t *Table) SetMax(n int64) {
	t.max.Store(n)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.evict()
}

// Counts are the figures of INFO.
type Counts struct{ Clients, Keys, Items, Prefixes int }

// Counts returns the present figures.
func (t *Table) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Counts{len(t.readers), len(t.keys), t.items, len(t.prefixes)}
}

func (t *Table) turnOn(r *Reader, o Options) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !r.on {
		r.on = true
		r.keys = map[*tracked]struct{}{}
		t.readers[r] = struct{}{}
		t.on.Add(1)
	}
	asked := o.Prefixes
	o.Prefixes = r.opt.Prefixes
	r.opt, r.broken = o, false
	if o.BCast {
		r.addPrefixes(asked)
		for _, p := range r.opt.Prefixes {
			if t.prefixes[p] == nil {
				t.prefixes[p] = map[*Reader]struct{}{}
				at, _ := slices.BinarySearch(t.sorted, p)
				t.sorted = slices.Insert(t.sorted, at, p)
			}
			t.prefixes[p][r] = struct{}{}
		}
	}
}

// TurnOff ends tracking for r, also when its connection ends.
func (t *Table) TurnOff(r *Reader) {
	if !r.on {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.on.Add(-1)
	delete(t.readers, r)
	for k := range r.keys {
		if k.readers = slices.DeleteFunc(k.readers, func(o *Reader) bool { return o == r }); len(k.readers) == 0 {
			delete(t.keys, k.name)
		}
	}
	t.items -= len(r.keys)
	for _, p := range r.opt.Prefixes {
		if delete(t.prefixes[p], r); len(t.prefixes[p]) == 0 {
			delete(t.prefixes, p)
			at, _ := slices.BinarySearch(t.sorted, p)
			t.sorted = slices.Delete(t.sorted, at, at+1)
		}
	}
	r.on, r.opt, r.keys, r.broken, r.caching = false, Options{}, nil, false, false
	r.busy, r.held, r.size = false, nil, 0
}

// begin marks r as busy and notes its keys.
func (t *Table) begin(r *Reader, keys []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.busy = true
	for _, name := range keys {
		k := t.keys[name]
		if k == nil {
			k = &tracked{name: name}
			t.keys[name] = k
		}
		if _, has := r.keys[k]; !has {
			r.keys[k] = struct{}{}
			k.readers = append(k.readers, r)
			t.items++
		}
	}
	t.evict()
}

func (t *Table) end(r *Reader) {
	t.mu.Lock()
	defer t.mu.Unlock()
	held := r.held
	r.busy, r.held, r.size = false, nil, 0
	for _, m := range held {
		r.send(m)
	}
}

// evict forgets keys, whichever come first, while there are too many. Their
// readers are told, as if the keys had changed.
func (t *Table) evict() {
	limit := t.max.Load()
	if limit == 0 {
		return
	}
	for name := range t.keys {
		if int64(len(t.keys)) <= limit {
			return
		}
		t.invalidate(name, 0)
	}
}

// invalidate tells the readers of a key, but not the one that changed it if it
// does not want to hear of that.
func (t *Table) invalidate(name string, by uint64) {
	k := t.keys[name]
	if k == nil {
		return
	}
	delete(t.keys, name)
	t.items -= len(k.readers)
	for _, r := range k.readers {
		delete(r.keys, k)
		if r.opt.NoLoop && uint64(r.id) == by {
			continue
		}
		r.tell(message{keys: []string{name}})
	}
}

// Changed takes in the keyspace events of one applied group.
func (t *Table) Changed(events []engine.Event) {
	if t.on.Load() == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range events {
		if e := &events[i]; e.Key == nil {
			t.flush()
		} else if _, known := t.keys[string(e.Key)]; known {
			t.invalidate(string(e.Key), e.Client)
		}
	}
	for _, prefix := range t.sorted {
		t.broadcast(prefix, t.prefixes[prefix], events)
	}
}

// broadcast tells the readers of a prefix of all keys with it that changed, in
// one message.
func (t *Table) broadcast(prefix string, readers map[*Reader]struct{}, events []engine.Event) {
	by := map[string]uint64{} // key: the only one who changed it, if it is only one
	var keys []string
	for i := range events {
		e := &events[i]
		if e.Key == nil || !strings.HasPrefix(string(e.Key), prefix) {
			continue
		}
		name := string(e.Key)
		if was, seen := by[name]; !seen {
			keys = append(keys, name)
			by[name] = e.Client
		} else if was != e.Client {
			by[name] = 0
		}
	}
	if len(keys) == 0 {
		return
	}
	slices.Sort(keys)
	for r := range readers {
		mine := keys
		if r.opt.NoLoop {
			mine = slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return by[k] == uint64(r.id) })
		}
		if len(mine) > 0 {
			r.tell(message{keys: mine})
		}
	}
}

// Flush tells every reader to forget everything.
func (t *Table) Flush() {
	if t.on.Load() == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flush()
}

func (t *Table) flush() {
	t.keys, t.items = map[string]*tracked{}, 0
	for _, r := range slices.SortedFunc(maps.Keys(t.readers), func(a, b *Reader) int { return cmp.Compare(a.id, b.id) }) {
		clear(r.keys)
		r.tell(message{})
	}
}
