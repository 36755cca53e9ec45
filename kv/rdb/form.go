package rdb

import (
	"math"
	"strconv"
)

// form is how a type byte's value is laid out.
type form struct {
	kind    Kind
	counted bool // it begins with the number of its elements
	read    func(w *walker, n uint64) error
}

// forms holds every type that can be walked. Of modules only those since 4.0 can:
// an older one cannot be parsed without the module.
var forms = map[byte]form{
	typeString: {String, false, func(w *walker, _ uint64) error { return w.whole() }},

	typeHash:         {Hash, true, func(w *walker, n uint64) error { return w.plain(n, 2) }},
	typeHashZipmap:   {Hash, false, packed(eachInZipmap, 2)},
	typeHashZiplist:  {Hash, false, packed(eachInZiplist, 2)},
	typeHashListpack: {Hash, false, packed(eachInListpack, 2)},

	typeList:        {List, true, func(w *walker, n uint64) error { return w.plain(n, 1) }},
	typeListZiplist: {List, false, packed(eachInZiplist, 1)},
	typeQuicklist:   {List, false, (*walker).quicklist},
	typeQuicklist2:  {List, false, (*walker).quicklist2},

	typeSet:         {Set, true, func(w *walker, n uint64) error { return w.plain(n, 1) }},
	typeSetIntset:   {Set, false, packed(eachInSet, 1)},
	typeSetListpack: {Set, false, packed(eachInListpack, 1)},

	typeZSet:         {SortedSet, true, func(w *walker, n uint64) error { return w.scored(n, (*walker).textScore) }},
	typeZSet2:        {SortedSet, true, func(w *walker, n uint64) error { return w.scored(n, (*walker).binaryScore) }},
	typeZSetZiplist:  {SortedSet, false, packed(eachInZiplist, 2)},
	typeZSetListpack: {SortedSet, false, packed(eachInListpack, 2)},

	typeStream:  {Stream, false, func(w *walker, _ uint64) error { return w.stream(1) }},
	typeStream2: {Stream, false, func(w *walker, _ uint64) error { return w.stream(2) }},
	typeStream3: {Stream, false, func(w *walker, _ uint64) error { return w.stream(3) }},

	typeModule2: {Module, false, (*walker).module},

	typeHashTTL:        {HashTTL, false, func(w *walker, _ uint64) error { return w.hashTTL(8) }},
	typeHashTTLPreGA:   {HashTTL, false, func(w *walker, _ uint64) error { return w.hashTTL(0) }},
	typeHashTTLPack:    {HashTTL, false, func(w *walker, _ uint64) error { return w.hashTTLPack(8) }},
	typeHashTTLPackPre: {HashTTL, false, func(w *walker, _ uint64) error { return w.hashTTLPack(0) }},
}

// whole tells a string.
func (w *walker) whole() (err error) {
	if w.a, err = w.string(w.a[:0]); err != nil {
		return err
	}
	return w.v.Part(w.a, nil)
}

// plain tells n parts of one or two strings each.
func (w *walker) plain(n uint64, strings int) (err error) {
	for ; n > 0; n-- {
		if w.a, err = w.string(w.a[:0]); err != nil {
			return err
		}
		b := []byte(nil)
		if strings == 2 {
			if w.b, err = w.string(w.b[:0]); err != nil {
				return err
			}
			b = w.b
		}
		if err := w.v.Part(w.a, b); err != nil {
			return err
		}
	}
	return nil
}

// walk is one of the functions that go through a packed value.
type walk func(b []byte, emit func([]byte) error) (ok bool, err error)

// packed makes the reader of a value that is one string, whose elements make parts
// of one or two.
func packed(each walk, strings int) func(*walker, uint64) error {
	return func(w *walker, _ uint64) error { return w.unpack(each, strings) }
}

func (w *walker) unpack(each walk, strings int) (err error) {
	if w.a, err = w.string(w.a[:0]); err != nil {
		return err
	}
	half := false // w.b holds the first string of a part
	ok, err := each(w.a, func(element []byte) error {
		if strings == 1 {
			return w.v.Part(element, nil)
		}
		if half = !half; half {
			w.b = append(w.b[:0], element...)
			return nil
		}
		return w.v.Part(w.b, element)
	})
	if err == nil && (!ok || half) {
		err = w.wrong("malformed packed value")
	}
	return err
}

// quicklist tells a list of ziplists.
func (w *walker) quicklist(uint64) error {
	n, err := w.length()
	for ; n > 0 && err == nil; n-- {
		err = w.unpack(eachInZiplist, 1)
	}
	return err
}

// quicklist2 tells a list of listpacks and single large elements.
func (w *walker) quicklist2(uint64) error {
	n, err := w.length()
	for ; n > 0 && err == nil; n-- {
		var container uint64
		if container, err = w.length(); err != nil {
			return err
		}
		switch container {
		case 1:
			err = w.whole()
		case 2:
			err = w.unpack(eachInListpack, 1)
		default:
			err = w.wrong("list node of unknown container %d", container)
		}
	}
	return err
}

// scored tells n members, each followed by a score.
func (w *walker) scored(n uint64, score func(*walker) (float64, error)) (err error) {
	for ; n > 0; n-- {
		if w.a, err = w.string(w.a[:0]); err != nil {
			return err
		}
		f, err := score(w)
		if err != nil {
			return err
		}
		w.b = strconv.AppendFloat(w.b[:0], f, 'g', -1, 64)
		if err := w.v.Part(w.a, w.b); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) binaryScore() (float64, error) {
	bits, err := w.uint64()
	return math.Float64frombits(bits), err
}

// textScore reads a score as Redis before 4.0 wrote it: a length and decimal text,
// or a length that stands for a value of its own.
func (w *walker) textScore() (float64, error) {
	n, err := w.byte()
	if err != nil {
		return 0, err
	}
	switch n {
	case 253:
		return math.NaN(), nil
	case 254:
		return math.Inf(1), nil
	case 255:
		return math.Inf(-1), nil
	}
	if w.b, err = w.append(w.b[:0], uint64(n)); err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(string(w.b), 64)
	if err != nil {
		return 0, w.wrong("score %.32q is no number", w.b)
	}
	return f, nil
}

// hashTTL passes over a hash whose fields have expiries. head is how many bytes
// precede it: the expiry that the others are relative to.
func (w *walker) hashTTL(head uint64) error {
	if err := w.skip(head); err != nil {
		return err
	}
	n, err := w.length()
	for ; n > 0 && err == nil; n-- {
		if err = w.lengths(1); err != nil { // expiry
			return err
		}
		if err = w.skipString(); err == nil {
			err = w.skipString()
		}
	}
	return err
}

// hashTTLPack passes over the same in a listpack: name, value, expiry, ...
func (w *walker) hashTTLPack(head uint64) (err error) {
	if err := w.skip(head); err != nil {
		return err
	}
	if w.a, err = w.string(w.a[:0]); err != nil {
		return err
	}
	n := 0
	ok, _ := eachInListpack(w.a, func([]byte) error { n++; return nil })
	if !ok || n%3 != 0 {
		return w.wrong("malformed packed value")
	}
	return nil
}

// stream passes over a stream of that version: nodes, IDs, consumer groups.
func (w *walker) stream(version int) error {
	nodes, err := w.length()
	for ; nodes > 0 && err == nil; nodes-- {
		if err = w.skipString(); err == nil { // the node's first ID
			err = w.skipString() // its entries
		}
	}
	if err != nil {
		return err
	}
	ids := 3 // how many entries, and the last ID, in two numbers
	if version >= 2 {
		ids += 5 // first ID, greatest deleted ID, entries ever added
	}
	if err := w.lengths(ids); err != nil {
		return err
	}
	groups, err := w.length()
	for ; groups > 0 && err == nil; groups-- {
		err = w.streamGroup(version)
	}
	return err
}

// streamID is how many bytes an ID takes in a list of pending entries.
const streamID = 16

func (w *walker) streamGroup(version int) error {
	if err := w.skipString(); err != nil { // its name
		return err
	}
	ids := 2 // the last ID delivered
	if version >= 2 {
		ids++ // entries read
	}
	if err := w.lengths(ids); err != nil {
		return err
	}
	pending, err := w.length()
	for ; pending > 0 && err == nil; pending-- {
		if err = w.skip(streamID + 8); err == nil { // when it was delivered
			err = w.lengths(1) // and how often
		}
	}
	if err != nil {
		return err
	}
	consumers, err := w.length()
	for ; consumers > 0 && err == nil; consumers-- {
		err = w.streamConsumer(version)
	}
	return err
}

func (w *walker) streamConsumer(version int) error {
	if err := w.skipString(); err != nil { // its name
		return err
	}
	times := uint64(1) // when it was seen
	if version >= 3 {
		times++ // when it was active
	}
	if err := w.skip(8 * times); err != nil {
		return err
	}
	pending, err := w.length()
	if err != nil {
		return err
	}
	if pending > math.MaxUint64/streamID {
		return w.wrong("consumer with %d pending entries", pending)
	}
	return w.skip(pending * streamID)
}

// Codes within the data of a module (rdb.h, RDB_MODULE_OPCODE_*).
const (
	moduleEOF    = 0
	moduleSigned = 1
	moduleNumber = 2
	moduleFloat  = 3
	moduleDouble = 4
	moduleString = 5
)

// module passes over a module's value: which module, then its data.
func (w *walker) module(uint64) error {
	if err := w.lengths(1); err != nil {
		return err
	}
	return w.moduleData()
}

func (w *walker) moduleData() error {
	for {
		code, err := w.length()
		if err != nil {
			return err
		}
		switch code {
		case moduleEOF:
			return nil
		case moduleSigned, moduleNumber:
			err = w.lengths(1)
		case moduleFloat:
			err = w.skip(4)
		case moduleDouble:
			err = w.skip(8)
		case moduleString:
			err = w.skipString()
		default:
			err = w.wrong("module data of unknown kind %d", code)
		}
		if err != nil {
			return err
		}
	}
}
