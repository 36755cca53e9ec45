package text

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"

	"pingd/proxy/http1"
)

// ErrMalformed is returned for fields that are no message (RFC 9113 section
// 8.1.1); their stream ends with PROTOCOL_ERROR.
var ErrMalformed = errors.New("malformed HTTP/2 message")

// Body says how the body of a message is written as text.
type Body uint8

// The ways to write a body.
const (
	None    Body = iota // the message ends with its head
	Length              // as it is: its length is announced
	Chunked             // in chunks: AppendChunk and AppendEnd
	Tunnel              // as it is, until either side ends: an extended CONNECT
)

// pseudo are the fields that stand for a request line.
type pseudo struct{ method, scheme, authority, path, protocol string }

// AppendRequest appends the head of the request that fields make. end tells that
// it has no body. The request line keeps method and path as they are; Host is
// :authority; cookies that came apart are put together again (RFC 9113 section
// 8.2.3). An extended CONNECT (RFC 8441) becomes the upgrade that it stands for, with
// key as the value of Sec-WebSocket-Key.
func AppendRequest(dst []byte, fields []hpack.HeaderField, end bool, key string) ([]byte, Body, error) {
	p, rest, ok := splitRequest(fields)
	if !ok {
		return dst, None, ErrMalformed
	}
	connect := p.protocol != ""
	dst = append(dst, p.method...)
	if connect {
		dst = append(dst[:len(dst)-len(p.method)], "GET"...)
	}
	dst = append(dst, ' ')
	dst = append(append(dst, p.path...), " HTTP/1.1\r\n"...)
	if p.authority != "" {
		dst = appendField(dst, "host", p.authority)
	}
	dst, sized, ok := appendRequestFields(dst, rest, &p, end)
	switch {
	case !ok:
		return dst, None, ErrMalformed
	case connect:
		dst = appendField(dst, "connection", "Upgrade")
		dst = appendField(dst, "upgrade", p.protocol)
		dst = appendField(dst, "sec-websocket-key", key)
		return append(dst, '\r', '\n'), Tunnel, nil
	case end && !sized && expectsBody(p.method):
		dst = appendField(dst, "content-length", "0") // RFC 9110 section 8.6
	case end:
	case sized:
		return append(dst, '\r', '\n'), Length, nil
	default:
		dst = appendField(dst, "transfer-encoding", "chunked")
		return append(dst, '\r', '\n'), Chunked, nil
	}
	return append(dst, '\r', '\n'), None, nil
}

func expectsBody(method string) bool { return method == "POST" || method == "PUT" || method == "PATCH" }

// splitRequest takes the pseudo-header fields off (RFC 9113 section 8.3.1).
func splitRequest(fields []hpack.HeaderField) (p pseudo, rest []hpack.HeaderField, ok bool) {
	n := 0
	for n < len(fields) && fields[n].IsPseudo() {
		f := &fields[n]
		var at *string
		switch f.Name {
		case ":method":
			at = &p.method
		case ":scheme":
			at = &p.scheme
		case ":authority":
			at = &p.authority
		case ":path":
			at = &p.path
		case ":protocol":
			at = &p.protocol
		default:
			return p, nil, false
		}
		if *at != "" || f.Value == "" && f.Name != ":authority" {
			return p, nil, false
		}
		*at = f.Value
		n++
	}
	switch {
	case !http1.IsToken(p.method), p.scheme != "http" && p.scheme != "https", !http1.IsTarget(p.path):
		return p, nil, false
	case p.path[0] != '/' && (p.path != "*" || p.method != "OPTIONS"):
		return p, nil, false
	case p.authority != "" && !http1.IsTarget(p.authority):
		return p, nil, false
	case (p.protocol != "") != (p.method == "CONNECT"), p.protocol != "" && !http1.IsToken(p.protocol):
		return p, nil, false
	}
	return p, fields[n:], true
}

// appendRequestFields appends the fields that are not about the connection.
func appendRequestFields(dst []byte, fields []hpack.HeaderField, p *pseudo, end bool) (_ []byte, sized, ok bool) {
	cookies := 0
	skip := p.protocol != "" || !end && announcesTrailers(fields)
	for i := range fields {
		f := &fields[i]
		if !sound(f) {
			return dst, false, false
		}
		switch f.Name {
		case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
			return dst, false, false
		case "te":
			if f.Value != "trailers" {
				return dst, false, false
			}
			continue // of this hop
		case "host":
			if p.authority != "" {
				if !strings.EqualFold(f.Value, p.authority) {
					return dst, false, false
				}
				continue
			}
		case "cookie":
			cookies++
			continue
		case "sec-websocket-key":
			if p.protocol != "" {
				continue
			}
		case "content-length":
			if sized || skip {
				continue // several are equal: the machine has compared them
			}
			sized = true
		}
		dst = appendField(dst, f.Name, f.Value)
	}
	if cookies == 0 {
		return dst, sized, true
	}
	dst = append(dst, "cookie: "...)
	for i := range fields {
		if fields[i].Name != "cookie" {
			continue
		}
		dst = append(dst, fields[i].Value...)
		if cookies--; cookies > 0 {
			dst = append(dst, ';', ' ')
		}
	}
	return append(dst, '\r', '\n'), sized, true
}

// sound reports whether f may stand in a message (RFC 9113 section 8.2.1).
func sound(f *hpack.HeaderField) bool {
	if !http1.IsToken(f.Name) || !http1.IsValue(f.Value) {
		return false
	}
	for i := range len(f.Name) {
		if c := f.Name[i]; c >= 'A' && c <= 'Z' {
			return false
		}
	}
	v := f.Value
	return v == "" || !blank(v[0]) && !blank(v[len(v)-1])
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, value...)
	return append(dst, '\r', '\n')
}

// ChunkRoom is how much AppendChunk adds to a part of a body at most.
const ChunkRoom = 16 + 4

// AppendChunk appends p as a chunk; nothing when p is empty.
func AppendChunk(dst, p []byte) []byte {
	if len(p) == 0 {
		return dst
	}
	dst = strconv.AppendInt(dst, int64(len(p)), 16)
	dst = append(dst, '\r', '\n')
	dst = append(dst, p...)
	return append(dst, '\r', '\n')
}

// AppendEnd appends the last chunk and the trailers. It fails with ErrMalformed.
func AppendEnd(dst []byte, trailers []hpack.HeaderField) ([]byte, error) {
	dst = append(dst, "0\r\n"...)
	for i := range trailers {
		if !sound(&trailers[i]) {
			return dst, ErrMalformed
		}
		dst = appendField(dst, trailers[i].Name, trailers[i].Value)
	}
	return append(dst, '\r', '\n'), nil
}
