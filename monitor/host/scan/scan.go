package scan

import "math"

// MaxFile bounds one file, in bytes; the largest real one, /proc/stat on a machine
// of hundreds of cores, is well below.
const MaxFile = 4 << 20

// Line returns b up to its first newline and what follows it.
func Line(b []byte) (line, rest []byte) {
	for i, c := range b {
		if c == '\n' {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

// Field skips blanks, then returns the run of other bytes and what follows it.
func Field(b []byte) (field, rest []byte) {
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

// Number reads the decimal digits b starts with. It stops at the first other
// byte and saturates, so that a hostile or future file can not wrap a counter.
func Number(b []byte) uint64 {
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

// NextNumber is Field followed by Number.
func NextNumber(b []byte) (uint64, []byte) {
	f, rest := Field(b)
	return Number(f), rest
}

// Decimal reads a plain Decimal fraction such as "0.52" without allocating.
func Decimal(b []byte) float64 {
	whole, i := Number(b), 0
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

// IsNumber reports whether b is one or more Decimal digits and nothing else.
func IsNumber(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// Keep returns old when it already spells b, and a new string otherwise: names
// of disks and interfaces are stable, so a steady machine allocates nothing.
func Keep(old string, b []byte) string {
	if old == string(b) {
		return old
	}
	return string(b)
}

// Grow returns s one element longer, reusing what lies in its spare capacity so
// that names kept there from an earlier sample need no new allocation.
func Grow[T any](s []T) []T {
	if len(s) < cap(s) {
		return s[:len(s)+1]
	}
	var zero T
	return append(s, zero)
}

// Colon splits "  eth0:123 ..." at its colon and trims blanks before the name.
func Colon(line []byte) (name, rest []byte, ok bool) {
	for i, c := range line {
		if c == ':' {
			name, _ = Field(line[:i])
			return name, line[i+1:], true
		}
	}
	return nil, nil, false
}

// HasPrefix reports whether b begins with p.
func HasPrefix(b []byte, p string) bool { return len(b) >= len(p) && string(b[:len(p)]) == p }
