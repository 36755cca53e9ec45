package resp

import "bytes"

// splitInline cuts an inline command into arguments with the quoting rules of
// redis-cli and Redis (sdssplitargs): "..." with \n \r \t \b \a \xHH and \c,
// '...' with \'. Escapes are resolved within line, because a resolved argument is
// never longer than its source. offset is added to every span appended to dst.
// A NUL ends the line, as in Redis.
func splitInline(line []byte, offset int, dst []span) ([]span, error) {
	if i := bytes.IndexByte(line, 0); i >= 0 {
		line = line[:i]
	}
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return dst, nil
		}
		next, to, ok := unquoteWord(line, i)
		if !ok {
			return dst, errUnbalancedQuotes
		}
		dst = append(dst, span{offset + i, offset + to})
		i = next
	}
}

// unquoteWord resolves the word that begins at line[i] in place. It returns where
// the word ended in the source and where the resolved bytes end.
func unquoteWord(line []byte, i int) (next, to int, ok bool) {
	to = i
	for i < len(line) && !isSpace(line[i]) {
		switch quote := line[i]; quote {
		case '"', '\'':
			i, to, ok = unquoteString(line, i+1, to, quote)
			if !ok || (i < len(line) && !isSpace(line[i])) {
				return 0, 0, false // a closing quote must end the word
			}
		default:
			line[to] = quote
			i, to = i+1, to+1
		}
	}
	return i, to, true
}

func unquoteString(line []byte, i, to int, quote byte) (next, end int, ok bool) {
	for i < len(line) {
		c := line[i]
		i++
		switch {
		case c == quote:
			return i, to, true
		case c == '\\' && quote == '\'' && i < len(line) && line[i] == '\'':
			c = '\''
			i++
		case c == '\\' && quote == '"' && i < len(line):
			c, i = unescape(line, i)
		}
		line[to] = c
		to++
	}
	return 0, 0, false
}

// unescape resolves the escape whose first byte after the backslash is line[i].
func unescape(line []byte, i int) (c byte, next int) {
	c = line[i]
	if c == 'x' && i+2 < len(line) {
		hi, ok1 := hexDigit(line[i+1])
		lo, ok2 := hexDigit(line[i+2])
		if ok1 && ok2 {
			return hi<<4 | lo, i + 3
		}
	}
	switch c {
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'b':
		c = '\b'
	case 'a':
		c = '\a'
	}
	return c, i + 1
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func isSpace(c byte) bool { return c == ' ' || (c >= '\t' && c <= '\r') }
