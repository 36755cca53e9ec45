package call

import (
	"slices"
	"strconv"

	"pingd/kv/engine/glob"
	"pingd/kv/engine/keyspace"
)

// ScanOptions are the options of SCAN and its relatives.
type ScanOptions struct {
	Count int
	Match []byte // nil: everything
	Type  []byte // nil: every type
}

// ParseScan reads the options from word i on, or answers what is wrong.
func (c *Call) ParseScan(i int, withType bool) (o ScanOptions, ok bool) {
	o.Count = 10
	for ; i < len(c.Args); i += 2 {
		last := i+1 == len(c.Args)
		switch {
		case !last && EqualFold(c.Args[i], "COUNT"):
			n, ok := c.ArgInt(i + 1)
			if !ok {
				return o, false
			}
			if n < 1 {
				c.Fail(ErrSyntax)
				return o, false
			}
			o.Count = int(min(n, 1<<20))
		case !last && EqualFold(c.Args[i], "MATCH"):
			o.Match = c.Args[i+1]
			if string(o.Match) == "*" {
				o.Match = nil
			}
		case !last && withType && EqualFold(c.Args[i], "TYPE"):
			o.Type = lowerBytes(c.Args[i+1])
		default:
			c.Fail(ErrSyntax)
			return o, false
		}
	}
	return o, true
}

func lowerBytes(b []byte) []byte {
	b = slices.Clone(b)
	for i, ch := range b {
		if 'A' <= ch && ch <= 'Z' {
			b[i] = ch + 'a' - 'A'
		}
	}
	return b
}

// ArgCursor reads argument i as a cursor, or answers that it is none.
func (c *Call) ArgCursor(i int) (uint64, bool) {
	n, err := strconv.ParseUint(string(c.Args[i]), 10, 64)
	if err != nil {
		c.Fail(ErrCursor)
		return 0, false
	}
	return n, true
}

// Wants reports whether the options let a key through.
func (o *ScanOptions) Wants(ent *keyspace.Entry) bool {
	return (o.Match == nil || glob.Match(o.Match, []byte(ent.Key))) &&
		(o.Type == nil || string(o.Type) == ent.Val.Type())
}
