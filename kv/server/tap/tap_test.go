package tap

import (
	"strings"
	"testing"
	"time"
)

type lines struct{ got []string }

func (l *lines) PushLine(b []byte) { l.got = append(l.got, string(b)) }

func args(words ...string) (list [][]byte) {
	for _, w := range words {
		list = append(list, []byte(w))
	}
	return list
}

func TestTap(t *testing.T) {
	var tap Tap
	a, b := &lines{}, &lines{}
	if tap.On() {
		t.Error("on without watchers")
	}
	tap.Leave(a) // was none
	tap.Join(a)
	tap.Join(b)
	tap.Join(b)
	at := time.Unix(1700000000, 1234567)
	tap.Show(at, 9, "127.0.0.1:5", args("set", "k", "v"))
	tap.Leave(b)
	tap.Show(at, 0, "h:1", args("get", "k"))
	if want := "+1700000000.001234 [9 127.0.0.1:5] \"set\" \"k\" \"v\"\r\n|+1700000000.001234 [0 h:1] \"get\" \"k\"\r\n"; strings.Join(a.got, "|") != want {
		t.Errorf("got %q\nwant %q", a.got, want)
	}
	if tap.Leave(a); tap.On() || len(b.got) != 1 {
		t.Errorf("on %v, %q", tap.On(), b.got)
	}
}

func TestQuoted(t *testing.T) {
	for in, want := range map[string]string{
		"": `""`, `a"b\c`: `"a\"b\\c"`, "\n\r\t\a\b\x00\x7f\xff": `"\n\r\t\a\b\x00\x7f\xff"`, "é": `"\xc3\xa9"`,
	} {
		if got := string(appendQuoted(nil, []byte(in))); got != want {
			t.Errorf("%q becomes %s, want %s", in, got, want)
		}
	}
	long := AppendLine(nil, time.Now(), 0, "", args("x", strings.Repeat("y", 1<<20)))
	if len(long) > maxShown+100 {
		t.Errorf("a line of %d bytes", len(long))
	}
}

func FuzzAppendLine(f *testing.F) {
	f.Add([]byte("x\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		line := AppendLine(nil, time.Unix(1, 0), 0, "a", [][]byte{b})
		if strings.ContainsAny(string(line[:len(line)-2]), "\r\n") || !strings.HasSuffix(string(line), "\r\n") {
			t.Errorf("%q breaks the protocol", line)
		}
	})
}
