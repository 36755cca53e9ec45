package glob

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "abc", true},
		{"a*", "abc", true},
		{"a*", "bc", false},
		{"*c", "abc", true},
		{"a*c", "abbc", true},
		{"a*c", "abcd", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"[abc]", "b", true},
		{"[abc]", "d", false},
		{"[^abc]", "d", true},
		{"[^abc]", "a", false},
		{"[a-c]x", "bx", true},
		{"[c-a]", "b", true},
		{"[a-c]", "d", false},
		{"[", "a", false},
		{"[a", "a", true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`[\]]`, "]", true},
		{`a\`, `a\`, true},
		{"a**b", "ab", true},
		{"*a*b*", "xxaxxbxx", true},
		{"*a*b*", "xxbxxa", false},
		{"a*b*c", "abcbc", true},
		{"[a-]", "-", false},
		{"news.*", "news.tech", true},
	} {
		if got := Match([]byte(test.pattern), []byte(test.s)); got != test.want {
			t.Errorf("Match(%q, %q) = %v", test.pattern, test.s, got)
		}
	}
}

// TestMatchIsCheap runs the pattern that makes a nested search exponential.
func TestMatchIsCheap(t *testing.T) {
	pattern := []byte(strings.Repeat("a*", 5000) + "b")
	s := bytes.Repeat([]byte("a"), 1<<20)
	start := time.Now()
	if Match(pattern, s) {
		t.Error("matched")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestPrefix(t *testing.T) {
	for pattern, want := range map[string]string{"": "", "abc": "abc", "/app/*": "/app/", "a?": "a", "a[b]": "a", `a\*`: "a"} {
		if got := string(Prefix([]byte(pattern))); got != want {
			t.Errorf("Prefix(%q) = %q, want %q", pattern, got, want)
		}
	}
}

// nested is the obvious matcher, exponential, to compare with.
func nested(p, s []byte) bool {
	if len(p) == 0 {
		return len(s) == 0
	}
	if p[0] == '*' {
		return nested(p[1:], s) || len(s) > 0 && nested(p, s[1:])
	}
	if len(s) == 0 {
		return false
	}
	next, ok := one(p, 0, s[0])
	return ok && nested(p[next:], s[1:])
}

func FuzzMatch(f *testing.F) {
	f.Add([]byte("a*[b-d]?"), []byte("axxcz"))
	f.Add([]byte(`[^a\]*`), []byte("]]"))
	f.Fuzz(func(t *testing.T, pattern, s []byte) {
		got := Match(pattern, s)
		if len(pattern) <= 8 && len(s) <= 10 && got != nested(pattern, s) {
			t.Errorf("Match(%q, %q) = %v", pattern, s, got)
		}
		if got && !bytes.HasPrefix(s, Prefix(pattern)) {
			t.Errorf("Prefix(%q) is not one of %q", pattern, s)
		}
	})
}
