package conformance

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

const ok = "HTTP/1.1 200 OK\r\nDate: d\r\n"

// answers are what a server sends to one request and what the client gets of it,
// byte for byte. "502" stands for the proxy's own answer. The server closes after
// its answer, or resets the connection if that is said.
var answers = []struct {
	name, method, version, server, client string
	keeps                                 bool // the client's connection goes on
	reset                                 bool // the server's connection ends with a reset
}{
	// RFC 9112 section 4: the status line.
	{"plain", "GET", "1.1", ok + "Content-Length: 2\r\n\r\nhi", ok + "Content-Length: 2\r\n\r\nhi", true, false},
	{"no reason", "GET", "1.1", "HTTP/1.1 200 \r\nDate: d\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 \r\nDate: d\r\nContent-Length: 0\r\n\r\n", true, false},
	{"no space after the code", "GET", "1.1", "HTTP/1.1 200\r\nDate: d\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 \r\nDate: d\r\nContent-Length: 0\r\n\r\n", true, false},
	{"odd reason", "GET", "1.1", "HTTP/1.1 404 Gone fishing \xe4\r\nDate: d\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 404 Gone fishing \xe4\r\nDate: d\r\nContent-Length: 0\r\n\r\n", true, false},
	{"odd code", "GET", "1.1", "HTTP/1.1 799 x\r\nDate: d\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 799 x\r\nDate: d\r\nContent-Length: 0\r\n\r\n", true, false},
	{"1.0", "GET", "1.1", "HTTP/1.0 200 OK\r\nDate: d\r\nContent-Length: 2\r\n\r\nhi", ok + "Content-Length: 2\r\n\r\nhi", true, false},
	{"0.9", "GET", "1.1", "hello", "502", true, false},
	{"2.0", "GET", "1.1", "HTTP/2.0 200 OK\r\n\r\n", "502", true, false},
	{"two digits", "GET", "1.1", "HTTP/1.1 20 OK\r\n\r\n", "502", true, false},
	{"four digits", "GET", "1.1", "HTTP/1.1 2000 OK\r\n\r\n", "502", true, false},
	{"nothing", "POST", "1.1", "", "502", true, false},
	{"half a head", "GET", "1.1", ok + "A: b\r\n", "502", true, false},
	// Section 5: field lines.
	{"order, case, repeats", "GET", "1.1", ok + "set-cookie: a=b\r\nZ:1\r\nSet-Cookie:  c=d \r\nContent-Length: 0\r\n\r\n", ok + "set-cookie: a=b\r\nZ:1\r\nSet-Cookie:  c=d \r\nContent-Length: 0\r\n\r\n", true, false},
	{"space before colon", "GET", "1.1", ok + "A \t: b\r\nContent-Length: 0\r\n\r\n", ok + "A: b\r\nContent-Length: 0\r\n\r\n", true, false},
	{"obs-fold", "GET", "1.1", ok + "A: b\r\n c\r\nContent-Length: 0\r\n\r\n", "502", true, false},
	{"bare LF", "GET", "1.1", ok + "A: b\nContent-Length: 0\r\n\r\n", "502", true, false},
	{"bare CR", "GET", "1.1", ok + "A: b\rc\r\nContent-Length: 0\r\n\r\n", "502", true, false},
	{"NUL", "GET", "1.1", ok + "A: \x00\r\nContent-Length: 0\r\n\r\n", "502", true, false},
	{"no colon", "GET", "1.1", ok + "A\r\nContent-Length: 0\r\n\r\n", "502", true, false},
	{"space in name", "GET", "1.1", ok + "A b: c\r\nContent-Length: 0\r\n\r\n", "502", true, false},
	{"large head", "GET", "1.1", ok + "A: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", "502", true, false},
	{"many fields", "GET", "1.1", ok + strings.Repeat("A: b\r\n", 201) + "\r\n", "502", true, false},
	// Section 6: bodies.
	{"surplus", "GET", "1.1", ok + "Content-Length: 2\r\n\r\nhi, there", ok + "Content-Length: 2\r\n\r\nhi", true, false},
	{"another response behind", "GET", "1.1", ok + "Content-Length: 2\r\n\r\nhi" + ok + "Content-Length: 3\r\n\r\nbad", ok + "Content-Length: 2\r\n\r\nhi", true, false},
	{"cut", "GET", "1.1", ok + "Content-Length: 9\r\n\r\nhi", ok + "Content-Length: 9\r\n\r\nhi", false, false},
	{"reset", "GET", "1.1", ok + "Content-Length: 9\r\n\r\nhi", ok + "Content-Length: 9\r\n\r\nhi", false, true},
	{"two lengths", "GET", "1.1", ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!", "502", true, false},
	{"two equal lengths", "GET", "1.1", ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", "502", true, false},
	{"length list", "GET", "1.1", ok + "Content-Length: 2, 2\r\n\r\nhi", "502", true, false},
	{"bad length", "GET", "1.1", ok + "Content-Length: 2x\r\n\r\nhi", "502", true, false},
	{"negative length", "GET", "1.1", ok + "Content-Length: -2\r\n\r\nhi", "502", true, false},
	{"CL and TE", "GET", "1.1", ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "502", true, false},
	{"TE in 1.0", "GET", "1.1", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "502", true, false},
	{"TE gzip", "GET", "1.1", ok + "Transfer-Encoding: gzip\r\n\r\nx", "502", true, false},
	{"TE gzip, chunked", "GET", "1.1", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "502", true, false},
	{"until close", "GET", "1.1", ok + "\r\nhi", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", true, false},
	{"until close, empty", "GET", "1.1", ok + "\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true, false},
	{"until close to 1.0", "GET", "1.0", ok + "\r\nhi", ok + "Connection: close\r\n\r\nhi", false, false},
	{"keep-alive to 1.0", "GET", "1.0+", ok + "Content-Length: 2\r\n\r\nhi", ok + "Content-Length: 2\r\nConnection: keep-alive\r\n\r\nhi", true, false},
	{"until close to 1.0 that would go on", "GET", "1.0+", ok + "\r\nhi", ok + "Connection: close\r\n\r\nhi", false, false},
	// Section 7.1: chunks.
	{"chunks", "GET", "1.1", ok + "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n00\r\nT: v\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n00\r\nT: v\r\n\r\n", true, false},
	{"chunks to 1.0", "GET", "1.0", ok + "Transfer-Encoding: chunked\r\nTrailer: T\r\n\r\n2;a=b\r\nhi\r\n1\r\n!\r\n0\r\nT: v\r\n\r\n", ok + "Connection: close\r\n\r\nhi!", false, false},
	{"chunks cut", "GET", "1.1", ok + "Transfer-Encoding: chunked\r\n\r\n9\r\nhi", ok + "Transfer-Encoding: chunked\r\n\r\n9\r\nhi", false, false},
	{"chunks without last", "GET", "1.1", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", false, false},
	{"chunks, trailer cut", "GET", "1.1", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nT: v\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nT: v\r\n", false, false},
	{"bad chunk at once", "GET", "1.1", ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "502", true, false},
	{"chunk ends badly", "GET", "1.1", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi!", "502", true, false},
	{"bare LF after a size", "GET", "1.1", ok + "Transfer-Encoding: chunked\r\n\r\n2\nhi\r\n0\r\n\r\n", "502", true, false},
	// RFC 9110 section 6.4.1: responses without a body.
	{"HEAD", "HEAD", "1.1", ok + "Content-Length: 7\r\n\r\n", ok + "Content-Length: 7\r\n\r\n", true, false},
	{"HEAD, chunked", "HEAD", "1.1", ok + "Transfer-Encoding: chunked\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n", true, false},
	{"HEAD with a body", "HEAD", "1.1", ok + "Content-Length: 2\r\n\r\nhi", ok + "Content-Length: 2\r\n\r\n", true, false},
	{"204", "GET", "1.1", "HTTP/1.1 204 No\r\nDate: d\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 204 No\r\nDate: d\r\n\r\n", true, false},
	{"204, chunked", "GET", "1.1", "HTTP/1.1 204 No\r\nDate: d\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 204 No\r\nDate: d\r\n\r\n", true, false},
	{"304", "GET", "1.1", "HTTP/1.1 304 No\r\nDate: d\r\nContent-Length: 7\r\n\r\n", "HTTP/1.1 304 No\r\nDate: d\r\nContent-Length: 7\r\n\r\n", true, false},
	{"205", "GET", "1.1", "HTTP/1.1 205 R\r\nDate: d\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 205 R\r\nDate: d\r\nContent-Length: 0\r\n\r\n", true, false},
	// RFC 9110 section 15.2: interim responses.
	{"100", "GET", "1.1", "HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", true, false},
	{"103 and 102", "GET", "1.1", "HTTP/1.1 103 E\r\nLink: x\r\nConnection: close\r\n\r\nHTTP/1.1 102 P\r\nContent-Length: 3\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", "HTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", true, false},
	{"103 to 1.0", "GET", "1.0", "HTTP/1.1 103 E\r\nLink: x\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", ok + "Content-Length: 0\r\nConnection: close\r\n\r\n", false, false},
	{"103 and nothing", "POST", "1.1", "HTTP/1.1 103 E\r\nLink: x\r\n\r\n", "HTTP/1.1 103 E\r\nLink: x\r\n\r\n502", true, false},
	{"103 and garbage", "GET", "1.1", "HTTP/1.1 103 E\r\nLink: x\r\n\r\ngarbage", "HTTP/1.1 103 E\r\nLink: x\r\n\r\n502", true, false},
	{"101 unasked", "GET", "1.1", "HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw", "502", true, false},
	// RFC 9110 section 7.6: what belongs to one hop.
	{"hop-by-hop", "GET", "1.1", ok + "Connection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nA: b\r\nContent-Length: 0\r\n\r\n", ok + "A: b\r\nContent-Length: 0\r\n\r\n", true, false},
	{"nominated, but needed", "GET", "1.1", ok + "Connection: Content-Length, Date\r\nContent-Length: 0\r\n\r\n", ok + "Content-Length: 0\r\n\r\n", true, false},
	{"end to end", "GET", "1.1", ok + "Content-Encoding: br\r\nVia: 1.1 x\r\nServer: y\r\nETag: \"z\"\r\nContent-Length: 0\r\n\r\n", ok + "Content-Encoding: br\r\nVia: 1.1 x\r\nServer: y\r\nETag: \"z\"\r\nContent-Length: 0\r\n\r\n", true, false},
}

// onlyWhole are answers that are not sent in pieces. What comes behind the end of
// an answer cannot be told from the beginning of the next once the connection
// carries another request; and a body that ends with the connection becomes as
// many chunks as there are pieces.
var onlyWhole = map[string]bool{
	"surplus": true, "another response behind": true, "HEAD with a body": true, "204": true, "until close": true,
}

func TestBothSidesOfAnAnswer(t *testing.T) { both(t, testBothSidesOfAnAnswer) }

func testBothSidesOfAnAnswer(t *testing.T, k engine) {
	r := &answerer{}
	// Twice the same server: what is tried again meets the same.
	e := k.start(t, nil, backend(t, r.serve), backend(t, r.serve))
	e.allUp(2)
	for _, c := range answers {
		for _, pieces := range []bool{false, true} {
			if pieces && (len(c.server) > 300 || onlyWhole[c.name]) {
				continue
			}
			name := c.name
			if pieces {
				name += ", byte by byte"
			}
			t.Run(name, func(t *testing.T) {
				r.set(c.server, pieces, c.reset)
				p := e.dial()
				p.t = t
				version, also := c.version, ""
				if strings.HasSuffix(version, "+") {
					version, also = "1.0", "Connection: keep-alive\r\n"
				}
				p.send(c.method + " / HTTP/" + version + "\r\nHost: h\r\n" + also + "\r\n")
				r.compare(t, p, c.client, pieces)
				if !c.keeps {
					if rest, err := p.rest(); rest != "" || err != nil && !c.reset && version != "1.0" {
						t.Errorf("then %q, %v", rest, err)
					}
					return
				}
				r.set(hello, false, false)
				p.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
				if head := p.head(); status(head) != "200" || p.body(5) != "hello" {
					t.Errorf("the next answer is %q", head)
				}
			})
		}
	}
}

// compare reads what the client should get, "502" standing for an answer of the
// proxy. In pieces some faults come too late for a 502: the answer breaks off.
func (r *answerer) compare(t *testing.T, p *peer, want string, pieces bool) {
	t.Helper()
	exact, own := strings.CutSuffix(want, "502")
	got := p.body(len(exact))
	close(r.seen)
	if got != exact {
		rest, _ := p.rest()
		t.Fatalf("told %q\nwant %q", got+rest, exact)
	}
	if !own {
		return
	}
	head := p.head()
	if pieces && status(head) == "200" && strings.Contains(head, "chunked") {
		rest, _ := p.rest()
		if strings.HasSuffix(rest, "0\r\n\r\n") {
			t.Fatalf("a broken answer looks whole: %q", rest)
		}
		t.SkipNow()
	}
	if status(head) != "502" {
		t.Fatalf("told %q, want 502", head)
	}
	if !strings.HasPrefix(p.body(int(contentLength(head))), "502 Bad Gateway: ") {
		t.Error("no reason told")
	}
}

// answerer answers one request on each connection with raw bytes, whole or in
// pieces, and closes.
type answerer struct {
	mu     sync.Mutex
	raw    string
	pieces bool
	reset  bool          // end with a reset, once the client has got something
	seen   chan struct{} // closed then
}

func (r *answerer) set(raw string, pieces, reset bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw, r.pieces, r.reset, r.seen = raw, pieces, reset, make(chan struct{})
}

func (r *answerer) serve(c net.Conn, in *bufio.Reader, _ int) {
	if _, err := readHead(in); err != nil {
		return
	}
	r.mu.Lock()
	raw, step, reset, seen := r.raw, len(r.raw), r.reset, r.seen
	if r.pieces {
		step = 1
	}
	r.mu.Unlock()
	for i := 0; i < len(raw); i += step {
		_, _ = io.WriteString(c, raw[i:i+step])
	}
	if reset {
		<-seen
		_ = c.(*net.TCPConn).SetLinger(0)
		return
	}
	_ = c.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, in)
}
