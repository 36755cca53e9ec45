package text

import (
	"golang.org/x/net/http2/hpack"

	"pingd/proxy/http1"
)

// AppendResponse appends the head of the response that fields make. end tells
// that it has no body, head that it answers HEAD.
func AppendResponse(dst []byte, fields []hpack.HeaderField, end, head bool) ([]byte, Body, error) {
	if len(fields) == 0 || fields[0].Name != ":status" {
		return dst, None, ErrMalformed
	}
	status := fields[0].Value
	if len(status) != 3 || status[0] < '1' || status[0] > '9' || status == "101" {
		return dst, None, ErrMalformed
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(append(dst, status...), ' ', '\r', '\n')
	sized, trailers := false, !end && announcesTrailers(fields)
	for i := range fields[1:] {
		f := &fields[1+i]
		if !sound(f) {
			return dst, None, ErrMalformed
		}
		switch f.Name {
		case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
			return dst, None, ErrMalformed
		case "content-length":
			if sized || trailers {
				continue
			}
			sized = true
		}
		dst = appendField(dst, f.Name, f.Value)
	}
	body := Chunked
	switch {
	case status[0] == '1', status == "204", status == "304", head:
		body = None
	case end && !sized:
		dst = appendField(dst, "content-length", "0")
		body = None
	case end:
		body = None
	case sized:
		body = Length
	default:
		dst = appendField(dst, "transfer-encoding", "chunked")
	}
	return append(dst, '\r', '\n'), body, nil
}

// announcesTrailers tells whether trailers are to come. In text they take chunks,
// and chunks exclude a length.
func announcesTrailers(fields []hpack.HeaderField) bool {
	for i := range fields {
		if fields[i].Name == "trailer" {
			return true
		}
	}
	return false
}

// Hop reports whether a field of HTTP/1.1, its name in lower case, says nothing
// in HTTP/2: it is about the connection.
func Hop(name string) bool {
	switch name {
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "http2-settings":
		return true
	}
	return false
}

// names are field names that need not be made anew for each message.
var names = func() map[string]string {
	m := map[string]string{}
	for _, n := range []string{
		"accept", "accept-encoding", "accept-language", "accept-ranges", "access-control-allow-origin", "age", "allow", "authorization",
		"cache-control", "connection", "content-disposition", "content-encoding", "content-language", "content-length", "content-location",
		"content-range", "content-security-policy", "content-type", "cookie", "date", "etag", "expect", "expires", "grpc-message",
		"grpc-status", "host", "idempotency-key", "if-match", "if-modified-since", "if-none-match", "keep-alive", "last-modified", "link",
		"location", "origin", "pragma", "range", "referer", "referrer-policy", "retry-after", "server", "set-cookie",
		"strict-transport-security", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "vary", "via", "www-authenticate",
		"x-content-type-options", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-frame-options", "x-request-id",
	} {
		m[n] = n
	}
	return m
}()

// Lower returns a field name in lower case, as HTTP/2 wants it.
func Lower(name []byte) string {
	var buf [64]byte
	if len(name) > len(buf) {
		return string(lower(make([]byte, len(name)), name))
	}
	low := lower(buf[:len(name)], name)
	if n, ok := names[string(low)]; ok {
		return n
	}
	return string(low)
}

func lower(dst, name []byte) []byte {
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst[i] = c
	}
	return dst
}

// code spells a status code.
func code(status int) string {
	switch status {
	case 200:
		return "200"
	case 204:
		return "204"
	case 304:
		return "304"
	case 404:
		return "404"
	}
	return string([]byte{byte('0' + status/100), byte('0' + status/10%10), byte('0' + status%10)})
}

// EachResponse calls fn with the fields of HTTP/2 for a response head that was
// parsed from buf, :status first. tunnel tells that it is the 101 which accepts an
// extended CONNECT.
func EachResponse(r *http1.Response, buf []byte, tunnel bool, fn func(name, value string)) {
	if tunnel {
		fn(":status", "200")
	} else {
		fn(":status", code(r.Status))
	}
	r.Each(buf, func(name, value []byte) bool {
		n := Lower(name)
		if !Hop(n) && (!tunnel || n != "sec-websocket-accept" && n != "content-length") {
			fn(n, string(value))
		}
		return true
	})
}

// EachRequest calls fn with the fields of HTTP/2 for a request head that was
// parsed from buf, those of the first line first.
func EachRequest(r *http1.Request, buf []byte, fn func(name, value string)) {
	fn(":method", string(r.MethodBytes(buf)))
	fn(":scheme", "http")
	if host := r.Host(buf); len(host) > 0 {
		fn(":authority", string(host))
	}
	switch path := r.Path(buf); {
	case len(path) == 0:
		fn(":path", "/")
	case path[0] == '?':
		fn(":path", "/"+string(path))
	default:
		fn(":path", string(path))
	}
	r.Each(buf, func(name, value []byte) bool {
		if n := Lower(name); !Hop(n) && n != "host" {
			fn(n, string(value))
		}
		return true
	})
	fn("te", "trailers") // we pass them on (RFC 9110 section 10.1.4)
}
