package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/health"
)

func (e *env) allUp(n int) {
	e.t.Helper()
	until(e.t, "backends up", func() bool {
		up := 0
		for _, s := range e.set.Servers() {
			if s.State() == health.Up {
				up++
			}
		}
		return up == n
	})
}

// dying resets each connection's first request and answers nothing.
func dying(seen *atomic.Int64) script {
	return func(c net.Conn, r *bufio.Reader, _ int) {
		_, _ = readHead(r)
		seen.Add(1)
		_ = c.(*net.TCPConn).SetLinger(0)
	}
}

func TestReplay(t *testing.T) { every(t, testReplay) }

func testReplay(t *testing.T, k engine) {
	for _, c := range []struct {
		method, body, options, status string
		attempts                      int64 // on the dying backend
	}{
		{"GET", "", "", "200", 1},
		{"PUT", "abc", "", "200", 1},
		{"DELETE", "", "", "200", 1},
		{"OPTIONS", "", "", "200", 1},
		{"POST", "abc", "", "502", 1},
		{"PATCH", "abc", "", "502", 1},
		{"FROB", "", "", "502", 1},
		{"GET", "", " retry=connect", "502", 1},
	} {
		t.Run(c.method+c.options, func(t *testing.T) {
			var seen atomic.Int64
			bad := backend(t, dying(&seen))
			e := k.start(t, nil, bad+" weight=256"+c.options, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
				for {
					head, err := readHead(r)
					if err != nil {
						return
					}
					_, _ = r.Discard(int(contentLength(head)))
					_, _ = io.WriteString(c, hello)
				}
			}))
			e.allUp(2)
			p := e.dial().send(fmt.Sprintf("%s / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", c.method, len(c.body), c.body))
			if head := p.head(); status(head) != c.status || seen.Load() != c.attempts {
				t.Errorf("%q after %d attempts", head, seen.Load())
			}
		})
	}
}

// TestReplayKeepsTheKey: a visit that may have been counted under a key is sent
// again only with that key and only to a server that knows it.
func TestReplayKeepsTheKey(t *testing.T) { both(t, testReplayKeepsTheKey) }

func testReplayKeepsTheKey(t *testing.T, k engine) {
	keys := make(chan string, 10)
	take := func(head string) {
		_, after, _ := strings.Cut(head, "Idempotency-Key: ")
		key, _, _ := strings.Cut(after, "\r\n")
		keys <- key
	}
	bad := backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		head, _ := readHead(r)
		take(head)
	})
	good := backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		head, _ := readHead(r)
		take(head)
		_, _ = io.WriteString(c, hello)
	})
	plain := backend(t, replies(hello))
	e := k.start(t, nil, bad+" weight=256 idempotency=key", plain+" weight=100", good+" weight=1 idempotency=key")
	e.allUp(3)
	p := e.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if head := p.head(); status(head) != "200" {
		t.Fatal(head)
	}
	if a, b := <-keys, <-keys; a == "" || a != b {
		t.Errorf("keys %q and %q", a, b)
	}
}

// TestStaleConnection: a kept connection that the backend closes must not cost a
// client anything, whatever the method.
func TestStaleConnection(t *testing.T) { every(t, testStaleConnection) }

func testStaleConnection(t *testing.T, k engine) {
	e := k.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		head, _ := readHead(r)
		_, _ = r.Discard(int(contentLength(head)))
		_, _ = io.WriteString(c, hello)
		_ = c.Close() // without Connection: close
	}))
	p := e.dial()
	for range 20 {
		p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
		if head := p.head(); status(head) != "200" {
			t.Fatal(head)
		}
		p.body(5)
		<-e.records // after which the connection is kept, if at all
		until(t, "the close to arrive", func() bool {
			if k != goroutines {
				return e.set.Servers()[0].View().Idle == 0
			}
			c := e.set.Servers()[0].Idle()
			if c != nil {
				e.set.Servers()[0].Keep(c)
			}
			return c == nil
		})
	}
}

func TestNoBackend(t *testing.T) { both(t, testNoBackend) }

func testNoBackend(t *testing.T, k engine) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := ln.Addr().String()
	_ = ln.Close()
	for _, values := range [][]string{nil, {dead}} {
		e := k.start(t, nil, values...)
		until(t, "the first check", func() bool { return len(values) == 0 || e.set.Servers()[0].View().Check != "" })
		p := e.dial()
		for range 2 {
			began := time.Now()
			p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			head := p.head()
			if status(head) != "503" || !strings.Contains(head, "Retry-After: 1\r\n") {
				t.Fatal(head)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("%v for a 503", took)
			}
			p.body(int(contentLength(head)))
		}
	}
}

func TestQueue(t *testing.T) { both(t, testQueue) }

func testQueue(t *testing.T, k engine) {
	release := make(chan struct{})
	var now, most atomic.Int64
	e := k.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			most.Store(max(most.Load(), now.Add(1)))
			<-release
			now.Add(-1)
			_, _ = io.WriteString(c, hello)
		}
	})+" maxconn=1")
	t.Cleanup(func() { close(release) })
	e.allUp(1)
	a := e.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	until(t, "the first request", func() bool { return now.Load() == 1 })
	b := e.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	until(t, "a queue", func() bool { return e.set.Waiting() == 1 })
	release <- struct{}{}
	a.head()
	until(t, "the second request", func() bool { return e.set.Waiting() == 0 })
	c := e.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if head := c.head(); status(head) != "503" {
		t.Errorf("after the queue time: %q", head)
	}
	release <- struct{}{}
	if head := b.head(); status(head) != "200" || most.Load() != 1 {
		t.Errorf("%q, %d at once", head, most.Load())
	}
}

// refuser is a connection whose peer has answered the head and reset: every
// later write fails, and only then can the answer be read.
// TestAnswerBeforeFailedWrite: what has arrived is read even when the request,
// its head or its body, could not be written to the end.
func TestTunnel(t *testing.T) { every(t, testTunnel) }

func testTunnel(t *testing.T, k engine) {
	e := k.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		head, _ := readHead(r)
		if !strings.Contains(head, "Upgrade: echo\r\n") || !strings.Contains(head, "Connection: Upgrade\r\n") {
			t.Errorf("upgrade not passed on: %q", head)
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nfirst")
		_, _ = io.Copy(c, r)
		_, _ = io.WriteString(c, "last")
	}))
	p := e.dial().send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly")
	if head := p.head(); status(head) != "101" || !strings.Contains(head, "Upgrade: echo\r\n") || !strings.Contains(head, "Connection: Upgrade\r\n") {
		t.Fatal(head)
	}
	if got := p.body(10); got != "firstearly" {
		t.Errorf("got %q", got)
	}
	p.send("ping")
	if got := p.body(4); got != "ping" {
		t.Errorf("got %q", got)
	}
	e.update() // an open tunnel survives a change of members
	p.send("pong")
	if got := p.body(4); got != "pong" {
		t.Errorf("got %q", got)
	}
	_ = p.CloseWrite()
	if rest, err := p.rest(); rest != "last" || err != nil {
		t.Errorf("after half-close: %q, %v", rest, err)
	}
}

func TestDrain(t *testing.T) { both(t, testDrain) }

func testDrain(t *testing.T, k engine) {
	release := make(chan struct{})
	started := make(chan struct{})
	e := k.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			if strings.Contains(head, "/slow") {
				close(started)
				<-release
			}
			_, _ = io.WriteString(c, hello)
		}
	}))
	idle := e.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	idle.head()
	idle.body(5)
	busy := e.dial().send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-started
	stopped := make(chan struct{})
	go func() { e.stop(); close(stopped) }()
	idle.closed()
	if _, err := net.Dial("tcp", e.addr); err == nil {
		t.Error("still accepting")
	}
	close(release)
	if head := busy.head(); status(head) != "200" || !strings.Contains(head, "Connection: close") || busy.body(5) != "hello" {
		t.Error(head)
	}
	busy.closed()
	<-stopped
}

func TestGraceEnds(t *testing.T) { every(t, testGraceEnds) }

func testGraceEnds(t *testing.T, k engine) {
	hang := make(chan struct{})
	e := k.start(t, func(c *exchange.Config) { c.Timeouts.Grace = 50 * time.Millisecond }, backend(t, func(_ net.Conn, r *bufio.Reader, _ int) {
		_, _ = readHead(r)
		<-hang
	}))
	t.Cleanup(func() { close(hang) })
	_ = e.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	until(t, "the request", func() bool { return e.set.Servers()[0].Requests.Load() == 1 })
	e.stop()
}

// load sends GETs from several clients until stop and counts what is not 200.
// killable is a backend whose every connection is reset at once by kill.
// TestRequestDoesNotAllocate counts what a request costs the heap in all of the
// process, the test's own client and backend included, which do not allocate.
