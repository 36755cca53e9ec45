package engine

import (
	"strings"

	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"

	"pingd/kv/resp"
)

// Error texts, as Redis 7.0 has them.
const (
	errWrongType   = "WRONGTYPE Operation against a key holding the wrong kind of value"
	errNotInt      = "ERR value is not an integer or out of range"
	errNotFloat    = "ERR value is not a valid float"
	errNotPositive = "ERR value is out of range, must be positive"
	errSyntax      = "ERR syntax error"
	errOverflow    = "ERR increment or decrement would overflow"
	errNoKey       = "ERR no such key"
	errTooLong     = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
	errOffset      = "ERR offset is out of range"
	errNaN         = "ERR increment would produce NaN or Infinity"
	errSameObject  = "ERR source and destination objects are the same"
	errDBIndex     = "ERR DB index is out of range"
	errCursor      = "ERR invalid cursor"

	// Not Redis's: these mean a mistake of the caller of Apply or Read.
	errNoCommand = "ERR no command"
	errReadOnly  = "ERR a command that writes cannot be answered by a read"
)

func (c *call) fail(msg string)     { c.out = resp.AppendError(c.out, msg) }
func (c *call) ok()                 { c.out = append(c.out, "+OK\r\n"...) }
func (c *call) status(s string)     { c.out = resp.AppendStatus(c.out, s) }
func (c *call) int(n int64)         { c.out = resp.AppendInt(c.out, n) }
func (c *call) bulk(b []byte)       { c.out = resp.AppendBulk(c.out, b) }
func (c *call) bulkString(s string) { c.out = resp.AppendBulkString(c.out, s) }
func (c *call) array(n int)         { c.out = resp.AppendArray(c.out, n) }
func (c *call) mapHead(n int)       { c.out = resp.AppendMap(c.out, c.proto, n) }
func (c *call) null()               { c.out = resp.AppendNull(c.out, c.proto) }

// str replies with a string value.
func (c *call) str(v value.Value) {
	var buf [20]byte
	c.bulk(value.Bytes(v, buf[:]))
}

// unknown answers a name that is in no table.
func (c *call) unknown() {
	var b strings.Builder
	b.WriteString("ERR unknown command '")
	b.Write(clip(c.args[0], 128))
	b.WriteString("', with args beginning with: ")
	list := b.Len()
	for _, arg := range c.args[1:] {
		if b.Len()-list >= 128 {
			break
		}
		b.WriteString("'")
		b.Write(clip(arg, 128-(b.Len()-list)))
		b.WriteString("' ")
	}
	c.fail(b.String())
}

func clip(b []byte, n int) []byte { return b[:min(len(b), max(n, 0))] }

func (c *call) wrongArity() {
	c.fail("ERR wrong number of arguments for '" + c.spec.lower + "' command")
}

// argInt reads argument i, or answers that it is no integer.
func (c *call) argInt(i int) (int64, bool) {
	n, ok := value.ParseInt(c.args[i])
	if !ok {
		c.fail(errNotInt)
	}
	return n, ok
}

// getString returns the entry of a string key, nil if absent; not ok after
// answering that the key holds something else.
func (c *call) getString(key []byte) (ent *keyspace.Entry, ok bool) {
	ent = c.get(key)
	if ent == nil {
		return nil, true
	}
	switch ent.Val.(type) {
	case *value.Number, *value.Text:
		return ent, true
	}
	c.fail(errWrongType)
	return nil, false
}
