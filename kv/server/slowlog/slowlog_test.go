package slowlog

import (
	"strings"
	"testing"
)

func TestLog(t *testing.T) {
	l := New()
	l.Resize(3)
	for _, name := range []string{"a", "b", "c", "d"} {
		l.Add(Entry{Name: name})
	}
	got := ""
	for _, e := range l.Latest(-1) {
		got += e.Name
	}
	if got != "dcb" || l.Len() != 3 || l.Latest(1)[0].ID != 3 || len(l.Latest(99)) != 3 {
		t.Errorf("kept %s", got)
	}
	l.Resize(1)
	if l.Len() != 1 {
		t.Errorf("%d left", l.Len())
	}
	l.Reset()
	l.Resize(0)
	l.Add(Entry{})
	if l.Len() != 0 {
		t.Error("not empty")
	}
}

func TestShorten(t *testing.T) {
	args := make([][]byte, 40)
	args[0] = []byte(strings.Repeat("x", 130))
	got := Shorten(args)
	if len(got) != 32 || got[0] != strings.Repeat("x", 128)+"... (2 more bytes)" || got[31] != "... (9 more arguments)" {
		t.Errorf("%d: %q", len(got), got)
	}
	if got := Shorten(args[:32]); len(got) != 32 || got[31] != "" {
		t.Errorf("%q", got)
	}
}
