package http1

import (
	"bytes"
	"strconv"
)

// Forward says how a request head is rewritten for a backend. All of it may be
// left empty.
type Forward struct {
	// ClientIP is appended as X-Forwarded-For when not empty.
	ClientIP []byte
	// Proto is the scheme that the client used, sent as X-Forwarded-Proto.
	Proto string
	// Trusted keeps what the client says about who it speaks for: it is a proxy
	// of our own. Of all others Forwarded, X-Forwarded-* and X-Real-IP are
	// dropped (RFC 7239 section 8.1).
	Trusted bool
	// DefaultHost is sent as Host when an HTTP/1.0 request has none.
	DefaultHost []byte
	// IdempotencyKey replaces the client's own when not empty.
	IdempotencyKey []byte
	// RequestID is sent as X-Request-Id in place of the client's own when not
	// empty.
	RequestID []byte
	// Via is the proxy's name in a Via field to add (RFC 9110 section 7.6.3).
	Via string
	// Version is what the request was received as, where that is not HTTP/1.
	Version string
}

// Append appends the head for the backend: HTTP/1.1, target in origin-form,
// received lines in their order and spelling without those of this hop, then
// what o adds.
func (r *Request) Append(dst, buf []byte, o *Forward) []byte {
	dst = r.appendLine(dst, buf)
	upgrade := r.Upgrade(buf) != nil
	run := int(r.first.to) + 2
	for i := range r.fields[:r.count] {
		f := &r.fields[i]
		if r.keep(buf, f, o, upgrade) {
			continue
		}
		dst = append(dst, buf[run:f.start]...)
		run = int(f.end)
	}
	dst = append(dst, buf[run:r.bodyAt-2]...)
	if r.hostAt < 0 && !r.absolute {
		dst = appendField(dst, "Host: ", o.DefaultHost)
	}
	if upgrade {
		dst = append(dst, "Connection: Upgrade\r\n"...)
	}
	if r.maxForwards > 0 {
		dst = append(dst, "Max-Forwards: "...)
		dst = strconv.AppendInt(dst, int64(r.maxForwards)-1, 10)
		dst = append(dst, '\r', '\n')
	}
	dst = r.appendForwarded(dst, buf, o)
	if len(o.IdempotencyKey) > 0 {
		dst = appendField(dst, "Idempotency-Key: ", o.IdempotencyKey)
	}
	if len(o.RequestID) > 0 {
		dst = appendField(dst, "X-Request-Id: ", o.RequestID)
	}
	if o.Via != "" {
		dst = append(dst, "Via: "...)
		if o.Version != "" {
			dst = append(dst, o.Version...)
		} else {
			dst = append(dst, '1', '.', '0'+r.minor) // what it was received as
		}
		dst = append(dst, ' ')
		dst = append(dst, o.Via...)
		dst = append(dst, '\r', '\n')
	}
	return append(dst, '\r', '\n')
}

func (r *Request) appendLine(dst, buf []byte) []byte {
	dst = append(dst, r.method.of(buf)...)
	dst = append(dst, ' ')
	if path := r.path.of(buf); len(path) == 0 {
		if r.Method == OPTIONS { // RFC 9112 section 3.2.4
			dst = append(dst, '*')
		} else {
			dst = append(dst, '/')
		}
	} else {
		if path[0] == '?' {
			dst = append(dst, '/')
		}
		dst = append(dst, path...)
	}
	dst = append(dst, " HTTP/1.1\r\n"...)
	if r.absolute {
		dst = appendField(dst, "Host: ", r.authority.of(buf))
	}
	return dst
}

// keep reports whether the field goes on to the backend.
func (r *Request) keep(buf []byte, f *field, o *Forward, upgrade bool) bool {
	switch f.id {
	case nameOther:
	case nameHost:
		return !r.absolute
	case nameTransferEncoding:
		return true
	case nameUpgrade:
		return upgrade
	case nameExpect:
		return r.minor > 0 // RFC 9110 section 10.1.1
	case nameMaxForwards:
		return r.maxForwards < 0
	case nameForwardedFor:
		return o.Trusted && len(o.ClientIP) == 0
	case nameForwarded, nameForwardedHost, nameForwardedProto:
		return o.Trusted
	case nameIdempotencyKey:
		return len(o.IdempotencyKey) == 0
	case nameRequestID:
		return len(o.RequestID) == 0
	default:
		if f.id.hop() {
			return false
		}
	}
	return !r.nominates(buf, f)
}

// appendForwarded writes X-Forwarded-For, -Proto and -Host. What a trusted
// client sent as several X-Forwarded-For lines becomes one: backends exist that
// read only the first.
func (r *Request) appendForwarded(dst, buf []byte, o *Forward) []byte {
	if len(o.ClientIP) > 0 {
		dst = append(dst, "X-Forwarded-For: "...)
		if o.Trusted {
			for i := range r.fields[:r.count] {
				if f := &r.fields[i]; f.id == nameForwardedFor && f.value.from < f.value.to {
					dst = append(dst, f.value.of(buf)...)
					dst = append(dst, ',', ' ')
				}
			}
		}
		dst = append(dst, o.ClientIP...)
		dst = append(dst, '\r', '\n')
	}
	if o.Proto != "" && !r.trustedHas(buf, o, nameForwardedProto) {
		dst = append(dst, "X-Forwarded-Proto: "...)
		dst = append(dst, o.Proto...)
		dst = append(dst, '\r', '\n')
		if host := r.Host(buf); len(host) > 0 && !r.trustedHas(buf, o, nameForwardedHost) {
			dst = appendField(dst, "X-Forwarded-Host: ", host)
		}
	}
	return dst
}

func (r *Request) trustedHas(buf []byte, o *Forward, id name) bool {
	if !o.Trusted {
		return false
	}
	_, ok := r.value(buf, id)
	return ok
}

// Reply says how a response head is rewritten for the client.
type Reply struct {
	// Method and Minor are the request's.
	Method Method
	Minor  int
	// Close announces that the connection ends after this response; without it
	// an HTTP/1.0 client is told that it goes on.
	Close bool
	// Chunk announces a chunked body in place of one that ends with the
	// backend's connection.
	Chunk bool
	// Coding is what the body is encoded with on its way, which changes its length:
	// Content-Length and Accept-Ranges go, Content-Encoding is added (empty: it is not).
	Coding string
	// Weak makes a strong entity tag a weak one.
	Weak bool
	// Switch keeps Upgrade: the response is the 101 that was asked for.
	Switch bool
	// RequestID is sent as X-Request-Id in place of the backend's own when not
	// empty.
	RequestID []byte
	// Extra are whole field lines to add.
	Extra []byte
	// Date is a Date value to add when the backend sent none (RFC 9110 section
	// 6.6.1); empty adds nothing.
	Date []byte
}

// Append appends the head for the client: HTTP/1.1, received lines in their
// order and spelling without those of this hop, then what o adds.
func (r *Response) Append(dst, buf []byte, o *Reply) []byte {
	line := r.first.of(buf)
	dst = append(dst, "HTTP/1.1"...)
	dst = append(dst, line[8:]...)
	if len(line) == 12 {
		dst = append(dst, ' ')
	}
	run := int(r.first.to)
	for i := range r.fields[:r.count] {
		f := &r.fields[i]
		keep := r.keep(buf, f, o)
		weaken := o.Weak && f.id == nameOther && f.isStrongTag(buf)
		if keep && !f.spaced && !weaken {
			continue
		}
		dst = append(dst, buf[run:f.start]...)
		run = int(f.end)
		if keep {
			dst = append(dst, buf[f.start:f.nameEnd]...)
			dst = append(dst, ": "...)
			if weaken {
				dst = append(dst, "W/"...)
			}
			dst = appendField(dst, "", f.value.of(buf))
		}
	}
	dst = append(dst, buf[run:r.bodyAt-2]...)
	if o.Chunk {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	if o.Coding != "" {
		dst = append(dst, "Content-Encoding: "...)
		dst = append(dst, o.Coding...)
		dst = append(dst, '\r', '\n')
	}
	if len(o.RequestID) > 0 && (r.Status >= 200 || o.Switch) {
		dst = appendField(dst, "X-Request-Id: ", o.RequestID)
	}
	if r.Status >= 200 || o.Switch {
		dst = append(dst, o.Extra...)
	}
	if len(o.Date) > 0 && !r.hasDate && r.Status >= 200 {
		dst = appendField(dst, "Date: ", o.Date)
	}
	switch {
	case o.Switch:
		dst = append(dst, "Connection: Upgrade\r\n"...)
	case r.Status < 200:
	case o.Close:
		dst = append(dst, "Connection: close\r\n"...)
	case o.Minor == 0:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, '\r', '\n')
}

func (r *Response) keep(buf []byte, f *field, o *Reply) bool {
	switch f.id {
	case nameOther:
		if o.Coding != "" && bytes.EqualFold(buf[f.start:f.nameEnd], []byte("accept-ranges")) {
			return false // of the bytes as they were
		}
	case nameContentLength:
		// RFC 9110 section 8.6: never in 1xx and 204.
		return r.Status >= 200 && r.Status != 204 && o.Coding == ""
	case nameTransferEncoding:
		return o.Minor > 0 && r.Status >= 200 && r.Status != 204
	case nameUpgrade:
		return o.Switch
	case nameRequestID:
		return len(o.RequestID) == 0
	case nameTrailer:
		return o.Minor > 0 // an HTTP/1.0 client gets the body without framing
	default:
		if f.id.hop() {
			return false
		}
	}
	return !r.nominates(buf, f)
}

// isStrongTag reports whether the field is a strong entity tag.
func (f *field) isStrongTag(buf []byte) bool {
	value := f.value.of(buf)
	return len(value) > 1 && value[0] == '"' && bytes.EqualFold(buf[f.start:f.nameEnd], []byte("etag"))
}

func appendField(dst []byte, name string, value []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, value...)
	return append(dst, '\r', '\n')
}
