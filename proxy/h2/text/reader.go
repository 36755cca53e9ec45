package text

import (
	"bytes"
	"errors"

	"pingd/proxy/http1"
)

// ErrText is returned for text that is no message: a fault of the engine that
// wrote it, as it checks what it passes on.
var ErrText = errors.New("malformed HTTP/1.1 message")

// Event is what Reader.Next found.
type Event uint8

// The events, in the order in which they come.
const (
	// More: nothing is whole yet.
	More Event = iota
	// Head: Request or Response holds a head; Final tells whether it is not a
	// 1xx. Its fields are to be taken before the next call.
	Head
	// Data: a part of the body.
	Data
	// End: the message has ended, with Trailers.
	End
)

// Reader takes a message of HTTP/1.1 apart. Begin prepares it for a
// message.
type Reader struct {
	// Request and Response are the head, which was parsed from Buf.
	Request  http1.Request
	Response http1.Response
	Buf      []byte
	// Final is false for a 1xx.
	Final bool
	// Ended is set once nothing more comes: with Head, with the last Data, or
	// with End.
	Ended bool
	// Trailers are the trailer lines, each with its CRLF.
	Trailers []byte
	// Tunnel is set when what follows the head is not a message any more.
	Tunnel bool

	request bool
	method  http1.Method
	begun   bool // past the final head
	interim bool // the last head was that of a 1xx
	kept    []byte
	left    int64
	kind    http1.BodyKind
	chunk   http1.Chunked
}

// Begin prepares r to read a request, or a response to method.
func (r *Reader) Begin(request bool, method http1.Method) {
	r.request, r.method = request, method
	r.begun, r.interim, r.Final, r.Ended, r.Tunnel = false, false, false, false, false
	r.kept, r.Trailers = r.kept[:0], r.Trailers[:0]
	r.Request.Reset(whole)
	r.Response.Reset(whole)
}

// whole are limits for heads that were limited when they were received; what the
// engine adds comes on top.
var whole = http1.Limits{Head: 1<<16 - 1}

// Next looks at p, the bytes behind those of the calls before, and returns how
// many of them it took for what it found. data is a part of p.
func (r *Reader) Next(p []byte) (n int, ev Event, data []byte, err error) {
	switch {
	case !r.begun:
		return r.head(p)
	case r.Tunnel:
		return len(p), Data, p, nil
	case r.Ended || len(p) == 0:
		return 0, More, nil, nil
	case r.kind == http1.Length:
		n = int(min(int64(len(p)), r.left))
		r.left -= int64(n)
		r.Ended = r.left == 0
		return n, Data, p[:n], nil
	case r.kind == http1.ChunkedBody:
		return r.chunks(p)
	}
	return len(p), Data, p, nil
}

// head reads a head, from p alone when it is whole in it.
func (r *Reader) head(p []byte) (n int, ev Event, data []byte, err error) {
	before := len(r.kept)
	r.Buf = p
	if before > 0 {
		r.kept = append(r.kept, p...)
		r.Buf = r.kept
	}
	size, herr := r.parse()
	if herr != nil {
		return 0, More, nil, ErrText
	}
	if size == 0 {
		if before == 0 {
			r.kept = append(r.kept, p...)
		}
		return len(p), More, nil, nil
	}
	r.kept = r.kept[:0]
	return size - before, Head, nil, nil
}

func (r *Reader) parse() (int, *http1.Error) {
	if r.request {
		n, err := r.Request.Parse(r.Buf)
		if n > 0 {
			r.kind, r.left = r.Request.Body()
			r.start()
		}
		return n, err
	}
	if r.interim {
		r.Response.Reset(whole)
		r.interim = false
	}
	n, err := r.Response.Parse(r.Buf)
	switch {
	case n == 0:
	case r.Response.Status == 101:
		r.begun, r.Final, r.Tunnel = true, true, true
	case r.Response.Status < 200:
		r.interim = true
	default:
		r.kind, r.left = r.Response.Body(r.method)
		r.start()
	}
	return n, err
}

func (r *Reader) start() {
	r.begun, r.Final = true, true
	r.Ended = r.kind == http1.NoBody
	r.chunk.Reset(!r.request)
}

// chunks reads framing up to the next data, or the end.
func (r *Reader) chunks(p []byte) (n int, ev Event, data []byte, err error) {
	before := r.chunk
	n, data, herr := r.chunk.Next(p)
	switch {
	case herr != nil:
		return n, More, nil, ErrText
	case data != nil:
		return n, Data, data, nil
	}
	r.Trailers = before.AppendTrailers(r.Trailers, p[:n])
	if r.chunk.Done() {
		r.Ended = true
		return n, End, nil, nil
	}
	return n, More, nil, nil
}

// EachTrailer calls fn with the trailers, names in lower case.
func (r *Reader) EachTrailer(fn func(name, value string)) {
	for line := range bytes.SplitSeq(r.Trailers, []byte("\r\n")) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if n := Lower(name); ok && !Hop(n) {
			fn(n, string(bytes.Trim(value, " \t")))
		}
	}
}
