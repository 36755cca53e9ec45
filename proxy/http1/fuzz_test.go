package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// FuzzRequest checks that the parser neither crashes nor contradicts itself,
// that what it forwards parses again to the same message, and that where
// net/http accepts the same head too, both mean the same.
func FuzzRequest(f *testing.F) {
	for _, c := range requestCases {
		if len(c.raw) < 4096 {
			f.Add([]byte(c.raw), uint16(10))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, cut uint16) {
		var whole, parts Request
		n, err := whole.Parse(raw)
		m, perr := 0, (*Error)(nil)
		if k := int(cut); k < len(raw) {
			m, perr = parts.Parse(raw[:k:k])
		}
		if m == 0 && perr == nil {
			m, perr = parts.Parse(raw)
		}
		if n != m || (err == nil) != (perr == nil) {
			t.Fatalf("whole %d %v, in parts %d %v", n, err, m, perr)
		}
		if n == 0 || err != nil {
			return
		}
		forwardAgain(t, &whole, raw)
		likeNetHTTP(t, &whole, raw, n)
	})
}

func forwardAgain(t *testing.T, r *Request, raw []byte) {
	out := r.Append(nil, raw, &Forward{ClientIP: []byte("10.0.0.1"), Proto: "http", DefaultHost: []byte("d")})
	var again Request
	again.Reset(Limits{Head: 60000})
	n, err := again.Parse(out)
	if err == faultTooMany.request || err == errTargetLong {
		return // our own lines came on top
	}
	if err != nil || n != len(out) {
		t.Fatalf("forwarded head is refused: %v\n%q", err, out)
	}
	k1, l1 := r.Body()
	if k2, l2 := again.Body(); k1 != k2 || l1 != l2 || again.Minor() != 1 {
		t.Fatalf("forwarded body is %v %d, was %v %d", k2, l2, k1, l1)
	}
	if host := r.Host(raw); len(host) > 0 && !bytes.Equal(host, again.Host(out)) {
		t.Fatalf("host %q became %q", host, again.Host(out))
	}
}

func likeNetHTTP(t *testing.T, r *Request, raw []byte, n int) {
	std, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return
	}
	if std.Method != string(r.MethodBytes(raw)) {
		t.Fatalf("method %q, net/http reads %q", r.MethodBytes(raw), std.Method)
	}
	if std.Host != string(r.Host(raw)) {
		t.Fatalf("host %q, net/http reads %q", r.Host(raw), std.Host)
	}
	kind, length := r.Body()
	switch {
	case kind == ChunkedBody && (len(std.TransferEncoding) != 1 || std.ContentLength != -1),
		kind == Length && std.ContentLength != length,
		kind == NoBody && (std.ContentLength != 0 || len(std.TransferEncoding) != 0):
		t.Fatalf("body %v %d, net/http reads %v %d", kind, length, std.TransferEncoding, std.ContentLength)
	}
	likeItsFields(t, r, raw, std)
	if kind == ChunkedBody {
		var c Chunked
		_, done, cerr := c.Scan(raw[n:])
		if _, err := io.Copy(io.Discard, std.Body); done && cerr == nil && err != nil && !strings.Contains(err.Error(), "chunk extension") && !strings.Contains(err.Error(), "trailer") && !strings.Contains(err.Error(), "too much overhead") {
			t.Fatalf("chunked body accepted, net/http says %v", err)
		}
	}
}

// likeItsFields compares the fields that net/http does not take out for itself.
func likeItsFields(t *testing.T, r *Request, raw []byte, std *http.Request) {
	ours := http.Header{}
	for i := range r.fields[:r.count] {
		f := &r.fields[i]
		switch f.id {
		case nameHost, nameTransferEncoding, nameContentLength, nameTrailer, nameConnection:
			continue
		}
		ours.Add(string(raw[f.start:f.nameEnd]), string(f.value.of(raw)))
	}
	for name, values := range ours {
		if got := std.Header[name]; !slices.Equal(got, values) {
			t.Fatalf("field %q is %q, net/http reads %q", name, values, got)
		}
	}
}

// FuzzResponse checks the same for responses, without a counterpart.
func FuzzResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: x\r\nX: y\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 204\r\nTransfer-Encoding: chunked\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r Response
		n, err := r.Parse(raw)
		if n == 0 || err != nil {
			return
		}
		kind, length := r.Body(GET)
		if kind == UntilClose && r.length >= 0 {
			t.Fatal("length ignored")
		}
		out := r.Append(nil, raw, &Reply{Method: GET, Minor: 1, Chunk: kind == UntilClose})
		var again Response
		again.Reset(Limits{Head: 60000})
		if m, err := again.Parse(out); err != nil && err != faultTooMany.response || err == nil && m != len(out) {
			t.Fatalf("forwarded head is refused: %d %v\n%q", m, err, out)
		} else if err != nil {
			return
		}
		if k, l := again.Body(GET); kind == UntilClose && k != ChunkedBody || kind != UntilClose && (k != kind || l != length) {
			t.Fatalf("body %v %d became %v %d", kind, length, k, l)
		}
	})
}

// FuzzChunked checks that pieces make no difference, and that data and framing
// add up.
func FuzzChunked(f *testing.F) {
	for _, c := range chunkedCases {
		f.Add([]byte(c.raw), uint8(3))
	}
	f.Fuzz(func(t *testing.T, raw []byte, step uint8) {
		var whole, parts Chunked
		n, done, err := whole.Scan(raw)
		sum := 0
		var perr *Error
		for sum < len(raw) && !parts.Done() && perr == nil {
			end := min(sum+int(step)+1, len(raw))
			m, _, e := parts.Next(raw[sum:end])
			if m == 0 && e == nil {
				t.Fatal("no progress")
			}
			sum, perr = sum+m, e
		}
		if sum != n || parts.Done() != done || (perr == nil) != (err == nil) {
			t.Fatalf("whole %d %v %v, in parts %d %v %v", n, done, err, sum, parts.Done(), perr)
		}
	})
}
