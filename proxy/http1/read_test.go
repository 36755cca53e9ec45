package http1

import (
	"strings"
	"testing"
)

func TestWhatMayStandWhere(t *testing.T) {
	for _, c := range []struct {
		s                    string
		token, value, target bool
	}{
		{"content-type", true, true, true},
		{"", false, true, false},
		{"a b", false, true, false},
		{"a\tb", false, true, false},
		{"/x?y=z", false, true, true},
		{"/x#y", false, true, false},
		{"a\r\nb", false, false, false},
		{"a\x00b", false, false, false},
		{"a\x7fb", false, false, false},
		{"a:b", false, true, true},
	} {
		if IsToken(c.s) != c.token || IsValue(c.s) != c.value || IsTarget(c.s) != c.target {
			t.Errorf("%q: token %v, value %v, target %v", c.s, IsToken(c.s), IsValue(c.s), IsTarget(c.s))
		}
		if b := []byte(c.s); IsToken(b) != c.token || IsValue(b) != c.value || IsTarget(b) != c.target {
			t.Errorf("%q as bytes differs", c.s)
		}
	}
}

func TestEach(t *testing.T) {
	buf := []byte("GET http://a/b?c HTTP/1.1\r\nHost: x\r\nA:  1 \r\na: 2\r\nEmpty:\r\n\r\n")
	var r Request
	if n, err := r.Parse(buf); n != len(buf) || err != nil {
		t.Fatal(n, err)
	}
	var got strings.Builder
	r.Each(buf, func(name, value []byte) bool {
		got.WriteString(string(name) + "=" + string(value) + ";")
		return string(name) != "a"
	})
	if got.String() != "Host=x;A=1;a=2;" {
		t.Error(got.String())
	}
	if string(r.Path(buf)) != "/b?c" {
		t.Errorf("path %q", r.Path(buf))
	}
}

func TestInTrailer(t *testing.T) {
	body := "3\r\nabc\r\n0\r\nx: 1\r\n\r\n"
	var c Chunked
	c.Reset(true)
	from := strings.Index(body, "x:")
	for i := range len(body) {
		if got := c.InTrailer(); got != (i >= from) {
			t.Errorf("before byte %d of %q: %v", i, body, got)
		}
		if _, _, err := c.Next([]byte{body[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if c.InTrailer() || !c.Done() {
		t.Error("not done")
	}
}
