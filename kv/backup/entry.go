package backup

import (
	"pingd/kv/engine/value"
	"pingd/kv/rdb"
)

// partSize is about how large a part of a value gets, in bytes, and how large a
// payload: larger log entries gain nothing and hold up what waits behind them.
const partSize = 1 << 20

// part is a value, or a piece of one that is too large to travel at once.
type part struct {
	db       uint8
	name     []byte
	expireAt int64
	val      value.Value
	first    bool // begins the key
}

// parts cuts a value of the store and hands each part on.
func parts(db uint8, name []byte, expireAt int64, v value.Value, emit func(part) error) error {
	p := part{db: db, name: name, expireAt: expireAt, val: v, first: true}
	if v.Size() <= partSize {
		return emit(p)
	}
	switch v := v.(type) {
	case *value.Text:
		for b := v.B; len(b) > 0 || p.first; p.first = false {
			n := min(len(b), partSize)
			p.val = &value.Text{B: b[:n], Grown: v.Grown}
			if err := emit(p); err != nil {
				return err
			}
			b = b[n:]
		}
		return nil
	case *value.Hash:
		h, err := value.NewHash(), error(nil)
		send := func() {
			if err == nil && h.Len() > 0 {
				p.val = h
				err = emit(p)
				p.first = false
			}
			h = value.NewHash()
		}
		v.Each(func(f *value.Field) {
			if h.Set([]byte(f.Name()), f.Value()); h.Size() >= partSize {
				send()
			}
		})
		send()
		return err
	}
	return emit(p)
}

// builder makes parts out of the pieces of an RDB file: an rdb.Visitor.
type builder struct {
	emit func(part) error
	// skip is told a key that the store has no place for; its error ends reading.
	skip func(rdb.Key) error

	now     part
	kind    rdb.Kind
	hash    *value.Hash
	skipped bool
}

// supported tells which kinds of Redis the store has.
func supported(k rdb.Kind) bool { return k == rdb.String || k == rdb.Hash }

// databases is how many numbered keyspaces the store has.
const databases = 16

func (b *builder) Key(k rdb.Key) error {
	b.kind, b.skipped = k.Kind, !supported(k.Kind) || k.DB >= databases
	if b.skipped {
		return b.skip(k)
	}
	b.now = part{db: uint8(k.DB), name: append(b.now.name[:0], k.Name...), expireAt: k.ExpireAt, first: true}
	if k.Kind == rdb.Hash {
		b.hash = value.NewHash()
	}
	return nil
}

func (b *builder) Part(name, val []byte) error {
	switch {
	case b.skipped:
		return nil
	case b.kind == rdb.String:
		return parts(b.now.db, b.now.name, b.now.expireAt, value.NewString(name), b.emit)
	}
	b.hash.Set(name, val)
	if b.hash.Size() >= partSize {
		return b.send()
	}
	return nil
}

func (b *builder) End() error {
	if b.skipped || b.kind != rdb.Hash || b.hash.Len() == 0 {
		return nil
	}
	return b.send()
}

// send hands on the fields gathered so far.
func (b *builder) send() error {
	b.now.val = b.hash
	err := b.emit(b.now)
	b.now.first, b.hash = false, value.NewHash()
	return err
}
