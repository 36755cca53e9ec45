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
	likeItsFields(t, &r.head, raw, std.Header)
	if kind == ChunkedBody {
		likeItsChunks(t, false, raw[n:], std.Body)
	}
}

// likeItsChunks compares the data of a chunked body that both read to its end.
func likeItsChunks(t *testing.T, response bool, raw []byte, std io.Reader) {
	var c Chunked
	c.Reset(response)
	var data []byte
	for !c.Done() {
		n, part, err := c.Next(raw)
		if err != nil || n == 0 {
			return
		}
		data, raw = append(data, part...), raw[n:]
	}
	theirs, err := io.ReadAll(std)
	switch {
	case err == nil && !bytes.Equal(data, theirs):
		t.Fatalf("chunked body %q, net/http reads %q", data, theirs)
	case err == nil:
	case !strings.Contains(err.Error(), "chunk extension") && !strings.Contains(err.Error(), "trailer") && !strings.Contains(err.Error(), "too much overhead"):
		t.Fatalf("chunked body accepted, net/http says %v", err)
	}
}

// likeItsFields compares the fields that net/http does not take out for itself.
func likeItsFields(t *testing.T, h *head, raw []byte, std http.Header) {
	ours := http.Header{}
	for i := range h.fields[:h.count] {
		f := &h.fields[i]
		switch f.id {
		case nameHost, nameTransferEncoding, nameContentLength, nameTrailer, nameConnection:
			continue
		}
		if f.spaced { // a fault that net/http lets pass as it is
			continue
		}
		ours.Add(string(raw[f.start:f.nameEnd]), string(f.value.of(raw)))
	}
	for name, values := range ours {
		if got := std[name]; !slices.Equal(got, values) {
			t.Fatalf("field %q is %q, net/http reads %q", name, values, got)
		}
	}
}

// responseLikeNetHTTP compares a response that both accept: a client must find
// the end of the body where the proxy does.
func responseLikeNetHTTP(t *testing.T, r *Response, raw []byte, n int) {
	std, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), &http.Request{Method: "GET"})
	if err != nil {
		return
	}
	if std.StatusCode != r.Status {
		t.Fatalf("status %d, net/http reads %d", r.Status, std.StatusCode)
	}
	kind, length := r.Body(GET)
	chunked := len(std.TransferEncoding) == 1
	switch {
	case kind == ChunkedBody && (!chunked || std.ContentLength != -1),
		kind == Length && std.ContentLength != length,
		kind == NoBody && (std.ContentLength != 0 || chunked) && r.Status >= 200 && r.Status != 204 && r.Status != 304,
		kind == UntilClose && (std.ContentLength != -1 || chunked):
		t.Fatalf("body %v %d, net/http reads %v %d", kind, length, std.TransferEncoding, std.ContentLength)
	}
	likeItsFields(t, &r.head, raw, std.Header)
	if kind == ChunkedBody {
		likeItsChunks(t, true, raw[n:], std.Body)
	}
}

// FuzzResponse checks the same for responses.
func FuzzResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: x\r\nX: y\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n"))
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
		responseLikeNetHTTP(t, &r, raw, n)
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
