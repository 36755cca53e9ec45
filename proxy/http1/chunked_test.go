package http1

import (
	"strings"
	"testing"
)

var chunkedCases = []struct {
	name, raw string
	n         int // bytes of the body; -1: refused
}{
	{"empty", "0\r\n\r\n", 5},
	{"one", "3\r\nabc\r\n0\r\n\r\n", 13},
	{"next request behind", "0\r\n\r\nGET", 5},
	{"leading zeros", "003\r\nabc\r\n000\r\n\r\n", 17},
	{"hexadecimal", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", 35},
	{"extension", "3;a=b;c=\"d;e\"\r\nabc\r\n0;x\r\n\r\n", 27},
	{"extension after spaces", "3 \t;a\r\nabc\r\n0\r\n\r\n", 17},
	{"extensions in every form", "3 ; a = b ; c=\"\\\"d\" ;e\r\nabc\r\n0\r\n\r\n", 34},
	{"extension without name", "3;\r\nabc\r\n0\r\n\r\n", -1},
	{"extension of two semicolons", "3;;a\r\nabc\r\n0\r\n\r\n", -1},
	{"extension without value", "3;a=\r\nabc\r\n0\r\n\r\n", -1},
	{"extension with two values", "3;a=b=c\r\nabc\r\n0\r\n\r\n", -1},
	{"extension of two words", "3;a b\r\nabc\r\n0\r\n\r\n", -1},
	{"open quote", "3;a=\"b\r\nabc\r\n0\r\n\r\n", -1},
	{"something behind a quote", "3;a=\"b\"c\r\nabc\r\n0\r\n\r\n", -1},
	{"line end in a quote", "3;a=\"\r\n\"\r\nabc\r\n", -1},
	{"escaped line end in a quote", "3;a=\"\\\r\n\"\r\nabc\r\n", -1},
	{"trailer", "0\r\nA: b\r\nX-Long-Trailer-Field-Name: c\r\n\r\n", 41},
	{"size with space", "3 \r\nabc\r\n0\r\n\r\n", -1},
	{"no size", "\r\nabc\r\n0\r\n\r\n", -1},
	{"no size but extension", ";a\r\n", -1},
	{"prefix", "0x3\r\nabc\r\n", -1},
	{"sign", "+3\r\nabc\r\n", -1},
	{"minus", "-1\r\n", -1},
	{"leading space", " 3\r\nabc\r\n", -1},
	{"overflow", "10000000000000003\r\nabc\r\n", -1},
	{"bare LF after size", "3\nabc\r\n0\r\n\r\n", -1},
	{"CR and something", "3\rxabc\r\n0\r\n\r\n", -1},
	{"bare LF after data", "3\r\nabc\n0\r\n\r\n", -1},
	{"too much data", "3\r\nabcd\r\n0\r\n\r\n", -1},
	{"bare LF in extension", "3;a\nabc\r\n0\r\n\r\n", -1},
	{"NUL in extension", "3;\x00\r\nabc\r\n", -1},
	{"bare CR in extension", "3;a\rb\r\nabc\r\n", -1},
	{"extension without end", "3;" + strings.Repeat("a", 5000), -1},
	{"bare LF at the end", "0\r\n\n", -1},
	{"bare LF in trailer", "0\r\nA: b\n\r\n", -1},
	{"trailer without colon", "0\r\nA\r\n\r\n", -1},
	{"trailer without name", "0\r\n: a\r\n\r\n", -1},
	{"folded trailer", "0\r\nA: b\r\n c\r\n\r\n", -1},
	{"framing in trailer", "0\r\ncontent-LENGTH: 5\r\n\r\n", -1},
	{"connection's own in trailer", "0\r\nKeep-Alive: x\r\n\r\n", -1},
	{"name that begins like framing", "0\r\nTransfer-Encoding-X: x\r\n\r\n", 29},
	{"routing in trailer", "0\r\nHost: x\r\n\r\n", -1},
	{"trailer without end", "0\r\nA: " + strings.Repeat("a", 20000), -1},
}

// TestTrailersOfRequests: what the proxy replaces in the header section must not
// come in behind it. To a client the same names mean nothing.
func TestTrailersOfRequests(t *testing.T) {
	for _, name := range []string{
		"x-forwarded-FOR", "X-Forwarded-Proto", "X-Forwarded-Host", "X_Forwarded_For", "X-Forwarded-Client-Cert",
		"X-Real-IP", "Forwarded", "Idempotency-Key", "Expect",
	} {
		raw := []byte("1\r\na\r\n0\r\nA: b\r\n" + name + ": 1.1.1.1\r\n\r\n")
		var c Chunked
		if _, done, err := c.Scan(raw); done || err == nil || err.Status != 400 {
			t.Errorf("%s in a request: %v", name, err)
		}
		c.Reset(true)
		if n, done, err := c.Scan(raw); !done || err != nil || n != len(raw) {
			t.Errorf("%s in a response: %d %v", name, n, err)
		}
	}
}

func TestChunked(t *testing.T) {
	for _, c := range chunkedCases {
		t.Run(c.name, func(t *testing.T) {
			var s Chunked
			n, done, err := s.Scan([]byte(c.raw))
			if c.n < 0 {
				if err == nil || done {
					t.Fatalf("accepted: %d %v", n, done)
				}
			} else if err != nil || !done || n != c.n {
				t.Fatalf("%d %v %v, want %d", n, done, err, c.n)
			}
			s.Reset(true)
			sum := 0
			for i := range len(c.raw) {
				m, _, err := s.Scan([]byte(c.raw)[i : i+1])
				sum += m
				if err != nil {
					if c.n >= 0 || err.Status != 502 {
						t.Fatalf("byte by byte: %v", err)
					}
					return
				}
			}
			if sum != c.n {
				t.Fatalf("byte by byte: %d, want %d", sum, c.n)
			}
		})
	}
}

func TestChunkedNextYieldsTheData(t *testing.T) {
	p := []byte("3\r\nabc\r\n2;x\r\nde\r\n0\r\nA: b\r\n\r\nrest")
	var s Chunked
	var got []byte
	for !s.Done() {
		n, data, err := s.Next(p)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		got = append(got, data...)
		p = p[n:]
	}
	if string(got) != "abcde" || string(p) != "rest" {
		t.Errorf("%q, rest %q", got, p)
	}
}

func BenchmarkChunkedScan(b *testing.B) {
	body := []byte(strings.Repeat("400\r\n"+strings.Repeat("x", 1024)+"\r\n", 16) + "0\r\n\r\n")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var s Chunked
		if _, done, err := s.Scan(body); !done || err != nil {
			b.Fatal(err)
		}
	}
}
