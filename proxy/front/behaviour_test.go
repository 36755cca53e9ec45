package front

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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

func TestReplay(t *testing.T) {
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
			e := start(t, nil, bad+" weight=256"+c.options, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
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
func TestReplayKeepsTheKey(t *testing.T) {
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
	e := start(t, nil, bad+" weight=256 idempotency=key", plain+" weight=100", good+" weight=1 idempotency=key")
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
func TestStaleConnection(t *testing.T) {
	e := start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
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
		until(t, "the close to arrive", func() bool {
			c := e.set.Servers()[0].Idle()
			if c != nil {
				e.set.Servers()[0].Keep(c)
			}
			return c == nil
		})
	}
}

func TestNoBackend(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := ln.Addr().String()
	_ = ln.Close()
	for _, values := range [][]string{nil, {dead}} {
		e := start(t, nil, values...)
		until(t, "the first check", func() bool { return len(values) == 0 || e.set.Servers()[0].View().Check != "" })
		p := e.dial()
		for range 2 {
			began := time.Now()
			p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			head := p.head()
			if status(head) != "503" || !strings.Contains(head, "Retry-After: 1\r\n") {
				t.Fatal(head)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%v for a 503", took)
			}
			p.body(int(contentLength(head)))
		}
	}
}

func TestQueue(t *testing.T) {
	release := make(chan struct{})
	var now, most atomic.Int64
	e := start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
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

func TestContinue(t *testing.T) {
	e := start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		for { // to close a kept connection would race with the next POST on it
			head, err := readHead(r)
			if err != nil {
				return
			}
			if strings.Contains(head, "/no") {
				_, _ = io.WriteString(c, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
				_, _ = r.ReadByte()
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
			_, _ = r.Discard(3)
			_, _ = io.WriteString(c, hello)
		}
	}))
	p := e.dial().send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	if head := p.head(); status(head) != "100" {
		t.Fatal(head)
	}
	p.send("abc")
	if head := p.head(); status(head) != "200" {
		t.Fatal(head)
	}
	p = e.dial().send("POST /no HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	if head := p.head(); status(head) != "417" || !strings.Contains(head, "Connection: close") {
		t.Fatal(head)
	}
	_, _ = p.rest()
}

func TestEarlyResponse(t *testing.T) {
	e := start(t, nil, backend(t, early("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")))
	p := e.dial().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
	go func() { _, _ = io.Copy(p, io.LimitReader(zeros{}, 4<<20)) }()
	if head := p.head(); status(head) != "413" || !strings.Contains(head, "Connection: close") || p.body(3) != "big" {
		t.Error(head)
	}
}

// refuser is a connection whose peer has answered the head and reset: every
// later write fails, and only then can the answer be read.
type refuser struct {
	net.Conn
	answer *strings.Reader
	broken chan struct{} // closed by the first failed write
	writes atomic.Int64
	after  int64 // writes that succeed
	once   sync.Once
}

func (r *refuser) Write(p []byte) (int, error) {
	if r.writes.Add(1) <= r.after {
		return len(p), nil
	}
	r.once.Do(func() { close(r.broken) })
	return 0, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
}

func (r *refuser) Read(p []byte) (int, error) {
	<-r.broken
	if r.answer.Len() > 0 {
		return r.answer.Read(p)
	}
	return 0, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
}

func (r *refuser) Close() error {
	r.once.Do(func() { close(r.broken) })
	return r.Conn.Close()
}

// TestAnswerBeforeFailedWrite: what has arrived is read even when the request,
// its head or its body, could not be written to the end.
func TestAnswerBeforeFailedWrite(t *testing.T) {
	const answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"
	for _, c := range []struct {
		name, answer, want string
		after              int64
	}{
		{"head", answer, "413", 0},
		{"body", answer, "413", 1},
		{"no answer to the head", "", "502", 0},
		{"no answer to the body", "", "502", 1},
		{"half an answer", answer[:20], "502", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			checks := backend(t, func(net.Conn, *bufio.Reader, int) {})
			e := startDialing(t, func(ctx context.Context, addr string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
				if err != nil {
					return nil, err
				}
				return &refuser{Conn: conn, answer: strings.NewReader(c.answer), broken: make(chan struct{}), after: c.after}, nil
			}, nil, checks)
			p := e.dial().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
			until(t, "the head at the backend", func() bool { return e.set.Servers()[0].Requests.Load() == 1 })
			_, _ = p.Write([]byte("more")) // may be refused already
			head := p.head()
			if status(head) != c.want || !strings.Contains(head, "Connection: close\r\n") {
				t.Fatal(head)
			}
			if c.want == "413" && p.body(3) != "big" {
				t.Error("body lost")
			}
			_ = p.CloseWrite()
			_, _ = p.rest()
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestUploadStreamsInConstantMemory(t *testing.T) {
	var got atomic.Int64
	e := start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		head, _ := readHead(r)
		buf := make([]byte, 32<<10)
		for left := contentLength(head); left > 0; {
			n, err := r.Read(buf[:min(left, int64(len(buf)))])
			if err != nil {
				return
			}
			left -= int64(n)
			got.Add(int64(n))
		}
		_, _ = io.WriteString(c, hello)
	}))
	const size = 64 << 20
	p := e.dial().send(fmt.Sprintf("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size))
	p.send("x")
	until(t, "the first byte at the backend", func() bool { return got.Load() == 1 })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := io.Copy(p, io.LimitReader(zeros{}, size-1)); err != nil {
		t.Fatal(err)
	}
	if head := p.head(); status(head) != "200" || got.Load() != size {
		t.Fatalf("%q after %d bytes", head, got.Load())
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("%d bytes allocated for %d", grown, size)
	}
}

func TestClientGoneDuringUpload(t *testing.T) {
	ended := make(chan error, 1)
	e := start(t, nil, backend(t, func(_ net.Conn, r *bufio.Reader, _ int) {
		_, _ = readHead(r)
		_, err := io.Copy(io.Discard, r)
		ended <- err
	}))
	p := e.dial().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
	until(t, "the request", func() bool { return e.set.Servers()[0].Requests.Load() == 1 })
	_ = p.Close()
	<-ended
	if r := <-e.records; r.End != endClientGone {
		t.Errorf("recorded as %q", r.End)
	}
}

func TestTunnel(t *testing.T) {
	e := start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
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

func TestDrain(t *testing.T) {
	release := make(chan struct{})
	started := make(chan struct{})
	e := start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
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

func TestGraceEnds(t *testing.T) {
	hang := make(chan struct{})
	e := start(t, func(c *Config) { c.Timeouts.Grace = 50 * time.Millisecond }, backend(t, func(_ net.Conn, r *bufio.Reader, _ int) {
		_, _ = readHead(r)
		<-hang
	}))
	t.Cleanup(func() { close(hang) })
	_ = e.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	until(t, "the request", func() bool { return e.set.Servers()[0].Requests.Load() == 1 })
	e.stop()
}

// load sends GETs from several clients until stop and counts what is not 200.
func load(e *env, clients int) (stop func() (total, failed int64)) {
	tr := &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}
	c := &http.Client{Transport: tr, Timeout: 8 * time.Second}
	var total, failed atomic.Int64
	var wg sync.WaitGroup
	end := make(chan struct{})
	for range clients {
		wg.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				resp, err := c.Get("http://" + e.addr + "/")
				total.Add(1)
				if err != nil {
					failed.Add(1)
					e.t.Log(err)
					continue
				}
				b, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != 200 || err != nil || string(b) != "hello" {
					failed.Add(1)
					e.t.Log(resp.Status, string(b), err)
				}
			}
		})
	}
	return func() (int64, int64) {
		close(end)
		wg.Wait()
		tr.CloseIdleConnections()
		return total.Load(), failed.Load()
	}
}

// killable is a backend whose every connection is reset at once by kill.
func killable(t *testing.T) (addr string, kill func()) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []*net.TCPConn
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c.(*net.TCPConn))
			mu.Unlock()
			wg.Go(func() { defer c.Close(); replies(hello)(c, bufio.NewReader(c), 0) })
		}
	})
	kill = sync.OnceFunc(func() {
		_ = ln.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.SetLinger(0)
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	t.Cleanup(kill)
	return ln.Addr().String(), kill
}

func TestKilledBackendCostsNothing(t *testing.T) {
	a, kill := killable(t)
	b, _ := killable(t)
	c, _ := killable(t)
	e := start(t, nil, a, b, c)
	e.allUp(3)
	stop := load(e, 16)
	victim := e.set.Servers()[0]
	until(t, "load on every backend", func() bool { return victim.Requests.Load() > 200 })
	began := time.Now()
	kill()
	until(t, "the dead one to be out", func() bool { return victim.State() != health.Up })
	out := time.Since(began)
	n := e.set.Servers()[1].Requests.Load()
	until(t, "more load on the rest", func() bool { return e.set.Servers()[1].Requests.Load() > n+300 })
	total, failed := stop()
	if failed > 0 {
		t.Errorf("%d of %d requests failed", failed, total)
	}
	t.Logf("out after %v, %d requests", out, total)
}

func TestMembershipUnderLoad(t *testing.T) {
	a, _ := killable(t)
	b, _ := killable(t)
	c, killC := killable(t)
	e := start(t, nil, a, b)
	e.allUp(2)
	stop := load(e, 8)
	for range 5 {
		began := time.Now()
		e.update(a, b, c)
		until(t, "the newcomer to serve", func() bool {
			s := e.set.Servers()
			return len(s) == 3 && s[2].Responses[2].Load() > 10
		})
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("newcomer served after %v", took)
		}
		gone := e.set.Servers()[2]
		e.update(a, b)
		until(t, "the old one to be let go", func() bool { return gone.View().Active == 0 })
		n := gone.Requests.Load()
		m := e.set.Servers()[0].Requests.Load()
		until(t, "more load", func() bool { return e.set.Servers()[0].Requests.Load() > m+50 })
		if gone.Requests.Load() != n || gone.View().Idle != 0 {
			t.Error("a removed backend got requests, or connections were kept")
		}
	}
	killC()
	total, failed := stop()
	if failed > 0 {
		t.Errorf("%d of %d requests failed", failed, total)
	}
}

func TestMaxConn(t *testing.T) {
	e := start(t, func(c *Config) { c.MaxConn = 1 }, backend(t, replies(hello)))
	first := e.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	first.head()
	second := e.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if s := e.front.Stats(); s.Connections != 1 || s.Peak != 1 {
		t.Errorf("%d connections", s.Connections)
	}
	_ = first.Close()
	if head := second.head(); status(head) != "200" {
		t.Error(head)
	}
}

// TestRequestDoesNotAllocate counts what a request costs the heap in all of the
// process, the test's own client and backend included, which do not allocate.
func TestRequestDoesNotAllocate(t *testing.T) {
	e := start(t, func(c *Config) { c.Record = nil }, backend(t, func(c net.Conn, _ *bufio.Reader, _ int) {
		answer, buf := []byte(hello), make([]byte, 4096)
		_, _ = c.Write(answer)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
			_, _ = c.Write(answer)
		}
	}))
	e.allUp(1)
	p := e.dial()
	request, buf := []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), make([]byte, 4096)
	one := func() {
		_, _ = p.Write(request)
		n, err := p.Read(buf)
		if err != nil || !bytes.HasSuffix(buf[:n], []byte("hello")) {
			t.Fatalf("%q %v", buf[:n], err)
		}
	}
	one()
	// The race detector makes sync.Pool forget on purpose, hence the margin.
	if n := testing.AllocsPerRun(200, one); n > 8 {
		t.Errorf("%v allocations per request", n)
	}
}
