package sticky

import (
	"net/http"
	"strings"
	"testing"
)

func TestMarks(t *testing.T) {
	a := MarkOf([]byte("key"), "app", "one")
	if a != MarkOf([]byte("key"), "app", "one") {
		t.Error("two proxies disagree")
	}
	for _, b := range []Mark{MarkOf([]byte("key"), "app", "two"), MarkOf([]byte("key"), "app2", "one"), MarkOf([]byte("other"), "app", "one"), MarkOf([]byte("key"), "app\x00one", "")} {
		if a == b {
			t.Error("two servers have one mark")
		}
	}
	if strings.Trim(string(a[:]), "0123456789abcdef") != "" {
		t.Errorf("%q", a)
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct{ field, want string }{
		{"srv=abc", "abc"},
		{"a=1; srv=abc; b=2", "abc"},
		{"a=1;srv=abc", "abc"},
		{" srv=abc \t;", "abc"},
		{"srv=one; srv=two", "one"},
		{"srv=", ""},
		{"SRV=abc", ""},
		{"xsrv=abc", ""},
		{"srvx=abc", ""},
		{"srv", ""},
		{`a="srv=no"`, ""},
		{"", ""},
		{";;;", ""},
	} {
		if got := string(Find([]byte(c.field), "srv")); got != c.want {
			t.Errorf("%q: %q, want %q", c.field, got, c.want)
		}
	}
}

// TestAppendField is read by Go's own parser.
func TestAppendField(t *testing.T) {
	m := MarkOf(nil, "s", "a")
	for _, secure := range []bool{false, true} {
		line := string(AppendField(nil, "srv", &m, secure))
		value, ok := strings.CutPrefix(strings.TrimSuffix(line, "\r\n"), "Set-Cookie: ")
		c, err := http.ParseSetCookie(value)
		if err != nil || !ok {
			t.Fatalf("%q: %v", line, err)
		}
		if c.Name != "srv" || c.Value != string(m[:]) || c.Path != "/" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure != secure || !c.Expires.IsZero() || c.MaxAge != 0 {
			t.Errorf("%+v", c)
		}
		if got := Find([]byte(c.Name+"="+c.Value), "srv"); string(got) != string(m[:]) {
			t.Errorf("comes back as %q", got)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, good := range []string{"srv", "__Host-x", "a.b_c!"} {
		if err := CheckName(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "a b", "a;b", "a=b", "ä", "a\r\n", strings.Repeat("x", 65)} {
		if CheckName(bad) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add("a=1; srv=abc", "srv")
	f.Fuzz(func(t *testing.T, field, name string) {
		if CheckName(name) != nil {
			return
		}
		if v := Find([]byte(field), name); v != nil && !strings.Contains(field, name+"="+string(v)) {
			t.Fatalf("%q has no %s=%s", field, name, v)
		}
	})
}
