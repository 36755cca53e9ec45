package call

import (
	"errors"

	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
	"pingd/kv/resp/reply"

	"pingd/kv/resp"
)

// Error texts, as Redis 7.0 has them.
const (
	ErrWrongType   = "WRONGTYPE Operation against a key holding the wrong kind of value"
	ErrNotInt      = "ERR value is not an integer or out of range"
	ErrNotFloat    = "ERR value is not a valid float"
	ErrNotPositive = "ERR value is out of range, must be positive"
	ErrSyntax      = "ERR syntax error"
	ErrOverflow    = "ERR increment or decrement would overflow"
	ErrNoKey       = "ERR no such key"
	ErrTooLong     = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
	ErrOffset      = "ERR offset is out of range"
	ErrNaN         = "ERR increment would produce NaN or Infinity"
	ErrSameObject  = "ERR source and destination objects are the same"
	ErrDBIndex     = "ERR DB index is out of range"
	ErrCursor      = "ERR invalid cursor"

	// Not Redis's: these mean a mistake of the caller of Apply or Read.
	ErrNoCommand = "ERR no command"
	ErrReadOnly  = "ERR a command that writes cannot be answered by a read"
)

// Fail replies with an error. msg begins with its code.
func (c *Call) Fail(msg string) { c.Out = resp.AppendError(c.Out, msg) }

// OK replies with the status OK.
func (c *Call) OK() { c.Out = append(c.Out, "+OK\r\n"...) }

// Status replies with a simple string.
func (c *Call) Status(s string) { c.Out = resp.AppendStatus(c.Out, s) }

// Int replies with an integer.
func (c *Call) Int(n int64) { c.Out = resp.AppendInt(c.Out, n) }

// Bulk replies with a bulk string.
func (c *Call) Bulk(b []byte) {
	if c.room(len(b)) {
		c.Out = resp.AppendBulk(c.Out, b)
	}
}

// BulkString replies with a bulk string.
func (c *Call) BulkString(s string) {
	if c.room(len(s)) {
		c.Out = resp.AppendBulkString(c.Out, s)
	}
}

// Array begins an array of n replies.
func (c *Call) Array(n int) { c.Out = resp.AppendArray(c.Out, n) }

// Map begins a map of n pairs.
func (c *Call) Map(n int) { c.Out = resp.AppendMap(c.Out, c.Proto, n) }

// Null replies with the null.
func (c *Call) Null() { c.Out = resp.AppendNull(c.Out, c.Proto) }

// String replies with a string value.
func (c *Call) String(v value.Value) {
	var buf [20]byte
	c.Bulk(value.Bytes(v, buf[:]))
}

// Unknown answers a name that is in no table.
func (c *Call) Unknown() { c.Fail(reply.Unknown(c.Args)) }

// Clip returns at most n bytes of b.
func Clip(b []byte, n int) []byte { return b[:min(len(b), max(n, 0))] }

// WrongArity replies that the number of words is wrong.
func (c *Call) WrongArity() {
	c.Fail("ERR wrong number of arguments for '" + c.Spec.lower + "' command")
}

// ArgInt reads argument i, or answers that it is no integer.
func (c *Call) ArgInt(i int) (int64, bool) {
	n, ok := value.ParseInt(c.Args[i])
	if !ok {
		c.Fail(ErrNotInt)
	}
	return n, ok
}

// GetString returns the entry of a string key, nil if absent; not ok after
// answering that the key holds something else.
func (c *Call) GetString(key []byte) (ent *keyspace.Entry, ok bool) {
	ent = c.Get(key)
	if ent == nil {
		return nil, true
	}
	switch ent.Val.(type) {
	case *value.Number, *value.Text:
		return ent, true
	}
	c.Fail(ErrWrongType)
	return nil, false
}

// EqualFold compares an argument with a word in upper case.
func EqualFold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// BadExpire replies that a time to expire makes no sense.
func (c *Call) BadExpire() {
	c.Fail("ERR invalid expire time in '" + c.Spec.lower + "' command")
}

// AddFloat adds two decimal texts, or answers why it cannot: errOld if old is no
// number. Without an old number, nil, it is 0.
func (c *Call) AddFloat(old, delta []byte, errOld string) ([]byte, bool) {
	sum, err := value.AddFloat(old, delta)
	switch {
	case err == nil:
		return sum, true
	case errors.Is(err, value.ErrOldNotFloat):
		c.Fail(errOld)
	case errors.Is(err, value.ErrNotFloat):
		c.Fail(ErrNotFloat)
	default:
		c.Fail(ErrNaN)
	}
	return nil, false
}
