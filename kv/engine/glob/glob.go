package glob

// maxSteps bounds the work of one Match: about a tenth of a second.
const maxSteps = 1 << 24

// Match reports whether s matches the pattern as Redis's KEYS, SCAN and
// PSUBSCRIBE read it: * any run, ? any byte, [abc] [a-z] [^a] a class, \x the
// byte x itself. It backtracks to the last * only: an earlier one need never match
// more. So its cost is bounded by len(pattern) x len(s), and beyond maxSteps it gives
// up and reports false, on every replica alike.
func Match(pattern, s []byte) bool {
	p, i := 0, 0
	star, resume := -1, 0 // pattern after the last *, and where it resumes in s
	for steps := 0; i < len(s) && steps < maxSteps; steps++ {
		if p < len(pattern) && pattern[p] == '*' {
			for p < len(pattern) && pattern[p] == '*' {
				p++
			}
			if p == len(pattern) {
				return true
			}
			star, resume = p, i
			continue
		}
		if next, ok := one(pattern, p, s[i]); ok {
			p, i = next, i+1
			continue
		}
		if star < 0 {
			return false
		}
		resume++
		p, i = star, resume
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return i == len(s) && p == len(pattern)
}

// one matches a single byte against the pattern element at p, not a *, and
// returns where the next element begins.
func one(pattern []byte, p int, c byte) (next int, ok bool) {
	if p >= len(pattern) {
		return p, false
	}
	switch pattern[p] {
	case '?':
		return p + 1, true
	case '[':
		return class(pattern, p+1, c)
	case '\\':
		if p+1 < len(pattern) {
			p++
		}
	}
	return p + 1, pattern[p] == c
}

// class matches c against the class whose [ is before p. As in Redis, a class
// without its ] ends with the pattern, and a range may be written backwards.
func class(pattern []byte, p int, c byte) (next int, ok bool) {
	not := p < len(pattern) && pattern[p] == '^'
	if not {
		p++
	}
	match := false
	for ; ; p++ {
		switch {
		case p >= len(pattern):
			return p, match != not
		case pattern[p] == '\\' && p+1 < len(pattern):
			p++
			match = match || pattern[p] == c
		case pattern[p] == ']':
			return p + 1, match != not
		case p+2 < len(pattern) && pattern[p+1] == '-':
			lo, hi := min(pattern[p], pattern[p+2]), max(pattern[p], pattern[p+2])
			match = match || lo <= c && c <= hi
			p += 2
		default:
			match = match || pattern[p] == c
		}
	}
}

// Prefix returns the bytes that everything the pattern matches begins with.
func Prefix(pattern []byte) []byte {
	for i, c := range pattern {
		switch c {
		case '*', '?', '[', '\\':
			return pattern[:i]
		}
	}
	return pattern
}
