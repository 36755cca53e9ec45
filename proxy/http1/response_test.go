package http1

import (
	"strings"
	"testing"
)

func TestResponseCases(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		ok        bool
	}{
		{"plain", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true},
		{"no reason", "HTTP/1.1 200 \r\n\r\n", true},
		{"no space after the code", "HTTP/1.1 200\r\n\r\n", true},
		{"1.0", "HTTP/1.0 200 OK\r\n\r\n", true},
		{"odd code", "HTTP/1.1 999 x\r\n\r\n", true},
		{"obs-text in reason", "HTTP/1.1 200 \xe4\r\n\r\n", true},
		{"garbage", "hello", false},
		{"garbage line", "SSH-2.0-x\r\n", false},
		{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", false},
		{"two digits", "HTTP/1.1 20 OK\r\n\r\n", false},
		{"four digits", "HTTP/1.1 2000 OK\r\n\r\n", false},
		{"code of zeros", "HTTP/1.1 000 OK\r\n\r\n", false},
		{"two spaces", "HTTP/1.1  200 OK\r\n\r\n", false},
		{"bare LF", "HTTP/1.1 200 OK\nA: b\r\n\r\n", false},
		{"NUL in reason", "HTTP/1.1 200 O\x00K\r\n\r\n", false},
		{"NUL in value", "HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n", false},
		{"obs-fold", "HTTP/1.1 200 OK\r\nA: a\r\n b\r\n\r\n", false},
		{"space before colon", "HTTP/1.1 200 OK\r\nA \t: a\r\n\r\n", true},
		{"length with space before colon", "HTTP/1.1 200 OK\r\nContent-Length : 3\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{"space in name", "HTTP/1.1 200 OK\r\nA b: a\r\n\r\n", false},
		{"white space and no colon", "HTTP/1.1 200 OK\r\nA \r\n\r\n", false},
		{"nothing but white space before colon", "HTTP/1.1 200 OK\r\n : a\r\n\r\n", false},
		{"field that looks like framing", "HTTP/1.1 200 OK\r\nContent_Length: 3\r\n\r\n", true},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", false},
		{"bad length", "HTTP/1.1 200 OK\r\nContent-Length: 3x\r\n\r\n", false},
		{"CL and TE", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{"TE in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{"TE gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false},
		{"TE gzip, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", false},
		{"too large", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 33<<10), false},
		{"too many lines", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 201) + "\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Response
			n, err := r.Parse([]byte(c.raw))
			if (err == nil) != c.ok || (c.ok && n != len(c.raw)) {
				t.Errorf("%d, %v", n, err)
			}
			if err != nil && err.Status != 502 {
				t.Errorf("status %d", err.Status)
			}
			r.Reset(Limits{})
			var pieces *Error
			for i := 1; i <= len(c.raw) && pieces == nil; i++ {
				_, pieces = r.Parse([]byte(c.raw)[:i])
			}
			if (pieces == nil) != c.ok {
				t.Errorf("byte by byte: %v", pieces)
			}
		})
	}
}

func TestResponseBody(t *testing.T) {
	for _, c := range []struct {
		head   string
		method Method
		kind   BodyKind
		n      int64
	}{
		{"200 OK\r\nContent-Length: 3", GET, Length, 3},
		{"200 OK\r\nContent-Length: 0", GET, NoBody, 0},
		{"200 OK\r\nContent-Length: 3", HEAD, NoBody, 0},
		{"204 x\r\nA: b", GET, NoBody, 0},
		{"304 x\r\nContent-Length: 3", GET, NoBody, 0},
		{"103 x\r\nA: b", GET, NoBody, 0},
		{"200 OK\r\nTransfer-Encoding: chunked", POST, ChunkedBody, 0},
		{"200 OK\r\nTransfer-Encoding: chunked", HEAD, NoBody, 0},
		{"200 OK\r\nA: b", GET, UntilClose, 0},
	} {
		var r Response
		if _, err := r.Parse([]byte("HTTP/1.1 " + c.head + "\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if kind, n := r.Body(c.method); kind != c.kind || n != c.n {
			t.Errorf("%s to %v: %v %d", c.head, c.method, kind, n)
		}
	}
}

func TestResponseKeepAlive(t *testing.T) {
	for raw, want := range map[string]bool{
		"HTTP/1.1 200 OK\r\n\r\n":                           true,
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n":      false,
		"HTTP/1.0 200 OK\r\n\r\n":                           false,
		"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n": true,
	} {
		var r Response
		if _, err := r.Parse([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		if r.KeepAlive() != want {
			t.Errorf("%q: %v", raw, r.KeepAlive())
		}
	}
}
