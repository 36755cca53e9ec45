package http1

// Character classes as bits of one table: a lookup per byte is what the
// parser spends most of its time on.
const (
	isToken  uint8 = 1 << iota // RFC 9110 section 5.6.2
	isValue                    // field-content, SP, HTAB and obs-text: RFC 9110 section 5.5
	isTarget                   // what may stand in a request target; see targetClass
	isHost                     // reg-name without the comma: RFC 3986 section 3.2.2
	isHex
	isDigit
)

var class = classes()

func classes() (t [256]uint8) {
	for c := range 256 {
		b := byte(c)
		switch {
		case b >= '0' && b <= '9':
			t[c] |= isToken | isHost | isHex | isDigit
		case b >= 'a' && b <= 'f', b >= 'A' && b <= 'F':
			t[c] |= isToken | isHost | isHex
		case b >= 'g' && b <= 'z', b >= 'G' && b <= 'Z':
			t[c] |= isToken | isHost
		}
		if b == '\t' || (b >= ' ' && b != 0x7f) {
			t[c] |= isValue
		}
		if b > ' ' && b < 0x7f {
			t[c] |= isTarget
		}
	}
	// RFC 3986 also excludes braces, brackets, the bar, the caret and the grave
	// accent, but browsers send those as they are (WHATWG URL), no two parsers
	// disagree about them, and they are forwarded untouched. Others are refused: a
	// fragment never belongs on the wire, servers that cut it off and proxies that
	// do not have been played against one another; a backslash is a slash to some.
	for _, b := range []byte("#\"<>\\") {
		t[b] &^= isTarget
	}
	for _, b := range []byte("!#$%&'*+-.^_`|~") {
		t[b] |= isToken
	}
	for _, b := range []byte("-._~%!$&'()*+;=") {
		t[b] |= isHost
	}
	return t
}

// all reports whether every byte of b is in class c.
func all(b []byte, c uint8) bool {
	for _, x := range b {
		if class[x]&c == 0 {
			return false
		}
	}
	return true
}

// foldEqual compares b with s, which must be in lower case and made of letters,
// digits and dashes. b must already be known to consist of token characters:
// only then setting the case bit cannot make two different bytes equal.
func foldEqual(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if b[i]|0x20 != s[i] {
			return false
		}
	}
	return true
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// nextToken cuts the first element off a comma-separated list (RFC 9110
// section 5.6.1), empty elements included.
func nextToken(list []byte) (token, rest []byte, more bool) {
	for i, c := range list {
		if c == ',' {
			return trim(list[:i]), list[i+1:], true
		}
	}
	return trim(list), nil, false
}
