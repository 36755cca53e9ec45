package sentinel

// globMatch reports whether s matches a Redis pattern: * any run of bytes, ? one
// byte, [abc] [^a] [a-z] one of a class, \x the byte x. It goes back to the last
// * only, so its cost is at most len(pattern) x len(s).
func globMatch(pattern, s string) bool {
	p, i := 0, 0
	star, from := -1, 0 // where the pattern goes on after the last *, and in s
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, from = p, i
			continue
		}
		if n := globOne(pattern[p:], s[i]); n > 0 {
			p, i = p+n, i+1
			continue
		}
		if star < 0 {
			return false
		}
		from++
		p, i = star, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// globOne matches c against the first element of pattern and returns the
// element's length, 0 if it does not match.
func globOne(pattern string, c byte) int {
	if pattern == "" {
		return 0
	}
	switch pattern[0] {
	case '?':
		return 1
	case '[':
		return globClass(pattern, c)
	case '\\':
		if len(pattern) > 1 {
			if pattern[1] == c {
				return 2
			}
			return 0
		}
	}
	if pattern[0] == c {
		return 1
	}
	return 0
}

// globClass matches c against the class that pattern begins with. As in Redis a
// class that is not closed ends with the pattern.
func globClass(pattern string, c byte) int {
	p := 1
	not := p < len(pattern) && pattern[p] == '^'
	if not {
		p++
	}
	match := false
	for ; p < len(pattern) && pattern[p] != ']'; p++ {
		lo := pattern[p]
		hi := lo
		switch {
		case lo == '\\' && p+1 < len(pattern):
			p++
			lo = pattern[p]
			hi = lo
		case p+2 < len(pattern) && pattern[p+1] == '-':
			hi = pattern[p+2]
			p += 2
		}
		match = match || min(lo, hi) <= c && c <= max(lo, hi)
	}
	if match == not {
		return 0
	}
	return min(p+1, len(pattern))
}
