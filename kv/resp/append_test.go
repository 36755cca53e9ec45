package resp

import (
	"math"
	"testing"
)

func TestAppend(t *testing.T) {
	for _, c := range []struct {
		name         string
		write        func(proto uint8) []byte
		resp2, resp3 string
	}{
		{"int", func(uint8) []byte { return AppendInt(nil, -7) }, ":-7\r\n", ":-7\r\n"},
		{"bulk", func(uint8) []byte { return AppendBulk(nil, []byte("a\r\n")) }, "$3\r\na\r\n\r\n", "$3\r\na\r\n\r\n"},
		{"status", func(uint8) []byte { return AppendStatus(nil, "OK") }, "+OK\r\n", "+OK\r\n"},
		{"error", func(uint8) []byte { return AppendError(nil, "ERR a\r\nhint") }, "-ERR a  hint\r\n", "-ERR a  hint\r\n"},
		{"array", func(uint8) []byte { return AppendArray(nil, 2) }, "*2\r\n", "*2\r\n"},
		{"null", func(p uint8) []byte { return AppendNull(nil, p) }, "$-1\r\n", "_\r\n"},
		{"null array", func(p uint8) []byte { return AppendNullArray(nil, p) }, "*-1\r\n", "_\r\n"},
		{"map", func(p uint8) []byte { return AppendMap(nil, p, 2) }, "*4\r\n", "%2\r\n"},
		{"set", func(p uint8) []byte { return AppendSet(nil, p, 2) }, "*2\r\n", "~2\r\n"},
		{"push", func(p uint8) []byte { return AppendPush(nil, p, 2) }, "*2\r\n", ">2\r\n"},
		{"true", func(p uint8) []byte { return AppendBool(nil, p, true) }, ":1\r\n", "#t\r\n"},
		{"false", func(p uint8) []byte { return AppendBool(nil, p, false) }, ":0\r\n", "#f\r\n"},
		{"double", func(p uint8) []byte { return AppendDouble(nil, p, 1.5) }, "$3\r\n1.5\r\n", ",1.5\r\n"},
		{"verbatim", func(p uint8) []byte { return AppendVerbatim(nil, p, "a") }, "$1\r\na\r\n", "=5\r\ntxt:a\r\n"},
		{"whole", func(p uint8) []byte { return AppendDouble(nil, p, 3) }, "$1\r\n3\r\n", ",3\r\n"},
		{"inf", func(p uint8) []byte { return AppendDouble(nil, p, math.Inf(-1)) }, "$4\r\n-inf\r\n", ",-inf\r\n"},
		{"nan", func(p uint8) []byte { return AppendDouble(nil, p, math.NaN()) }, "$3\r\nnan\r\n", ",nan\r\n"},
	} {
		if got := string(c.write(RESP2)); got != c.resp2 {
			t.Errorf("%s in RESP2: %q, want %q", c.name, got, c.resp2)
		}
		if got := string(c.write(RESP3)); got != c.resp3 {
			t.Errorf("%s in RESP3: %q, want %q", c.name, got, c.resp3)
		}
	}
}

func TestSkip(t *testing.T) {
	for _, whole := range []string{
		"+OK\r\n", "-ERR x\r\n", ":1\r\n", "$-1\r\n", "$0\r\n\r\n", "$3\r\n\r\na\r\n", "*-1\r\n", "*0\r\n", "_\r\n", "#t\r\n", ",1.5\r\n",
		"*2\r\n:1\r\n*1\r\n$1\r\na\r\n", "%1\r\n+k\r\n*2\r\n:1\r\n:2\r\n", "~1\r\n:1\r\n", ">2\r\n+a\r\n+b\r\n",
		"=5\r\ntxt:a\r\n", "|1\r\n+k\r\n+v\r\n:1\r\n",
	} {
		for _, after := range []string{"", "+next\r\n"} {
			if n := Skip([]byte(whole + after)); n != len(whole) {
				t.Errorf("%q before %q: %d, want %d", whole, after, n, len(whole))
			}
		}
		for cut := range len(whole) {
			if n := Skip([]byte(whole[:cut])); n != 0 {
				t.Errorf("%q: %d, want 0", whole[:cut], n)
			}
		}
	}
	for _, bad := range []string{"", "x", "$9223372036854775807\r\n", "*9223372036854775807\r\n", "$x\r\n", "\r\n", "$2\r\na"} {
		if n := Skip([]byte(bad)); n != 0 {
			t.Errorf("%q: %d", bad, n)
		}
	}
}

func TestReplyParts(t *testing.T) {
	if body, ok := ArrayBody([]byte("*1\r\n:1\r\n")); !ok || string(body) != ":1\r\n" {
		t.Errorf("%q, %v", body, ok)
	}
	for _, other := range []string{"*-1\r\n", "_\r\n", "-ERR\r\n", "", "*1"} {
		if _, ok := ArrayBody([]byte(other)); ok {
			t.Errorf("%q is no array", other)
		}
	}
	if n, ok := ParseIntReply([]byte(":-12\r\n")); !ok || n != -12 {
		t.Errorf("%d, %v", n, ok)
	}
	for _, other := range []string{":\r\n", ":x\r\n", "+1\r\n", ""} {
		if _, ok := ParseIntReply([]byte(other)); ok {
			t.Errorf("%q is no integer", other)
		}
	}
}

func FuzzSkip(f *testing.F) {
	f.Add([]byte("*2\r\n:1\r\n*1\r\n$1\r\na\r\n"))
	f.Add([]byte("%1\r\n+k\r\n_\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := Skip(b); n < 0 || n > len(b) {
			t.Fatalf("%d of %d bytes", n, len(b))
		}
	})
}
