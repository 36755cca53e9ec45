package seal

import (
	"errors"
	"strings"
	"testing"
)

func box(t testing.TB, secret, purpose string) *Box {
	t.Helper()
	b, err := New([]byte(secret), purpose)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSeal(t *testing.T) {
	a := box(t, "secret", "certificates")
	text := a.Seal([]byte("private"))
	if strings.Contains(text, "private") || text == a.Seal([]byte("private")) {
		t.Errorf("%q", text)
	}
	if got, err := box(t, "secret", "certificates").Open(text); err != nil || string(got) != "private" {
		t.Errorf("%q, %v", got, err)
	}
	lying := box(t, "", "certificates")
	for name, open := range map[string]func() ([]byte, error){
		"another secret":       func() ([]byte, error) { return box(t, "other", "certificates").Open(text) },
		"another purpose":      func() ([]byte, error) { return box(t, "secret", "tickets").Open(text) },
		"no secret":            func() ([]byte, error) { return lying.Open(text) },
		"damaged":              func() ([]byte, error) { return a.Open(text[:len(text)-8] + "AAAAAAA=") },
		"cut":                  func() ([]byte, error) { return a.Open(text[:20]) },
		"empty":                func() ([]byte, error) { return a.Open("") },
		"what lies open":       func() ([]byte, error) { return a.Open(lying.Seal([]byte("planted"))) },
		"what is not of a box": func() ([]byte, error) { return lying.Open("private") },
	} {
		if got, err := open(); !errors.Is(err, ErrOpen) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := lying.Open(lying.Seal([]byte("x"))); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add("sealed:AAAA")
	f.Add("open:AAAA")
	b := box(f, "secret", "x")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := b.Open(text); err == nil && text != "" {
			t.Fatalf("%q was opened", text)
		}
	})
}
