package conformance

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"pingd/proxy/exchange"
)

// TestRawRequests sends bytes to a running proxy: which status comes back, and
// whether the connection goes on, as a second request behind shows.
func TestRawRequests(t *testing.T) { every(t, testRawRequests) }

func testRawRequests(t *testing.T, k engine) {
	e := k.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			if strings.Contains(strings.ToLower(head), "chunked") {
				for line := ""; line != "0\r\n"; {
					if line, err = r.ReadString('\n'); err != nil {
						return
					}
				}
				if _, err = readHead(r); err != nil {
					return
				}
			} else if _, after, ok := strings.Cut(head, "Content-Length: "); ok {
				_, _ = r.Discard(int(after[0] - '0'))
			}
			_, _ = io.WriteString(c, hello)
		}
	}))
	for _, c := range []struct {
		name, raw, status string
		keeps             bool
	}{
		{"plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200", true},
		{"leading CRLF", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "200", true},
		{"close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "200", false},
		{"1.0", "GET / HTTP/1.0\r\n\r\n", "200", false},
		{"1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200", true},
		{"length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "200", true},
		{"chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200", true},
		{"CL and TE", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", false},
		{"TE in 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", false},
		{"TE obscured", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "400", false},
		{"TE gzip, chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501", false},
		{"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400", false},
		{"bad chunk size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400", false},
		{"bad chunk end", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n", "400", false},
		{"bare LF", "GET / HTTP/1.1\nHost: a\n\n", "400", false},
		{"NUL", "GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", "400", false},
		{"obs-fold", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", "400", false},
		{"space before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400", false},
		{"no Host", "GET / HTTP/1.1\r\n\r\n", "400", false},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400", false},
		{"bad Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400", false},
		{"HTTP/9.9", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", "505", false},
		{"CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "405", false},
		{"large head", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", "431", false},
		{"many lines", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", 300) + "\r\n", "431", false},
		{"long target", "GET /" + strings.Repeat("x", 20<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", "414", false},
		{"long target within the limit", "GET /" + strings.Repeat("x", 9000) + " HTTP/1.1\r\nHost: a\r\n\r\n", "200", true},
		{"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01", "400", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := e.dial()
			p.t = t
			p.send(c.raw)
			head := p.head()
			if status(head) != c.status {
				t.Fatalf("got %q, want %s", head, c.status)
			}
			if closing := strings.Contains(head, "Connection: close\r\n"); closing == c.keeps {
				t.Errorf("Connection: close announced: %v in %q", closing, head)
			}
			if !c.keeps {
				if _, err := p.rest(); err != nil {
					t.Errorf("end of the connection: %v", err)
				}
				return
			}
			p.body(5)
			p.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			if head := p.head(); status(head) != "200" || p.body(5) != "hello" {
				t.Errorf("next request: %q", head)
			}
			p.closed()
		})
	}
}

// TestRawResponses lets a backend answer with bytes and looks at what a 1.1
// client gets: head, rest, and whether the connection's end shows a truncation.
func TestRawResponses(t *testing.T) { every(t, testRawResponses) }

func testRawResponses(t *testing.T, k engine) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name, method, version, raw string
		status                     string
		body                       string // what follows the head, as framed
		keeps                      bool
	}{
		{"length", "GET", "1.1", hello, "200", "hello", true},
		{"length with surplus", "GET", "1.1", hello + "XX", "200", "hello", true},
		{"chunked", "GET", "1.1", ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\n", "200", "3\r\nabc\r\n0\r\nT: x\r\n\r\n", true},
		{"chunked to 1.0", "GET", "1.0", ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\nT: x\r\n\r\n", "200", "abcd", false},
		{"until close", "GET", "1.1", ok + "\r\nabc", "200", "3\r\nabc\r\n0\r\n\r\n", true},
		{"until close to 1.0", "GET", "1.0", ok + "\r\nabc", "200", "abc", false},
		{"until close, 1.0 backend", "GET", "1.1", "HTTP/1.0 200 OK\r\n\r\nabc", "200", "3\r\nabc\r\n0\r\n\r\n", true},
		{"empty until close", "GET", "1.1", ok + "\r\n", "200", "0\r\n\r\n", true},
		{"HEAD", "HEAD", "1.1", ok + "Content-Length: 5\r\n\r\n", "200", "", true},
		{"HEAD with body", "HEAD", "1.1", hello, "200", "", true},
		{"HEAD chunked", "HEAD", "1.1", ok + "Transfer-Encoding: chunked\r\n\r\n", "200", "", true},
		{"204", "GET", "1.1", "HTTP/1.1 204 No\r\n\r\n", "204", "", true},
		{"304", "GET", "1.1", "HTTP/1.1 304 No\r\nContent-Length: 7\r\n\r\n", "304", "", true},
		{"100 before", "GET", "1.1", "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + hello, "103", "", true},
		{"100 before to 1.0", "GET", "1.0", "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + hello, "200", "hello", false},

		{"truncated length", "GET", "1.1", ok + "Content-Length: 9\r\n\r\nabc", "200", "abc", false},
		{"truncated chunk", "GET", "1.1", ok + "Transfer-Encoding: chunked\r\n\r\n9\r\nabc", "200", "9\r\nabc", false},
		{"truncated between chunks", "GET", "1.1", ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "200", "3\r\nabc\r\n", false},
		{"garbage", "GET", "1.1", "hello\r\n", "502", "*", true},
		{"half a head", "GET", "1.1", ok + "A: b", "502", "*", true},
		{"nothing", "POST", "1.1", "", "502", "*", true},
		{"CL and TE", "GET", "1.1", ok + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "502", "*", true},
		{"two lengths", "GET", "1.1", ok + "Content-Length: 3\r\nContent-Length: 5\r\n\r\nhello", "502", "*", true},
		{"bad length", "GET", "1.1", ok + "Content-Length: 3x\r\n\r\nhello", "502", "*", true},
		{"bad chunk", "GET", "1.1", ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "502", "*", true},
		{"101 nobody asked for", "GET", "1.1", "HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nxyz", "502", "*", true},
		{"large head", "GET", "1.1", ok + "A: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", "502", "*", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := k.start(t, nil, backend(t, once(c.raw)))
			p := e.dial().send(c.method + " / HTTP/" + c.version + "\r\nHost: a\r\n\r\n")
			head := p.head()
			if status(head) != c.status {
				t.Fatalf("got %q, want %s", head, c.status)
			}
			if c.status == "103" {
				if head = p.head(); status(head) != "200" {
					t.Fatalf("after the 103: %q", head)
				}
				c.body = "hello"
			}
			if !c.keeps {
				if rest, _ := p.rest(); rest != c.body {
					t.Errorf("rest %q, want %q", rest, c.body)
				}
				return
			}
			if c.body != "*" {
				if got := p.body(len(c.body)); got != c.body {
					t.Errorf("body %q, want %q", got, c.body)
				}
			} else if _, err := io.ReadAll(io.LimitReader(p.r, contentLength(head))); err != nil {
				t.Fatal(err)
			}
			p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			if next := p.head(); !strings.HasPrefix(next, "HTTP/1.1 ") {
				t.Errorf("the connection does not go on: %q", next)
			}
		})
	}
}

func contentLength(head string) (n int64) {
	_, after, _ := strings.Cut(head, "Content-Length: ")
	for _, c := range after {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// TestResetIsNotAnEnd: a body that ends with the connection must not look
// complete when the backend's connection was reset.
func TestResetIsNotAnEnd(t *testing.T) { every(t, testResetIsNotAnEnd) }

func testResetIsNotAnEnd(t *testing.T, k engine) {
	e := k.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		_, _ = readHead(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nabc")
		_, _ = r.ReadByte() // until the client has the first part
		_ = c.(*net.TCPConn).SetLinger(0)
	}))
	for _, version := range []string{"1.0", "1.1"} {
		p := e.dial().send("POST / HTTP/" + version + "\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
		p.head()
		if version == "1.1" {
			p.body(len("3\r\n"))
		}
		p.body(3)
		p.send("x")
		rest, err := p.rest()
		if version == "1.0" && err == nil {
			t.Error("1.0: the reset looks like the end of the body")
		}
		if version == "1.1" && strings.Contains(rest, "0\r\n\r\n") {
			t.Errorf("1.1: the last chunk was made up: %q", rest)
		}
	}
}

// TestCutIsNotAnEnd: nor when the proxy stops before the backend is done.
func TestCutIsNotAnEnd(t *testing.T) { every(t, testCutIsNotAnEnd) }

func testCutIsNotAnEnd(t *testing.T, k engine) {
	hang := make(chan struct{})
	e := k.start(t, func(c *exchange.Config) { c.Timeouts.Grace = 50 * time.Millisecond }, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		_, _ = readHead(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nabc")
		<-hang
	}))
	t.Cleanup(func() { close(hang) })
	p := e.dial().send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
	p.head()
	p.body(3)
	e.stop()
	if _, err := p.rest(); err == nil {
		t.Error("being cut looks like the end of the body")
	}
}

func TestPipeline(t *testing.T) { every(t, testPipeline) }

func testPipeline(t *testing.T, k engine) {
	e := k.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			path := strings.Fields(head)[1]
			if strings.Contains(head, "Content-Length: 2") {
				b := make([]byte, 2)
				_, _ = io.ReadFull(r, b)
				path += string(b)
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"+(path + "....")[:4])
		}
	}))
	p := e.dial().send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" + "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy" +
		"HEAD /3 HTTP/1.1\r\nHost: a\r\n\r\n" + "GET /4 HTTP/1.1\r\nHost: a\r\n\r\nGET /5 HT")
	var got []string
	for _, body := range []int{4, 4, 0, 4} {
		p.head()
		got = append(got, p.body(body))
	}
	p.send("TP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	p.head()
	got = append(got, p.body(4))
	if s := strings.Join(got, " "); s != "/1.. /2xy  /4.. /5.." {
		t.Errorf("got %q", s)
	}
	p.closed()
}

func TestHalfClose(t *testing.T) { every(t, testHalfClose) }

func testHalfClose(t *testing.T, k engine) {
	e := k.start(t, nil, backend(t, replies(hello)))
	p := e.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if err := p.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if head := p.head(); status(head) != "200" || p.body(5) != "hello" {
		t.Error(head)
	}
	p.closed()
}

func TestForwardedRequest(t *testing.T) { every(t, testForwardedRequest) }

func testForwardedRequest(t *testing.T, k engine) {
	seen := make(chan string, 10)
	e := k.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			seen <- head
			_, _ = io.WriteString(c, hello)
		}
	})+" idempotency=key")
	p := e.dial()
	for _, key := range []string{"", "Idempotency-Key: mine\r\n", ""} {
		p.send("GET /a?b=1;c HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: x\r\nX: y\r\n" + key + "\r\n")
		p.head()
		p.body(5)
	}
	first, second, third := <-seen, <-seen, <-seen
	prefix := e.forwarded("GET /a?b=1;c HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\nIdempotency-Key: ")
	for _, head := range []string{first, second, third} {
		if !strings.HasPrefix(head, prefix) || !strings.HasSuffix(head, "\r\nVia: 1.1 pingd\r\n\r\n") {
			t.Errorf("got %q", head)
		}
	}
	if first == third {
		t.Error("two requests have the same generated key")
	}
	if !strings.Contains(second, "Idempotency-Key: mine\r\n") {
		t.Errorf("the client's key is lost: %q", second)
	}
}

func TestTimeouts(t *testing.T) { both(t, testTimeouts) }

func testTimeouts(t *testing.T, k engine) {
	hang := make(chan struct{})
	e := k.start(t, func(c *exchange.Config) {
		c.Timeouts = exchange.Timeouts{Head: 100 * time.Millisecond, Body: 250 * time.Millisecond, Response: 250 * time.Millisecond, KeepAlive: 200 * time.Millisecond, Grace: time.Second}
	}, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		for {
			head, err := readHead(r)
			switch {
			case err != nil:
				return
			case strings.Contains(head, "/hang"):
				<-hang
				return
			case strings.Contains(head, "/stall"):
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
				<-hang
				return
			case strings.Contains(head, "POST"):
				_, _ = r.Discard(9)
			}
			_, _ = io.WriteString(c, hello)
		}
	}))
	t.Cleanup(func() { close(hang) }) // before the backend waits for its connections
	t.Run("head", func(t *testing.T) {
		p := e.dial().send("GET / HTTP/1.1\r\nHo")
		if head := p.head(); status(head) != "408" {
			t.Error(head)
		}
		_, _ = p.rest()
	})
	t.Run("silent client", func(t *testing.T) { e.dial().closed() })
	t.Run("keep-alive", func(t *testing.T) {
		p := e.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		p.head()
		p.body(5)
		p.closed()
	})
	t.Run("request body", func(t *testing.T) {
		p := e.dial().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
		if head := p.head(); status(head) != "408" {
			t.Error(head)
		}
		_, _ = p.rest()
	})
	t.Run("slow request body", func(t *testing.T) {
		p := e.dial().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
		for range 9 { // 540 ms in all, more than each limit
			<-time.After(60 * time.Millisecond)
			p.send("x")
		}
		if head := p.head(); status(head) != "200" {
			t.Error(head)
		}
	})
	t.Run("response", func(t *testing.T) {
		p := e.dial().send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
		if head := p.head(); status(head) != "504" {
			t.Error(head)
		}
	})
	t.Run("response body", func(t *testing.T) {
		p := e.dial().send("GET /stall HTTP/1.1\r\nHost: a\r\n\r\n")
		p.head()
		if rest, _ := p.rest(); rest != "abc" {
			t.Errorf("rest %q", rest)
		}
	})
}
