package resp

import "bytes"

// Skip returns the length of the first reply in b, with all its elements, or 0 if
// b does not begin with a whole reply. It understands the types of RESP2 and RESP3
// and looks at each byte once, without recursion.
func Skip(b []byte) int {
	at := 0
	for pending := 1; pending > 0; pending-- {
		head := bytes.IndexByte(b[at:], '\n')
		if head < 2 {
			return 0
		}
		line := b[at : at+head-1]
		at += head + 1
		switch line[0] {
		case '$', '=', '!':
			n, ok := parseInt(line[1:])
			if !ok || n >= 0 && n > int64(len(b)-at-len(crlf)) {
				return 0
			}
			if n >= 0 { // else null, which has no second line
				at += int(n) + len(crlf)
			}
		case '*', '~', '>', '%', '|':
			n, ok := parseInt(line[1:])
			if !ok || n > int64(len(b)) {
				return 0
			}
			if line[0] == '%' || line[0] == '|' {
				n *= 2
			}
			if line[0] == '|' {
				n++ // an attribute precedes the reply it belongs to
			}
			pending += max(int(n), 0)
		}
	}
	return at
}

// ArrayBody returns the elements of the array reply b, one after another; ok is
// false for a null array and any other reply.
func ArrayBody(b []byte) (elements []byte, ok bool) {
	head := bytes.IndexByte(b, '\n')
	if head < 2 || b[0] != '*' || b[1] == '-' {
		return nil, false
	}
	return b[head+1:], true
}

// ParseIntReply returns the value of the integer reply b; ok is false for any
// other reply.
func ParseIntReply(b []byte) (n int64, ok bool) {
	if len(b) < 4 || b[0] != ':' {
		return 0, false
	}
	return parseInt(b[1 : len(b)-len(crlf)])
}
