package resp

import (
	"math"
	"strconv"

	"github.com/tidwall/redcon"
)

// RedisVersion is the version of Redis whose behaviour is followed.
const RedisVersion = "7.0.15"

// Protocol versions a connection can speak (Redis command HELLO).
const (
	RESP2 = 2
	RESP3 = 3
)

// AppendInt appends an integer reply.
func AppendInt(dst []byte, n int64) []byte { return redcon.AppendInt(dst, n) }

// AppendBulk appends a bulk string reply.
func AppendBulk(dst, b []byte) []byte { return redcon.AppendBulk(dst, b) }

// AppendBulkString appends a bulk string reply.
func AppendBulkString(dst []byte, s string) []byte { return redcon.AppendBulkString(dst, s) }

// AppendStatus appends a simple string reply; s holds no CR or LF.
func AppendStatus(dst []byte, s string) []byte { return redcon.AppendString(dst, s) }

// AppendError appends an error reply. msg begins with its code (ERR, WRONGTYPE
// ...); CR and LF in it become spaces.
func AppendError(dst []byte, msg string) []byte { return redcon.AppendError(dst, msg) }

// AppendArray appends the head of an array of n replies.
func AppendArray(dst []byte, n int) []byte { return redcon.AppendArray(dst, n) }

// AppendNull appends the null reply: a null bulk string in RESP2, _ in RESP3.
func AppendNull(dst []byte, proto uint8) []byte {
	if proto >= RESP3 {
		return append(dst, "_\r\n"...)
	}
	return append(dst, "$-1\r\n"...)
}

// AppendNullArray appends the null array reply (*-1 in RESP2, _ in RESP3).
func AppendNullArray(dst []byte, proto uint8) []byte {
	if proto >= RESP3 {
		return append(dst, "_\r\n"...)
	}
	return append(dst, "*-1\r\n"...)
}

// AppendMap appends the head of a map of n pairs: an array of 2n in RESP2.
func AppendMap(dst []byte, proto uint8, n int) []byte {
	if proto >= RESP3 {
		return appendHead(dst, '%', n)
	}
	return appendHead(dst, '*', 2*n)
}

// AppendSet appends the head of a set of n members: an array in RESP2.
func AppendSet(dst []byte, proto uint8, n int) []byte {
	if proto >= RESP3 {
		return appendHead(dst, '~', n)
	}
	return appendHead(dst, '*', n)
}

// AppendPush appends the head of an out-of-band message of n elements: an array
// in RESP2.
func AppendPush(dst []byte, proto uint8, n int) []byte {
	if proto >= RESP3 {
		return appendHead(dst, '>', n)
	}
	return appendHead(dst, '*', n)
}

// AppendBool appends a boolean: the integer 0 or 1 in RESP2.
func AppendBool(dst []byte, proto uint8, v bool) []byte {
	switch {
	case proto >= RESP3 && v:
		return append(dst, "#t\r\n"...)
	case proto >= RESP3:
		return append(dst, "#f\r\n"...)
	case v:
		return append(dst, ":1\r\n"...)
	default:
		return append(dst, ":0\r\n"...)
	}
}

// AppendDouble appends a floating point reply: a bulk string in RESP2.
func AppendDouble(dst []byte, proto uint8, f float64) []byte {
	s := FormatDouble(f)
	if proto >= RESP3 {
		dst = append(dst, ',')
		dst = append(dst, s...)
		return append(dst, '\r', '\n')
	}
	return AppendBulkString(dst, s)
}

// AppendVerbatim appends text meant for people to read: a bulk string in RESP2.
func AppendVerbatim(dst []byte, proto uint8, text string) []byte {
	if proto < RESP3 {
		return AppendBulkString(dst, text)
	}
	dst = appendHead(dst, '=', len("txt:")+len(text))
	dst = append(dst, "txt:"...)
	dst = append(dst, text...)
	return append(dst, '\r', '\n')
}

// FormatDouble writes f as Redis does: the shortest text that reads back the
// same, inf and -inf without sign of exponent.
func FormatDouble(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	if f == math.Trunc(f) && math.Abs(f) < 1e17 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func appendHead(dst []byte, kind byte, n int) []byte {
	dst = append(dst, kind)
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, '\r', '\n')
}
