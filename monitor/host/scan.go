package host

import "math"

// cutLine returns b up to its first newline and what follows it.
func cutLine(b []byte) (line, rest []byte) {
	for i, c := range b {
		if c == '\n' {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

// cutField skips blanks, then returns the run of other bytes and what follows it.
func cutField(b []byte) (field, rest []byte) {
	start := 0
	for start < len(b) && blank(b[start]) {
		start++
	}
	end := start
	for end < len(b) && !blank(b[end]) {
		end++
	}
	return b[start:end], b[end:]
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// number reads the decimal digits b starts with. It stops at the first other
// byte and saturates, so that a hostile or future file can not wrap a counter.
func number(b []byte) uint64 {
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		d := uint64(c - '0')
		if n > (math.MaxUint64-d)/10 {
			return math.MaxUint64
		}
		n = n*10 + d
	}
	return n
}

// cutNumber is cutField followed by number.
func cutNumber(b []byte) (uint64, []byte) {
	f, rest := cutField(b)
	return number(f), rest
}

// decimal reads a plain decimal fraction such as "0.52" without allocating.
func decimal(b []byte) float64 {
	whole, i := number(b), 0
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	v := float64(whole)
	if i >= len(b) || b[i] != '.' {
		return v
	}
	scale := 0.1
	for _, c := range b[i+1:] {
		if c < '0' || c > '9' {
			break
		}
		v += float64(c-'0') * scale
		scale /= 10
	}
	return v
}

// isNumber reports whether b is one or more decimal digits and nothing else.
func isNumber(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// keep returns old when it already spells b, and a new string otherwise: names
// of disks and interfaces are stable, so a steady machine allocates nothing.
func keep(old string, b []byte) string {
	if old == string(b) {
		return old
	}
	return string(b)
}

// grow returns s one element longer, reusing what lies in its spare capacity so
// that names kept there from an earlier sample need no new allocation.
func grow[T any](s []T) []T {
	if len(s) < cap(s) {
		return s[:len(s)+1]
	}
	var zero T
	return append(s, zero)
}
