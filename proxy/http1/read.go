package http1

import "bytes"

// IsToken reports whether s is a token (RFC 9110 section 5.6.2).
func IsToken[T string | []byte](s T) bool { return len(s) > 0 && every(s, isToken) }

// IsValue reports whether s may be the value of a field (RFC 9110 section 5.5).
func IsValue[T string | []byte](s T) bool { return every(s, isValue) }

// IsTarget reports whether s is made of what may stand in a request target.
func IsTarget[T string | []byte](s T) bool { return len(s) > 0 && every(s, isTarget) }

func every[T string | []byte](s T, c uint8) bool {
	for i := range len(s) {
		if class[s[i]]&c == 0 {
			return false
		}
	}
	return true
}

// Each calls fn with the name and the value of each field line, in their order,
// until fn returns false. buf is what the head was parsed from.
func (h *head) Each(buf []byte, fn func(name, value []byte) bool) {
	for i := range h.fields[:h.count] {
		f := &h.fields[i]
		if !fn(buf[f.start:f.nameEnd], f.value.of(buf)) {
			return
		}
	}
}

// Path returns the target in the form that a server gets it, empty for "/".
func (r *Request) Path(buf []byte) []byte { return r.path.of(buf) }

// InTrailer reports whether what follows belongs to the trailer section.
func (c *Chunked) InTrailer() bool { return c.state >= trailerStart && c.state < chunkDone }

// AppendTrailers appends to dst what of p, which holds no data, belongs to the trailer
// section, its last empty line too. c is as it was before Next went over p.
func (c Chunked) AppendTrailers(dst, p []byte) []byte {
	for len(p) > 0 {
		line := p
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			line = p[:i+1]
		}
		if c.InTrailer() {
			dst = append(dst, line...)
		}
		_, _, _ = c.Next(line) // it went well before
		p = p[len(line):]
	}
	return dst
}

// Value returns the value of the first field with that name, which must be in lower
// case, or nil.
func (h *head) Value(buf []byte, name string) []byte {
	for i := range h.fields[:h.count] {
		f := &h.fields[i]
		if int(f.nameEnd-f.start) == len(name) && bytes.EqualFold(buf[f.start:f.nameEnd], []byte(name)) {
			return f.value.of(buf)
		}
	}
	return nil
}

// EachForwardedFor calls fn with the addresses of the X-Forwarded-For fields, the
// last one, which the nearest proxy wrote, first, until fn returns false.
func (r *Request) EachForwardedFor(buf []byte, fn func(addr []byte) bool) {
	for i := r.count - 1; i >= 0; i-- {
		if r.fields[i].id != nameForwardedFor {
			continue
		}
		list := r.fields[i].value.of(buf)
		for more := true; more; {
			at := bytes.LastIndexByte(list, ',')
			if !fn(trim(list[at+1:])) {
				return
			}
			if more = at >= 0; more {
				list = list[:at]
			}
		}
	}
}

// ForwardedSecure reports whether X-Forwarded-Proto says https.
func (r *Request) ForwardedSecure(buf []byte) bool {
	v, _ := r.value(buf, nameForwardedProto)
	return bytes.EqualFold(v, []byte("https"))
}
