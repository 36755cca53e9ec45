package entry

import (
	"encoding/binary"

	"pingd/kv/engine"
)

// Decoder decodes entries and command lists. What it returns stays valid until
// its next call and shares memory with the input: nothing is copied, and after
// the first calls nothing is allocated. Its zero value is ready; it is not safe
// for concurrent use.
type Decoder struct {
	groups []Group
	cmds   []engine.Command
	args   [][]byte

	rest []byte // what is left of the input
	bad  string // what was wrong first; everything read after that is zero
}

// Entry decodes one log entry. Its errors wrap ErrFormat or ErrVersion.
func (d *Decoder) Entry(b []byte) (Entry, error) {
	d.start(b)
	version := d.byte()
	if version == 0 || version > Version {
		return Entry{}, ErrVersion
	}
	e := Entry{Version: version, Kind: Kind(d.byte())}
	e.Stamp.Level = version
	e.Stamp.UnixMilli = d.varint()
	if s := d.take(8); s != nil {
		e.Stamp.Seed = binary.LittleEndian.Uint64(s)
	}
	switch e.Kind {
	case KindMember, KindForget:
		e.Payload = d.rest
	case KindBatch:
		n := d.count(MaxGroups)
		for range n {
			d.groups = append(d.groups, d.group())
		}
		e.Groups = d.groups
		if d.bad == "" && len(d.rest) > 0 {
			d.fail("bytes after the last group")
		}
	default:
		d.fail("unknown kind")
	}
	if d.bad != "" {
		return Entry{}, formatError(d.bad)
	}
	return e, nil
}

// Group decodes one encoded group, as it travels between nodes. Its errors wrap
// ErrFormat.
func (d *Decoder) Group(b []byte) (Group, error) {
	d.start(b)
	g := d.group()
	return g, d.end()
}

// Commands decodes a list made by AppendCommands. Its errors wrap ErrFormat.
func (d *Decoder) Commands(b []byte) ([]engine.Command, error) {
	d.start(b)
	cmds := d.commands(0)
	return cmds, d.end()
}

// ParseReplies decodes replies made by AppendReplies; they share memory with b.
// Its errors wrap ErrFormat.
func ParseReplies(b []byte) (*engine.Replies, error) {
	d := Decoder{rest: b}
	n := d.count(len(b))
	out := &engine.Replies{Ends: make([]int, 0, n)}
	end := 0
	for range n {
		end += d.count(len(b))
		out.Ends = append(out.Ends, end)
	}
	if d.bad == "" && end != len(d.rest) {
		d.fail("replies of another length")
	}
	out.Buf = d.rest
	if d.bad != "" {
		return nil, formatError(d.bad)
	}
	return out, nil
}

func (d *Decoder) start(b []byte) {
	// Old references would keep a large entry alive: forget them.
	clear(d.groups)
	clear(d.cmds)
	clear(d.args)
	d.groups, d.cmds, d.args = d.groups[:0], d.cmds[:0], d.args[:0]
	d.rest, d.bad = b, ""
}

func (d *Decoder) end() error {
	if d.bad == "" && len(d.rest) > 0 {
		d.fail("bytes after the end")
	}
	if d.bad != "" {
		return formatError(d.bad)
	}
	return nil
}

func (d *Decoder) group() Group {
	var g Group
	name := d.bytes()
	if len(name) > MaxName {
		d.fail("node name too long")
	}
	g.Origin = Origin{Node: string(name), Incarnation: d.uvarint(), Number: d.uvarint(), Oldest: d.uvarint()}
	g.Cmds = d.commands(0)
	return g
}

// commands reads a list into the decoder's arena. A transaction's commands come
// to lie behind those of the list around it, so that list is gathered first
// place by place.
func (d *Decoder) commands(depth int) []engine.Command {
	n := d.count(len(d.rest) / minCommand)
	from := len(d.cmds)
	for range n {
		d.cmds = append(d.cmds, engine.Command{})
	}
	list := d.cmds[from : from+n : from+n]
	for i := range list {
		d.command(&list[i], depth)
		if d.bad != "" {
			return nil
		}
	}
	return list
}

// minCommand is the length of the shortest command: shape, database, protocol
// and a count.
const minCommand = 4

func (d *Decoder) command(c *engine.Command, depth int) {
	shape := d.byte()
	c.DB, c.Proto = d.byte(), d.byte()
	if c.DB >= engine.Databases {
		d.fail("database out of range")
		return
	}
	if shape&withClient != 0 {
		if c.Client = d.uvarint(); c.Client == 0 {
			d.fail("no number of a client")
			return
		}
	}
	switch shape &^ withClient {
	case shapeArgs:
		c.Args = d.argList()
	case shapeLiteral:
		c.Literal = d.bytes()
	case shapeTxn:
		if depth > 0 {
			d.fail("transaction within a transaction")
			return
		}
		c.Txn = d.txn(depth)
	default:
		d.fail("unknown shape of a command")
	}
}

func (d *Decoder) argList() [][]byte {
	n := d.count(len(d.rest))
	from := len(d.args)
	for range n {
		a := d.bytes()
		if d.bad != "" {
			return nil
		}
		d.args = append(d.args, a)
	}
	return d.args[from:len(d.args):len(d.args)]
}

func (d *Decoder) txn(depth int) *engine.Txn {
	t := &engine.Txn{}
	if n := d.count(len(d.rest) / 3); n > 0 {
		t.Watch = make([]engine.Watch, n)
	}
	for i := range t.Watch {
		w := &t.Watch[i]
		w.DB, w.Version, w.Key = d.byte(), d.uvarint(), d.bytes()
		if w.DB >= engine.Databases {
			d.fail("database out of range")
		}
		if d.bad != "" {
			return nil
		}
	}
	t.Cmds = d.commands(depth + 1)
	return t
}

func (d *Decoder) fail(what string) {
	if d.bad == "" {
		d.bad, d.rest = what, nil
	}
}

func (d *Decoder) take(n int) []byte {
	if n > len(d.rest) {
		d.fail("cut short")
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *Decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *Decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail("bad number")
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *Decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail("bad number")
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// count reads how many things follow. Each takes at least one byte, so a count
// beyond limit is a lie and would only waste memory.
func (d *Decoder) count(limit int) int {
	v := d.uvarint()
	if v > uint64(limit) {
		d.fail("count too large")
		return 0
	}
	return int(v)
}

func (d *Decoder) bytes() []byte { return d.take(d.count(len(d.rest))) }
