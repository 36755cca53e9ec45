// Package http1 reads and writes HTTP/1.x message heads and scans message
// bodies, strictly and without doing any I/O.
//
// It is the part of the proxy that decides what a sequence of bytes means, so
// it refuses whatever two implementations could understand differently: a
// message with both Content-Length and Transfer-Encoding, a bare LF, an
// obs-fold, a NUL, white space before a colon, a second Host. What it accepts
// it forwards byte for byte: the serializers copy the lines they received and
// leave out only what belongs to one hop (RFC 9110 section 7.6.1).
//
// The three moving parts:
//
//	Request.Parse / Response.Parse   bytes -> head of n bytes | need more | *Error with a status
//	Chunked.Next / Chunked.Scan      bytes of a chunked body -> which of them belong to it
//	Request.Append / Response.Append head -> the bytes for the next hop
//
// A head holds offsets into the buffer it was parsed from, never a copy: the
// caller passes that same buffer to every later call and must not change the
// head's bytes in between. Nothing here allocates in steady state, nothing is
// safe for concurrent use, and every type is ready to use as its zero value,
// which makes the package fit a goroutine per connection and an event loop
// alike.
package http1
