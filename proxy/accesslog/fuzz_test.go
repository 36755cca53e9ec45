package accesslog

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"pingd/proxy/exchange"
	"pingd/proxy/wire"
)

// FuzzLines: whatever a client sends, a request is one line, which it cannot make
// look like two or like another one's, and the JSON one can be read back.
func FuzzLines(f *testing.F) {
	f.Add([]byte("GET"), []byte("h"), []byte("/"), []byte("id"), int64(1), int64(5), 200)
	f.Add([]byte("G\nT"), []byte("h\" \"x"), []byte("/\\\x00\xff\u2028"), []byte("\r\n"), int64(-1), int64(1<<62), 0)
	f.Fuzz(func(t *testing.T, method, host, target, id []byte, start, done int64, status int) {
		r := &exchange.Record{
			Client: []byte("10.0.0.1"), Method: method, Host: host, Target: target, ID: id, Status: status, End: exchange.EndOK,
			Start: wire.Instant(start % int64(100*365*24*time.Hour)), Done: wire.Instant(done),
		}
		text := AppendText(nil, r)
		if n := bytes.Count(text, []byte{'"'}); n != 4 {
			t.Fatalf("%d quotes in %q", n, text)
		}
		line := AppendJSON(nil, r)
		for _, l := range [][]byte{text, line} {
			if bytes.Count(l, []byte{'\n'}) != 1 || l[len(l)-1] != '\n' || !utf8.Valid(l) || bytes.ContainsAny(l, "\r\x00\x1b\x7f") {
				t.Fatalf("line %q", l)
			}
		}
		var back struct {
			Method, Host, Target string
			Status               int
		}
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		for _, c := range []struct {
			got  string
			want []byte
		}{{back.Method, method}, {back.Host, host}, {back.Target, target}} {
			if latin1(c.want) != c.got {
				t.Fatalf("%q became %q", c.want, c.got)
			}
		}
		if back.Status != status {
			t.Fatalf("status %d became %d", status, back.Status)
		}
	})
}

// latin1 reads each byte as a character.
func latin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}
