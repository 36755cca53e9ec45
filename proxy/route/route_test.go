package route

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// table makes a Table whose entries stand for their own pattern.
func table(t testing.TB, patterns ...string) *Table[string] {
	t.Helper()
	var entries []Entry[string]
	for _, text := range patterns {
		p, err := ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, Entry[string]{p, text})
	}
	tab, err := NewTable(entries)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestMatch(t *testing.T) {
	full := table(t, "/", "/api", "/api/v2/", "a.example/", "a.example/api", "*.example.org/", "*.b.example.org/x", "[::1]/", "c.example/only")
	for _, c := range []struct{ host, target, want string }{
		{"other", "/", "/"},
		{"", "/", "/"},
		{"other", "/api", "/api"},
		{"other", "/api?x=/api/v2", "/api"},
		{"other", "/apix", "/"},
		{"other", "/api/", "/api"},
		{"other", "/api/v2", "/api/v2/"},
		{"other", "/api/v2/x/y", "/api/v2/"},
		{"other", "/api/v22", "/api"},
		{"other", "/API", "/"},
		{"other", "*", "/"},
		{"a.example", "/api", "a.example/api"},
		{"A.Example.:8080", "/api/x", "a.example/api"},
		{"a.example", "/x", "a.example/"},
		{"b.a.example", "/", "/"},
		{"x.example.org", "/", "*.example.org/"},
		{"x.y.example.org", "/", "*.example.org/"},
		{"example.org", "/", "/"},
		{"x.b.example.org", "/x", "*.b.example.org/x"},
		{"x.b.example.org", "/y", "*.example.org/"},
		{"[::1]:80", "/", "[::1]/"},
		{"c.example", "/only", "c.example/only"},
		{"c.example", "/else", "/"},
		{strings.Repeat("a", 300), "/", "/"},
	} {
		got, ok := full.Match([]byte(c.host), []byte(c.target))
		if !ok || got != c.want {
			t.Errorf("%s%s goes to %q, want %q", c.host, c.target, got, c.want)
		}
	}
	few := table(t, "a.example/api")
	for _, c := range []struct{ host, target string }{{"a.example", "/"}, {"b.example", "/api"}, {"", "/api"}, {"a.example.", "/ap"}} {
		if got, ok := few.Match([]byte(c.host), []byte(c.target)); ok {
			t.Errorf("%s%s goes to %q", c.host, c.target, got)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	tab := table(t, "/", "a.example/api", "*.example.org/")
	host, target := []byte("X.Example.ORG:80"), []byte("/a/b?c")
	if n := testing.AllocsPerRun(100, func() { tab.Match(host, target) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParsePattern(t *testing.T) {
	for text, want := range map[string]Pattern{
		"/":                {},
		"/api///":          {Path: "/api"},
		"A.Example./x":     {Host: "a.example", Path: "/x"},
		"*.Example.org/":   {Host: "*.example.org"},
		"[2001:DB8::1]/":   {Host: "[2001:db8::1]"},
		"127.0.0.1/a/b":    {Host: "127.0.0.1", Path: "/a/b"},
		"a.example/%2e%2e": {Host: "a.example", Path: "/%2e%2e"},
	} {
		got, err := ParsePattern(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if again, err := ParsePattern(got.String()); err != nil || again != got {
			t.Errorf("%s is written as %s", text, got)
		}
	}
	for _, bad := range []string{"", "a.example", "a.example:80/", "*/", "*.org/", "a.*.org/", "*a.example/", "a b/", "ä.example/", "/a b", "/a?b", "/a#b", "/ä"} {
		if p, err := ParsePattern(bad); err == nil {
			t.Errorf("%q became %+v", bad, p)
		}
	}
}

func TestTwice(t *testing.T) {
	p := Pattern{Host: "a.example"}
	if _, err := NewTable([]Entry[int]{{p, 1}, {p, 2}}); !errors.Is(err, ErrTwice) {
		t.Error(err)
	}
}

// TestAgainstSearch compares with the package comment, taken literally.
func TestAgainstSearch(t *testing.T) {
	hosts := []string{"", "a.x.org", "b.x.org", "*.x.org", "*.a.x.org"}
	paths := []string{"", "/p", "/p/q", "/pq"}
	rapid.Check(t, func(t *rapid.T) {
		var entries []Entry[Pattern]
		for _, h := range hosts {
			for _, p := range paths {
				if rapid.Bool().Draw(t, "in") {
					e := Pattern{h, p}
					entries = append(entries, Entry[Pattern]{e, e})
				}
			}
		}
		tab, err := NewTable(entries)
		if err != nil {
			t.Fatal(err)
		}
		host := rapid.SampledFrom([]string{"a.x.org", "b.x.org", "c.x.org", "d.a.x.org", "x.org", "y"}).Draw(t, "host")
		target := rapid.SampledFrom([]string{"/", "/p", "/p/", "/p/q/r", "/pq", "/pqr"}).Draw(t, "target")
		var best *Pattern
		for i := range entries {
			e := &entries[i].Pattern
			wild := strings.TrimPrefix(e.Host, "*")
			if e.Host != "" && e.Host != host && (wild == e.Host || !strings.HasSuffix(host, wild)) {
				continue
			}
			if e.Path != "" && target != e.Path && !strings.HasPrefix(target, e.Path+"/") {
				continue
			}
			if best == nil || rank(e, host) > rank(best, host) || rank(e, host) == rank(best, host) && len(e.Path) > len(best.Path) {
				best = e
			}
		}
		got, ok := tab.Match([]byte(host), []byte(target))
		if ok != (best != nil) || ok && got != *best {
			t.Fatalf("%s%s goes to %v, want %v", host, target, got, best)
		}
	})
}

func rank(p *Pattern, host string) int {
	switch p.Host {
	case host:
		return 1000
	case "":
		return 0
	}
	return len(p.Host)
}

func FuzzMatch(f *testing.F) {
	f.Add("a.example/api", "a.example:80", "/api/x?y")
	f.Fuzz(func(t *testing.T, pattern, host, target string) {
		p, err := ParsePattern(pattern)
		if err != nil {
			return
		}
		tab, err := NewTable([]Entry[int]{{p, 1}})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := tab.Match([]byte(host), []byte(target)); ok && p.Path != "" && !strings.HasPrefix(target, p.Path) {
			t.Fatalf("%s matches %s", pattern, target)
		}
	})
}
