package conformance

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"pingd/proxy/http1"
)

// recorder is a server that keeps what it receives byte for byte, a connection at
// a time, and answers each whole request with what its test says.
type recorder struct {
	mu     sync.Mutex
	conns  []*bytes.Buffer
	answer string
}

func (r *recorder) serve(c net.Conn, in *bufio.Reader, _ int) {
	r.mu.Lock()
	got := new(bytes.Buffer)
	r.conns = append(r.conns, got)
	answer := r.answer
	r.mu.Unlock()
	var pending []byte
	buf := make([]byte, 4096)
	for {
		n, err := in.Read(buf)
		r.mu.Lock()
		got.Write(buf[:n])
		r.mu.Unlock()
		pending = append(pending, buf[:n]...)
		for {
			size := wholeRequest(pending)
			if size == 0 {
				break
			}
			pending = pending[size:]
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wholeRequest returns the size of the first request in p, 0 if it is not whole.
func wholeRequest(p []byte) int {
	var req http1.Request
	n, err := req.Parse(p)
	if n == 0 || err != nil {
		return 0
	}
	switch kind, length := req.Body(); kind {
	case http1.Length:
		if len(p) < n+int(length) {
			return 0
		}
		return n + int(length)
	case http1.ChunkedBody:
		var c http1.Chunked
		m, done, err := c.Scan(p[n:])
		if !done || err != nil {
			return 0
		}
		return n + m
	}
	return n
}

// all returns what arrived on all connections since the last call.
func (r *recorder) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s strings.Builder
	for _, c := range r.conns {
		s.Write(c.Bytes())
		c.Reset()
	}
	return s.String()
}

// added stands for the fields that the proxy adds to a request for host h.
const added = "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\nVia: 1.1 pingd\r\n\r\n"

// exchanges are requests, what of them reaches a server, and what the client is
// told. A server that is not reached has nothing in its column.
var exchanges = []struct {
	name, request, server, status string
	keeps                         bool // the client's connection goes on
}{
	// RFC 9112 section 2.2: leading empty lines.
	{"leading CRLF", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n" + added, "200", true},
	{"leading LF", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "", "400", false},
	// Section 2.3, RFC 9110 section 2.5: versions.
	{"1.0", "GET / HTTP/1.0\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n" + strings.Replace(added, "Via: 1.1", "Via: 1.0", 1), "200", false},
	{"1.0, keep-alive", "GET / HTTP/1.0\r\nHost: h\r\nConnection: Keep-Alive\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n" + strings.Replace(added, "Via: 1.1", "Via: 1.0", 1), "200", true},
	{"1.7", "GET / HTTP/1.7\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n" + added, "200", true},
	{"0.9", "GET /\r\n", "", "400", false},
	{"2.0", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "", "505", false},
	{"12.1", "GET / HTTP/12.1\r\nHost: h\r\n\r\n", "", "400", false},
	{"lower case", "GET / http/1.1\r\nHost: h\r\n\r\n", "", "400", false},
	// Section 3: the request line.
	{"two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "", "400", false},
	{"tab", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", "", "400", false},
	{"trailing space", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", "", "400", false},
	{"vertical tab", "GET\x0b/ HTTP/1.1\r\nHost: h\r\n\r\n", "", "400", false},
	{"method of other case", "get / HTTP/1.1\r\nHost: h\r\n\r\n", "get / HTTP/1.1\r\nHost: h\r\n" + added, "200", true},
	{"unknown method", "M-SEARCH / HTTP/1.1\r\nHost: h\r\n\r\n", "M-SEARCH / HTTP/1.1\r\nHost: h\r\n" + added, "200", true},
	{"odd method", "G@T / HTTP/1.1\r\nHost: h\r\n\r\n", "", "400", false},
	{"long target", "GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\r\nHost: h\r\n\r\n", "GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\r\nHost: h\r\n" + added, "200", true},
	{"longer target", "GET /" + strings.Repeat("a", 17<<10) + " HTTP/1.1\r\nHost: h\r\n\r\n", "", "414", false},
	// Section 3.2: forms of the target.
	{"path and query", "GET /a/../%2e/;p?x=1;y&z=%zz HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a/../%2e/;p?x=1;y&z=%zz HTTP/1.1\r\nHost: h\r\n" + added, "200", true},
	{"absolute form", "GET http://h/x?y HTTP/1.1\r\nHost: evil\r\n\r\n", "GET /x?y HTTP/1.1\r\nHost: h\r\n" + added, "200", true},
	{"absolute form, no path", "GET http://h HTTP/1.1\r\nHost: evil\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n" + added, "200", true},
	{"absolute form of OPTIONS", "OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: h\r\n" + added, "200", true},
	{"absolute form, 1.0, no Host", "GET http://h/ HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n" + strings.Replace(added, "Via: 1.1", "Via: 1.0", 1), "200", false},
	{"absolute form, no Host", "GET http://h/ HTTP/1.1\r\n\r\n", "", "400", false},
	{"user information", "GET http://u:p@h/ HTTP/1.1\r\nHost: h\r\n\r\n", "", "400", false},
	{"other scheme", "GET gopher://h/ HTTP/1.1\r\nHost: h\r\n\r\n", "", "400", false},
	{"authority form", "GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n", "", "400", false},
	{"CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", "", "405", false},
	{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: h\r\n" + added, "200", true},
	{"asterisk of GET", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", "", "400", false},
	{"fragment", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", "", "400", false},
	{"relative path", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", "", "400", false},
	{"raw bytes", "GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n", "", "400", false},
	{"control character", "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", "", "400", false},
	// Section 3.2, RFC 9110 section 7.2: Host.
	{"no Host", "GET / HTTP/1.1\r\n\r\n", "", "400", false},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", "", "400", false},
	{"Host of two", "GET / HTTP/1.1\r\nHost: h, i\r\n\r\n", "", "400", false},
	{"empty Host", "GET / HTTP/1.1\r\nHost: \r\n\r\n", "", "400", false},
	{"Host with path", "GET / HTTP/1.1\r\nHost: h/\r\n\r\n", "", "400", false},
	{"Host with user", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", "", "400", false},
	{"Host with bad port", "GET / HTTP/1.1\r\nHost: h:99999\r\n\r\n", "", "400", false},
	// Section 5: field lines.
	{"order, case and white space", "GET / HTTP/1.1\r\nb: 1\r\nhOsT:h\r\nA:  2 \t\r\nB:\r\nb: 3\r\n\r\n", "GET / HTTP/1.1\r\nb: 1\r\nhOsT:h\r\nA:  2 \t\r\nB:\r\nb: 3\r\n" + added, "200", true},
	{"space before colon", "GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", "", "400", false},
	{"obs-fold", "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", "", "400", false},
	{"obs-fold at first", "GET / HTTP/1.1\r\n A: b\r\nHost: h\r\n\r\n", "", "400", false},
	{"bare LF", "GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n", "", "400", false},
	{"bare CR", "GET / HTTP/1.1\r\nHost: h\rA: b\r\n\r\n", "", "400", false},
	{"NUL", "GET / HTTP/1.1\r\nHost: h\r\nA: \x00\r\n\r\n", "", "400", false},
	{"empty name", "GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n", "", "400", false},
	{"no colon", "GET / HTTP/1.1\r\nHost: h\r\nA\r\n\r\n", "", "400", false},
	{"odd name", "GET / HTTP/1.1\r\nHost: h\r\nA[1]: b\r\n\r\n", "", "400", false},
	{"large field", "GET / HTTP/1.1\r\nHost: h\r\nA: " + strings.Repeat("a", 33<<10) + "\r\n\r\n", "", "431", false},
	{"many fields", "GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("A: b\r\n", 200) + "\r\n", "", "431", false},
	// Section 6: bodies.
	{"length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n" + added + "abc", "200", true},
	{"length of GET", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n" + added + "abc", "200", true},
	{"length with zeros", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 003\r\n\r\nabc", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 003\r\n" + added + "abc", "200", true},
	{"no body", "POST / HTTP/1.1\r\nHost: h\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\n" + added, "200", true},
	{"chunked", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n0\r\nT: v\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n" + added + "3;x=\"y\"\r\nabc\r\n0\r\nT: v\r\n\r\n", "200", true},
	{"CL.TE", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", "", "400", false},
	{"TE.CL", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n8\r\nSMUGGLED\r\n0\r\n\r\n", "", "400", false},
	{"TE.TE", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n", "", "400", false},
	{"TE in 1.0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", "400", false},
	{"TE twice in a list", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "", "400", false},
	{"TE identity", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", "", "400", false},
	{"TE unknown", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "", "501", false},
	{"TE with vertical tab", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", "", "400", false},
	{"TE with space before colon", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "", "400", false},
	{"TE with underscore", "POST / HTTP/1.1\r\nHost: h\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "", "400", false},
	{"two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "", "400", false},
	{"two equal lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "", "400", false},
	{"length list", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc", "", "400", false},
	{"length with sign", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", "", "400", false},
	{"length overflow", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\nabc", "", "400", false},
	{"length not a number", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: abc\r\n\r\nabc", "", "400", false},
	// Section 7.1: chunks. The head has gone to a server when a later part is bad;
	// these come in one piece.
	{"chunk size with prefix", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", "", "400", false},
	{"chunk size with space", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n", "", "400", false},
	{"chunk size overflow", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n", "", "400", false},
	{"chunk ends in LF", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", "", "400", false},
	{"chunk longer than its size", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", "", "400", false},
	{"extension with LF", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;\nabc\r\n0\r\n\r\n", "", "400", false},
	{"trailer with framing", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n", "", "400", false},
	{"trailer with address", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n", "", "400", false},
	// RFC 9110 section 7.6: what belongs to one hop, and who forwarded.
	{"hop-by-hop", "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: 1\r\nX-Hop: 1\r\nProxy-Connection: x\r\nTE: trailers\r\nA: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n" + added, "200", true},
	{"nominated, but needed", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Host, X-Forwarded-For, close\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n" + added, "200", false},
	{"Upgrade without Connection", "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n" + added, "200", true},
	{"h2c", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n" + added, "200", true},
	{"spoofed addresses", "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX_Forwarded_For: 6\r\nX-Forwarded-Port: 6\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n" + added, "200", true},
	{"Via", "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.0 fred\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.0 fred\r\n" + added, "200", true},
	{"Max-Forwards", "OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 7\r\n\r\n", "OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 6\r\n" + added, "200", true},
	{"Max-Forwards used up", "OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n", "", "200", true},
	{"Max-Forwards of TRACE used up", "TRACE / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n", "", "501", true},
	{"Max-Forwards of GET", "GET / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n" + added, "200", true},
	// RFC 9110 section 10.1.1: Expect goes end to end, but not from 1.0.
	{"Expect", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n" + added + "abc", "200", true},
	{"Expect of 1.0", "POST / HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n" + strings.Replace(added, "Via: 1.1", "Via: 1.0", 1) + "abc", "200", false},
	// Fields that are not ours go through untouched.
	{"end to end", "GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: br\r\nUser-Agent:\r\nCookie: a=b; c\r\nCookie: d\r\nAuthorization: x\r\nRange: bytes=0-1\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: br\r\nUser-Agent:\r\nCookie: a=b; c\r\nCookie: d\r\nAuthorization: x\r\nRange: bytes=0-1\r\n" + added, "200", true},
	{"obs-text", "GET / HTTP/1.1\r\nHost: h\r\nA: \xff\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nA: \xff\r\n" + added, "200", true},
	// Something behind a refused request is not a request.
	{"refused, and a request behind", "GET / HTTP/9.9\r\nHost: h\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", "", "505", false},
}

func TestBothSidesOfARequest(t *testing.T) { both(t, testBothSidesOfARequest) }

func testBothSidesOfARequest(t *testing.T, k engine) {
	r := &recorder{answer: hello}
	e := k.start(t, nil, backend(t, r.serve))
	e.allUp(1)
	for _, c := range exchanges {
		t.Run(c.name, func(t *testing.T) {
			p := e.dial()
			p.t = t
			p.send(c.request)
			head := p.head()
			if status(head) != c.status {
				t.Fatalf("told %q, want %s", head, c.status)
			}
			if got, want := r.all(), e.forwarded(c.server); got != want {
				t.Errorf("the server got %q\nwant           %q", got, want)
			}
			if closing := strings.Contains(head, "Connection: close\r\n"); closing == c.keeps {
				t.Errorf("Connection: close announced: %v in %q", closing, head)
			}
			if !strings.Contains(head, "\r\nDate: ") {
				t.Errorf("no Date in %q", head)
			}
			if c.keeps {
				p.body(int(contentLength(head)))
				_ = p.CloseWrite()
				p.closed()
				return
			}
			if rest, err := p.rest(); err != nil || strings.Contains(rest, "HTTP/1.1 ") {
				t.Errorf("after the answer: %q, %v", rest, err)
			}
		})
	}
}

// TestSplitRequests sends each of the table in two pieces, cut anywhere: the
// network's pieces must not change what is made of a request. Of a body that is
// found bad later, the server has seen a part, and its connection ends.
func TestSplitRequests(t *testing.T) { both(t, testSplitRequests) }

func testSplitRequests(t *testing.T, k engine) {
	r := &recorder{answer: hello}
	e := k.start(t, nil, backend(t, r.serve))
	e.allUp(1)
	for i, c := range exchanges {
		if len(c.request) > 2000 {
			continue
		}
		cut := 1 + (i*37)%(len(c.request)-1)
		p := e.dial()
		if _, err := io.WriteString(p, c.request[:cut]); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Millisecond) // so that the pieces probably arrive apart
		_, _ = io.WriteString(p, c.request[cut:])
		if head := p.head(); status(head) != c.status {
			t.Errorf("%s, cut at %d: told %q, want %s", c.name, cut, head, c.status)
		}
		_ = p.Close()
		if got := r.all(); c.server == "" && strings.Count(got, " HTTP/1.1\r\n") > 1 {
			t.Errorf("%s, cut at %d: the server got %q", c.name, cut, got)
		}
	}
}
