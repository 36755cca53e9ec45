package exchange

import (
	"net/http"
	"strconv"

	"pingd/proxy/http1"
	"pingd/proxy/retry"
	"pingd/proxy/wire"
)

// Answers to clients that stop half-way through a request.
var (
	ErrSlow     = &http1.Error{Status: 408, Reason: "the request did not arrive in time"}
	ErrSlowBody = &http1.Error{Status: 408, Reason: "the request body did not arrive in time"}
)

// The answers to a request that no server could be given.
var (
	ErrNoService = &http1.Error{Status: 404, Reason: "no service has this host and path"}
	ErrNoServer  = &http1.Error{Status: 503, Reason: "no backend is available"}
	ErrQueue     = &http1.Error{Status: 503, Reason: "no backend had a free slot in time"}
	ErrStopping  = &http1.Error{Status: 503, Reason: "the proxy is stopping"}
	ErrExhausted = &http1.Error{Status: 503, Reason: "the proxy is out of file descriptors or ports"}

	errLast      = &http1.Error{Status: 200, Reason: "this proxy answers itself: Max-Forwards is 0"}
	errLastTrace = &http1.Error{Status: 501, Reason: "this proxy does not answer TRACE itself"}
	errConnect   = &http1.Error{Status: 503, Reason: "no connection to the backend could be made"}
	errTimedOut  = &http1.Error{Status: 504, Reason: "the backend did not answer in time"}
	errDied      = &http1.Error{Status: 502, Reason: "the backend closed the connection without an answer"}
	errInvalid   = &http1.Error{Status: 502, Reason: "the backend's answer was not a valid response"}
)

// Last returns the answer to a request that goes no further (RFC 9110 section
// 7.6.2).
func Last(m http1.Method) *http1.Error {
	if m == http1.TRACE {
		return errLastTrace
	}
	return errLast
}

// Failed returns the answer to a request whose every attempt failed, the last
// one with failure.
func Failed(failure retry.Failure) *http1.Error {
	switch failure {
	case retry.Connect:
		return errConnect
	case retry.TimedOut:
		return errTimedOut
	case retry.Died:
		return errDied
	}
	return errInvalid
}

// Answer is a response that the proxy makes itself: short, plain, and saying
// the reason.
type Answer struct {
	Status int
	Reason string
	// Date is the value of the Date field.
	Date []byte
	// Close announces that the connection ends; without it a client of HTTP/1.0
	// (Minor 0) is told that it goes on.
	Close bool
	Minor int
	// RequestID is the request's id (empty: none), Location the target of a
	// redirection, RetryAfter how many seconds to wait (0: 1 for status 503, none
	// for others), Text a body in place of status and reason.
	RequestID      []byte
	Location, Text string
	RetryAfter     int
	// Head leaves out the body: the request's method is HEAD.
	Head bool
}

// Append appends the response.
func (a *Answer) Append(b []byte) []byte {
	phrase := http.StatusText(a.Status)
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.Status), 10)
	b = append(b, ' ')
	b = append(b, phrase...)
	b = append(b, "\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nDate: "...)
	b = append(b, a.Date...)
	b = append(b, "\r\nContent-Length: "...)
	size := len("000 : \n") + len(phrase) + len(a.Reason)
	if a.Text != "" {
		size = len(a.Text)
	}
	b = strconv.AppendInt(b, int64(size), 10)
	switch {
	case a.RetryAfter > 0:
		b = append(b, "\r\nRetry-After: "...)
		b = strconv.AppendInt(b, int64(a.RetryAfter), 10)
	case a.Status == 503:
		b = append(b, "\r\nRetry-After: 1"...)
	case a.Status == 200 && a.Text == "", a.Status == 405:
		b = append(b, "\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE"...)
	}
	if a.Location != "" {
		b = append(b, "\r\nLocation: "...)
		b = append(b, a.Location...)
	}
	if len(a.RequestID) > 0 {
		b = append(b, "\r\nX-Request-Id: "...)
		b = append(b, a.RequestID...)
	}
	switch {
	case a.Close:
		b = append(b, "\r\nConnection: close"...)
	case a.Minor == 0:
		b = append(b, "\r\nConnection: keep-alive"...)
	}
	b = append(b, "\r\n\r\n"...)
	if a.Head {
		return b
	}
	if a.Text != "" {
		return append(b, a.Text...)
	}
	b = strconv.AppendInt(b, int64(a.Status), 10)
	b = append(b, ' ')
	b = append(b, phrase...)
	b = append(b, ": "...)
	b = append(b, a.Reason...)
	return append(b, '\n')
}

// Clock formats the Date field once a second. The zero value is ready to use.
type Clock struct {
	second int64
	text   []byte
}

// At returns the value for now; it is valid until the next call.
func (k *Clock) At(now wire.Instant) []byte {
	t := now.Time()
	if s := t.Unix(); s != k.second {
		k.second = s
		k.text = t.UTC().AppendFormat(k.text[:0], http.TimeFormat)
	}
	return k.text
}
