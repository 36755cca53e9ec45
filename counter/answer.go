package counter

import (
	"errors"
	"net/http"
	"strconv"
)

// Answers of the counter other than a number.
const (
	textUnsent    = "The visit was not counted: the store is not available. Please try again.\n"
	textFull      = "The visit was not counted: too many are waiting. Please try again.\n"
	textUncertain = "The visit may or may not have been counted: the store did not answer in time.\n"
)

var errLate = errors.New("no answer within the visit timeout")

// definite reports whether err says that nothing was counted.
func definite(err error) bool {
	if errors.Is(err, errStopped) || errors.Is(err, errFull) {
		return true
	}
	var d interface{ Definite() bool }
	return errors.As(err, &d) && d.Definite()
}

// answer is all of an answer but its date and what it says of the connection.
type answer struct {
	status  int
	text    string
	field   string // one more field, with its CR LF
	bodyOff bool   // the answer to HEAD
}

// Fields of some answers (RFC 9110, sections 10.2.1 and 10.2.3).
const (
	fieldAllow = "Allow: GET, HEAD\r\n"
	fieldRetry = "Retry-After: 1\r\n"
)

// fate is what an answer says about its connection.
type fate uint8

const (
	stays     fate = iota // HTTP/1.1: nothing is said
	announced             // HTTP/1.0: "keep-alive"
	ends                  // "close"
)

func (f fate) field() string {
	switch f {
	case announced:
		return "Connection: keep-alive\r\n"
	case ends:
		return "Connection: close\r\n"
	}
	return ""
}

const fieldsOfAll = "\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n"

// appendAnswer appends an answer as it goes over the wire.
func appendAnswer(dst []byte, a answer, date string, f fate) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(a.status), 10)
	dst = append(dst, ' ')
	dst = append(dst, http.StatusText(a.status)...)
	dst = append(dst, "\r\nDate: "...)
	dst = append(dst, date...)
	dst = append(dst, fieldsOfAll...)
	dst = append(dst, a.field...)
	dst = append(dst, f.field()...)
	dst = appendLength(dst, len(a.text))
	if a.bodyOff {
		return dst
	}
	return append(dst, a.text...)
}

// appendNumber appends the answer to a visit that was counted.
func appendNumber(dst []byte, number int64, date string, f fate) []byte {
	var buf [24]byte
	body := append(strconv.AppendInt(buf[:0], number, 10), '\n')
	dst = append(dst, "HTTP/1.1 200 OK\r\nDate: "...)
	dst = append(dst, date...)
	dst = append(dst, fieldsOfAll...)
	dst = append(dst, f.field()...)
	dst = appendLength(dst, len(body))
	return append(dst, body...)
}

// appendHeadOnly appends the answer to HEAD /, which has no number and so no
// length.
func appendHeadOnly(dst []byte, date string, f fate) []byte {
	dst = append(dst, "HTTP/1.1 200 OK\r\nDate: "...)
	dst = append(dst, date...)
	dst = append(dst, fieldsOfAll...)
	dst = append(dst, f.field()...)
	return append(dst, "\r\n"...)
}

// appendLength appends the last field of a head, and its end.
func appendLength(dst []byte, n int) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, "\r\n\r\n"...)
}
