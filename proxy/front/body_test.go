package front

import (
	"bytes"
	"strings"
	"testing"

	"pingd/proxy/http1"
)

// begun returns the body of a request with these fields.
func begun(t *testing.T, fields string) *body {
	t.Helper()
	var req http1.Request
	head := []byte("POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n")
	req.Reset(http1.Limits{})
	if n, err := req.Parse(head); n != len(head) || err != nil {
		t.Fatalf("%q: %d, %v", fields, n, err)
	}
	b := &body{}
	b.begin(&req)
	return b
}

// TestTake cuts what comes in pieces of every size: what belongs to the body is taken,
// and nothing of the next request.
func TestTake(t *testing.T) {
	const next = "GET /next"
	for _, test := range []struct{ fields, body string }{
		{"", ""},
		{"Content-Length: 0\r\n", ""},
		{"Content-Length: 5\r\n", "hello"},
		{"Transfer-Encoding: chunked\r\n", "0\r\n\r\n"},
		{"Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n3;x=y\r\nyou\r\n0\r\nTrailer: t\r\n\r\n"},
	} {
		for n := 1; n <= len(test.body)+len(next); n++ {
			b := begun(t, test.fields)
			rest, took := []byte(test.body+next), 0
			for len(rest) > 0 && !b.done {
				piece := rest[:min(n, len(rest))]
				used, err := b.take(piece)
				if err != nil || used > len(piece) {
					t.Fatalf("%q in pieces of %d: %d of %d, %v", test.body, n, used, len(piece), err)
				}
				took += used
				if used < len(piece) && !b.done {
					t.Fatalf("%q in pieces of %d: it stands still", test.body, n)
				}
				rest = rest[used:]
			}
			if took != len(test.body) || !b.done || string(rest) != next {
				t.Errorf("%q in pieces of %d: took %d, done %v, left %q", test.body, n, took, b.done, rest)
			}
			if used, err := b.take([]byte(next)); used != 0 || err != nil {
				t.Errorf("%q: after its end it took %d, %v", test.body, used, err)
			}
		}
	}
}

func TestTakeRefuses(t *testing.T) {
	for _, text := range []string{"x\r\n", "-1\r\n", "5\nhello", "5\r\nhelloX\r\n", "FFFFFFFFFFFFFFFFF\r\n", "0\r\nbad trailer\r\n\r\n"} {
		b := begun(t, "Transfer-Encoding: chunked\r\n")
		if n, err := b.take([]byte(text)); err == nil || err.Status != 400 {
			t.Errorf("%q: took %d, %v", text, n, err)
		}
	}
}

// TestHold keeps a body while that is cheap: all of it, or nothing.
func TestHoldABody(t *testing.T) {
	b := begun(t, "Content-Length: 1000000\r\n")
	part := bytes.Repeat([]byte("x"), heldSize/2)
	b.hold(part)
	b.hold(part)
	if b.over || len(b.held) != heldSize {
		t.Errorf("to the last byte: over %v, %d held", b.over, len(b.held))
	}
	b.hold(part[:1])
	if !b.over || len(b.held) != 0 {
		t.Errorf("one more: over %v, %d held", b.over, len(b.held))
	}
	b.hold(part[:1]) // a rest would be taken for the whole
	if !b.over || len(b.held) != 0 {
		t.Errorf("and another: over %v, %d held", b.over, len(b.held))
	}
	used := begun(t, "Content-Length: 1\r\n")
	used.held, used.over, used.surplus = []byte(strings.Repeat("old", 9)), true, []byte("old")
	var req http1.Request
	req.Reset(http1.Limits{})
	if _, err := req.Parse([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	used.begin(&req)
	if used.over || len(used.held) > 0 || used.surplus != nil || !used.done {
		t.Errorf("the next request finds %+v", used)
	}
}

// TestScan passes a chunked body to a client of HTTP/1.0 without its framing, in pieces
// of every size, and to others as it is.
func TestScan(t *testing.T) {
	const text, data = "5;ext\r\nhello\r\nA\r\n, you all!\r\n0\r\nT: t\r\n\r\n", "hello, you all!"
	for _, raw := range []bool{false, true} {
		want := text
		if raw {
			want = data
		}
		for n := 1; n <= len(text); n++ {
			r := &relay{raw: raw}
			r.chunked.Reset(true)
			var got []byte
			for rest := []byte(text); len(rest) > 0; {
				piece := bytes.Clone(rest[:min(n, len(rest))])
				rest = rest[len(piece):]
				part, err := r.scan(piece)
				if err != nil {
					t.Fatalf("raw %v, pieces of %d: %v", raw, n, err)
				}
				got = append(got, part...)
			}
			if string(got) != want || !r.chunked.Done() || !r.clean {
				t.Errorf("raw %v, pieces of %d: %q, done %v, clean %v", raw, n, got, r.chunked.Done(), r.clean)
			}
		}
		// What a server sends after its end makes its connection useless.
		r := &relay{raw: raw}
		r.chunked.Reset(true)
		if got, err := r.scan([]byte("0\r\n\r\nHTTP/1.1 200")); err != nil || r.clean || len(got) > len("0\r\n\r\n") {
			t.Errorf("raw %v, surplus: %q, %v, clean %v", raw, got, err, r.clean)
		}
	}
}
