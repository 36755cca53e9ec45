package rdb

import (
	"fmt"
	"strconv"
)

// Versions of the format that are known. Redis and Valkey parted after version 11:
// each counts on in its own way, and gives the same numbers to different things
// (valkey's src/rdb.h). What later versions added are types of their own; where a file
// has none of them it is as good as an older one.
const (
	minVersion = 1
	maxRedis   = 14
	minValkey  = 80 // Valkey 9.0; files of earlier ones are those of Redis
	maxValkey  = 81
	sumVersion = 5  // with a checksum at the end since then
	fullyKnown = 12 // of Redis: every type is (Redis 7.4)
	firstMeta  = 13 // with data of modules before a key
)

const (
	magic       = "REDIS"  // and four digits
	magicValkey = "VALKEY" // and three
)

// valkeyOwn is the first type that Valkey numbers in its own way: a hash with expiries
// of fields.
const valkeyOwn = 22

// dialect is whose file, or dump, is read, and of which version.
type dialect struct {
	version int
	valkey  bool
}

// dialectOf returns that of a file's first nine bytes; not ok if it is none.
func dialectOf(head []byte) (d dialect, ok bool) {
	digits := head[len(magic):]
	if d.valkey = string(head[:len(magicValkey)]) == magicValkey; d.valkey {
		digits = head[len(magicValkey):]
	} else if string(head[:len(magic)]) != magic {
		return d, false
	}
	version, err := strconv.ParseUint(string(digits), 10, 16)
	d.version = int(version)
	return d, err == nil
}

// dialectOfDump returns that of a dump, which has a version and no name.
func dialectOfDump(version uint16) dialect {
	return dialect{version: int(version), valkey: version >= minValkey}
}

// known returns an ErrVersion unless all of the layout is known but for some types.
func (d dialect) known() error {
	switch {
	case d.valkey && d.version >= minValkey && d.version <= maxValkey,
		!d.valkey && d.version >= minVersion && d.version <= maxRedis:
		return nil
	}
	return fmt.Errorf("%w: it is %d of %s, known are %d to %d of Redis, %d and %d of Valkey",
		ErrVersion, d.version, d.name(), minVersion, maxRedis, minValkey, maxValkey)
}

func (d dialect) name() string {
	if d.valkey {
		return "Valkey"
	}
	return "Redis"
}

// form returns how a type is laid out.
func (w *walker) form(kind byte) (form, error) {
	f, ok := forms[kind]
	if w.valkey && kind >= valkeyOwn {
		f, ok = form{HashTTL, false, (*walker).valkeyHash}, kind == valkeyOwn
	}
	switch {
	case ok:
		return f, nil
	case w.valkey || w.version > fullyKnown:
		return f, fmt.Errorf("%w: %d of %s, with a value or mark of type %d that is not known, before byte %d", ErrVersion, w.version, w.name(), kind, w.at())
	}
	return f, w.wrong("value of unknown type %d", kind)
}

// valkeyHash passes over a hash of Valkey whose fields have expiries: name, value,
// expiry, ...
func (w *walker) valkeyHash(uint64) error {
	n, err := w.length()
	for ; n > 0 && err == nil; n-- {
		if err = w.skipString(); err == nil {
			err = w.skipString()
		}
		if err == nil {
			err = w.skip(8)
		}
	}
	return err
}

// meta passes over what modules keep of the key that follows (Redis 8.6).
func (w *walker) meta() error {
	w.info.Metadata++
	classes, err := w.length()
	for ; classes > 0 && err == nil; classes-- {
		if err = w.skip(4); err == nil { // which class
			err = w.moduleData()
		}
	}
	return err
}
