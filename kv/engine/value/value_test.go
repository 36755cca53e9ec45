package value

import (
	"errors"
	"testing"
)

func TestParseInt(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "7": 7, "-7": -7, "9223372036854775807": 1<<63 - 1, "-9223372036854775808": -1 << 63,
	} {
		if n, ok := ParseInt([]byte(s)); !ok || n != want {
			t.Errorf("ParseInt(%q) = %d, %v", s, n, ok)
		}
	}
	for _, s := range []string{
		"", "-", "+1", "01", "-0", " 1", "1 ", "1a", "9223372036854775808",
		"-9223372036854775809", "18446744073709551616", "99999999999999999999", "999999999999999999999",
	} {
		if n, ok := ParseInt([]byte(s)); ok {
			t.Errorf("ParseInt(%q) = %d", s, n)
		}
	}
}

func TestAddFloat(t *testing.T) {
	for _, test := range []struct {
		old, delta, want string
		err              error
	}{
		{"10.5", "0.1", "10.6", nil},
		{"0.1", "0.2", "0.3", nil},
		{"5.0e3", "2.0e2", "5200", nil},
		{"3", "-3", "0", nil},
		{"0x10", "1", "17", nil},
		{".5", "5.", "5.5", nil},
		{"", "1", "", ErrOldNotFloat},
		{"1", "x", "", ErrNotFloat},
		{"1", "nan", "", ErrNotFloat},
		{"1", "1_0", "", ErrNotFloat},
		{"1", "1e999999999", "", ErrNotFloat},
		{"1", "inf", "", ErrNaN},
	} {
		got, err := AddFloat([]byte(test.old), []byte(test.delta))
		if string(got) != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s + %s = %s, %v", test.old, test.delta, got, err)
		}
	}
	if got, err := AddFloat(nil, []byte("1.50")); err != nil || string(got) != "1.5" {
		t.Errorf("without an old number: %s, %v", got, err)
	}
}

func FuzzAddFloat(f *testing.F) {
	f.Add([]byte("1.5"), []byte("-2e10"))
	f.Add([]byte("0x1p-3"), []byte("1e4931"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if sum, err := AddFloat(a, b); err == nil {
			if _, err := AddFloat(sum, []byte("0")); err != nil && len(sum) < 5*1024 {
				t.Errorf("%q + %q = %q, which is no number: %v", a, b, sum, err)
			}
		}
	})
}

func TestCloneSharesNothing(t *testing.T) {
	a := &Text{B: []byte("abc")}
	b := a.Clone().(*Text)
	b.B[0] = 'x'
	if string(a.B) != "abc" {
		t.Error("a clone shares its bytes")
	}
}

func TestLCS(t *testing.T) {
	if got := string(LCS([]byte("ohmytext"), []byte("mynewtext"))); got != "mytext" {
		t.Errorf("got %q", got)
	}
	if got := LCS(nil, []byte("a")); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}
