package value

import (
	"errors"
	"math"
	"math/big"
	"strconv"
)

// ParseInt reads a 64-bit integer as Redis's string2ll does: no blanks, no plus
// sign, no leading zeros, no -0.
func ParseInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	digits, neg := b, false
	if b[0] == '-' {
		digits, neg = b[1:], true
	}
	if len(digits) == 0 || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	var n uint64
	for _, c := range digits {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	switch {
	case neg && n <= 1<<63:
		return -int64(n), true
	case !neg && n <= math.MaxInt64:
		return int64(n), true
	}
	return 0, false
}

// floatPrec is the precision of the x87 long double that Redis adds with, so
// that INCRBYFLOAT gives the same digits.
const floatPrec = 64

// maxFloatExp is the largest binary exponent of a long double.
const maxFloatExp = 16384

// parseFloat reads a number for INCRBYFLOAT. inf is reported apart, because
// big.Float's arithmetic on infinities panics.
func parseFloat(b []byte) (f *big.Float, inf, ok bool) {
	// The longest text a long double has in Redis, which also bounds the work.
	if len(b) == 0 || len(b) > 5*1024 {
		return nil, false, false
	}
	for _, c := range b {
		switch {
		case c == '_' || c == 'b' || c == 'B' || c == 'o' || c == 'O' || c <= ' ':
			if c == 'b' || c == 'B' {
				continue // a hexadecimal digit; a binary prefix fails below
			}
			return nil, false, false
		}
	}
	if bounded := boundedExponent(b); !bounded {
		return nil, false, false
	}
	// base 10 unless hexadecimal: Go would read 0b1 and 010 in other bases.
	base := 10
	if hexadecimal(b) {
		base = 0
	}
	f, _, err := big.ParseFloat(string(b), base, floatPrec, big.ToNearestEven)
	if err != nil {
		return nil, false, false
	}
	if f.IsInf() {
		return f, true, true
	}
	if f.MantExp(nil) > maxFloatExp {
		return nil, false, false
	}
	return f, false, true
}

func hexadecimal(b []byte) bool {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	return len(b) > 2 && b[0] == '0' && (b[1] == 'x' || b[1] == 'X')
}

// boundedExponent reports whether the exponent is short enough to compute with.
func boundedExponent(b []byte) bool {
	for i := len(b) - 1; i >= 0; i-- {
		switch b[i] {
		case 'e', 'E', 'p', 'P':
			n, err := strconv.Atoi(string(b[i+1:]))
			return hexadecimal(b) && b[i]|0x20 == 'e' || err != nil || n < 10000 && n > -10000
		}
	}
	return true
}

// formatFloat writes f as Redis writes a long double for people: 17 decimals
// without trailing zeros.
func formatFloat(f *big.Float) []byte {
	s := f.Append(nil, 'f', 17)
	for s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	if string(s) == "-0" {
		return s[1:]
	}
	return s
}

// AddFloat adds two numbers written as text, old being 0 if it is nil, and returns the
// sum as Redis writes it.
//
// Errors: ErrOldNotFloat, ErrNotFloat, ErrNaN.
func AddFloat(old, delta []byte) ([]byte, error) {
	a, aInf, ok := new(big.Float).SetPrec(floatPrec), false, true
	if old != nil {
		a, aInf, ok = parseFloat(old)
	}
	if !ok {
		return nil, ErrOldNotFloat
	}
	b, bInf, ok := parseFloat(delta)
	if !ok {
		return nil, ErrNotFloat
	}
	if aInf || bInf {
		return nil, ErrNaN
	}
	sum := new(big.Float).SetPrec(floatPrec).Add(a, b)
	if sum.MantExp(nil) > maxFloatExp {
		return nil, ErrNaN
	}
	return formatFloat(sum), nil
}

// Errors of AddFloat; the texts are not for clients.
var (
	ErrOldNotFloat = errors.New("the old value is not a number")
	ErrNotFloat    = errors.New("the increment is not a number")
	ErrNaN         = errors.New("the sum is no number or infinite")
)
