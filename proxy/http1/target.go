package http1

import "bytes"

// parseTarget accepts origin-form, absolute-form of http and https, and * for
// OPTIONS (RFC 9112 section 3.2).
func (r *Request) parseTarget(target []byte) *Error {
	if len(target) == 0 {
		return errTarget
	}
	if target[0] == '/' {
		r.path = r.target
		return nil
	}
	if len(target) == 1 && target[0] == '*' && r.Method == OPTIONS {
		r.path = r.target
		return nil
	}
	skip := 0
	switch {
	case len(target) > 7 && bytes.EqualFold(target[:7], []byte("http://")):
		skip = 7
	case len(target) > 8 && bytes.EqualFold(target[:8], []byte("https://")):
		skip = 8
	default:
		return errTarget
	}
	rest := target[skip:]
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	// User information is refused with the rest of what is not a Host: RFC 9110
	// section 4.2.4 calls it an error.
	if end == 0 || !validHost(rest[:end]) {
		return errTarget
	}
	base := r.target.from + uint16(skip)
	r.absolute = true
	r.authority = span{base, base + uint16(end)}
	r.path = span{base + uint16(end), r.target.to}
	return nil
}

// validHost accepts uri-host [ ":" port ] (RFC 9110 section 7.2) that is not
// empty. A comma is refused although RFC 3986 allows it: a name with one is
// always two Host lines that somebody joined.
func validHost(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	var rest []byte
	if b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 3 {
			return false
		}
		for _, c := range b[1:end] {
			if class[c]&isHex == 0 && c != ':' && c != '.' {
				return false
			}
		}
		rest = b[end+1:]
	} else {
		end := bytes.IndexByte(b, ':')
		if end < 0 {
			end = len(b)
		}
		if end == 0 || !all(b[:end], isHost) {
			return false
		}
		rest = b[end:]
	}
	if len(rest) == 0 {
		return true
	}
	if rest[0] != ':' || len(rest) > 6 || !all(rest[1:], isDigit) {
		return false
	}
	port, ok := parseLength(rest[1:])
	return !ok || port <= 65535 // an empty port is none
}
