package counter

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
)

// headOf parses what is a whole head, or says what it is not.
func headOf(text string) (request, error) {
	end, _, err := headEnd([]byte(text), 0)
	if err != nil {
		return request{}, err
	}
	if end != len(text) {
		return request{}, errors.New("not one whole head")
	}
	return parseHead([]byte(text))
}

func TestHeadsThatAreUnderstood(t *testing.T) {
	for _, tc := range []struct {
		head string
		want request
	}{
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", request{method: "GET", path: "/"}},
		{"GET /?q=/healthz HTTP/1.1\r\nHost: x\r\n\r\n", request{method: "GET", path: "/"}},
		{"HEAD /healthz?a HTTP/1.1\r\nhost:x\r\n\r\n", request{method: "HEAD", path: "/healthz"}},
		{"GET /healthzz HTTP/1.1\r\nHost: x\r\n\r\n", request{method: "GET"}},
		{"GET // HTTP/1.1\r\nHost: x\r\n\r\n", request{method: "GET"}},
		{"get / HTTP/1.1\r\nHost: x\r\n\r\n", request{path: "/"}},
		{"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", request{}},
		{"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", request{}},
		{"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", request{method: "GET", path: "/"}},
		{"GET HTTP://x?q HTTP/1.1\r\nHost: x\r\n\r\n", request{method: "GET", path: "/"}},
		{"GET https://x:1/healthz HTTP/1.1\r\nHost: x\r\n\r\n", request{method: "GET", path: "/healthz"}},
		{"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", request{method: "GET"}},
		{"GET / HTTP/1.9\r\nHost: x\r\n\r\n", request{method: "GET", path: "/"}},
		{"GET / HTTP/1.0\r\n\r\n", request{method: "GET", path: "/", close: true}},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", request{method: "GET", path: "/", announce: true}},
		{"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", request{method: "GET", path: "/", close: true}},
		{"GET / HTTP/1.1\r\nHost: x\r\nConnection: a ,\tCLOSE\r\n\r\n", request{method: "GET", path: "/", close: true}},
		{"GET / HTTP/1.1\r\nHost: x\r\nConnection: closed\r\n\r\n", request{method: "GET", path: "/"}},
		{"GET / HTTP/1.1\r\nHost:\r\nContent-Length: 000\r\n\r\n", request{method: "GET", path: "/"}},
		{"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", request{method: "GET", path: "/", body: true}},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", request{path: "/", body: true}},
		{"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", request{method: "GET", path: "/", body: true}},
		{"GET / HTTP/1.1\r\nHost: x\r\nIDEMPOTENCY-KEY: \t a b \t\r\n\r\n", request{method: "GET", path: "/", keys: 1, key: []byte("a b")}},
		{"GET / HTTP/1.1\r\nHost: x\r\nX: \xff\t\"\r\nEmpty:\r\n\r\n", request{method: "GET", path: "/"}},
	} {
		got, err := headOf(tc.head)
		same := bytes.Equal(got.key, tc.want.key)
		got.key, tc.want.key = nil, nil
		if err != nil || !same || !equal(got, tc.want) {
			t.Errorf("%q: %+v, %v, want %+v", tc.head, got, err, tc.want)
		}
	}
}

func equal(a, b request) bool {
	return a.method == b.method && a.path == b.path && a.close == b.close && a.announce == b.announce &&
		a.body == b.body && a.keys == b.keys
}

func TestHeadsThatAreRefused(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: x\r\n"
	for _, tc := range []struct {
		head string
		want error
	}{
		{"GET /\r\n\r\n", errLine},
		{"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", errLine},
		{"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", errLine},
		{" GET / HTTP/1.1\r\nHost: x\r\n\r\n", errLine},
		{"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", errLine},
		{"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", errLine},
		{"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", errLine},
		{"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", errLine},
		{"GET /\r HTTP/1.1\r\nHost: x\r\n\r\n", errLine},
		{"GET / HTTP/11\r\nHost: x\r\n\r\n", errLine},
		{"GET / http/1.1\r\nHost: x\r\n\r\n", errLine},
		{"GET / HTTP/1.10\r\nHost: x\r\n\r\n", errLine},
		{"PRI * HTTP/2.0\r\n\r\n", errVersion},
		{"GET / HTTP/0.9\r\n\r\n", errVersion},
		{"GET / HTTP/1.1\r\n\r\n", errHost},
		{get + "Host: x\r\n\r\n", errHost},
		{"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n", errHost},
		{"GET / HTTP/1.1\r\nHost: x, y\r\n\r\n", errHost},
		{"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", errHost},
		{get + "A: b\n\r\n", errLineEnd},
		{"GET / HTTP/1.1\nHost: x\n\n", errLineEnd},
		{"\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", errLineEnd},
		{get + "A: b\r\n c\r\n\r\n", errField},
		{get + "A : b\r\n\r\n", errField},
		{get + ": b\r\n\r\n", errField},
		{get + "A\r\n\r\n", errField},
		{get + "A: b\rc\r\n\r\n", errField},
		{get + "A: \x00\r\n\r\n", errField},
		{get + "A: \x7f\r\n\r\n", errField},
		{get + "Content-Length: +1\r\n\r\n", errFraming},
		{get + "Content-Length: \r\n\r\n", errFraming},
		{get + "Content-Length: 1, 1\r\n\r\n", errFraming},
		{get + "Content-Length: 0x1\r\n\r\n", errFraming},
		{get + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", errFraming},
		{get + "Content-Length: 18446744073709551616\r\n\r\n", errFraming},
		{get + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", errFraming},
		{get + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", errFraming},
		{"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", errFraming},
	} {
		if got, err := headOf(tc.head); !errors.Is(err, tc.want) {
			t.Errorf("%q: %+v, error %v, want %v", tc.head, got, err, tc.want)
		}
	}
}

// A head is found in the same place however its bytes come.
func TestHeadEndGoesOn(t *testing.T) {
	text := []byte("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\nGET")
	want := len(text) - 3
	from := 0
	for n := range len(text) {
		end, next, err := headEnd(text[:n], from)
		if err != nil || next < from && end == 0 || end != 0 && end != want || (n >= want) != (end == want) {
			t.Fatalf("%d bytes: end %d, next %d, %v", n, end, next, err)
		}
		if end != 0 {
			break
		}
		from = next
	}
}

// FuzzHead compares with Go's own server: what is understood here means the same
// there, and so to no other reader a different request.
func FuzzHead(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /?a=b HTTP/1.0\r\nConnection: keep-alive\r\nIdempotency-Key: k\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HEAD http://x/healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
		"\r\nGET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
		"GET / HTTP/1.1\nHost: x\n\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		end, next, err := headEnd(data, 0)
		if end < 0 || end > len(data) || next < 0 || next > len(data) {
			t.Fatalf("end %d, next %d of %d", end, next, len(data))
		}
		if err != nil || end <= 2 {
			return
		}
		r, err := parseHead(data[:end])
		if err != nil {
			var known *headError
			if !errors.As(err, &known) || known.status < 400 {
				t.Fatalf("error %v", err)
			}
			return
		}
		theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(data[:end])))
		if err != nil {
			if r.path != "" && r.method != "" && !r.body && !pickier(err) {
				t.Fatalf("%q is answered, net/http refuses it: %v", data[:end], err)
			}
			return
		}
		keys := theirs.Header["Idempotency-Key"]
		switch {
		case r.method != "" && r.method != theirs.Method,
			r.path != "" && r.path != theirs.URL.Path && (r.path != "/" || theirs.URL.Path != ""),
			r.body != (theirs.ContentLength != 0 || len(theirs.TransferEncoding) > 0) && r.method == "GET",
			r.keys != len(keys),
			r.keys > 0 && strings.Trim(keys[len(keys)-1], " \t") != string(r.key):
			t.Fatalf("%q: %+v, net/http: %+v", data[:end], r, theirs)
		}
	})
}

// pickier tells errors of net/http about what the counter does not look at: the
// query and the authority of a target.
func pickier(err error) bool {
	return strings.Contains(err.Error(), "parse ") || strings.Contains(err.Error(), "malformed Host header")
}

func BenchmarkHead(b *testing.B) {
	head := []byte("GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n" +
		"Idempotency-Key: 4f2a9c0d1e8b7a6500000000000001c8\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		end, _, err := headEnd(head, 0)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := parseHead(head[:end]); err != nil {
			b.Fatal(err)
		}
	}
}
