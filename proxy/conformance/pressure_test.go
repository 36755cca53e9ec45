package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pingd/proxy/exchange"
)

// flood is a server that sends bodies of any length as fast as they are taken;
// the path says how long. It counts what it could send.
func flood(sent *atomic.Int64) script {
	return func(c net.Conn, r *bufio.Reader, _ int) {
		part := make([]byte, 64<<10)
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			var size int64
			_, _ = fmt.Sscanf(strings.Fields(head)[1], "/%d", &size)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
			for size > 0 {
				n, err := c.Write(part[:min(size, int64(len(part)))])
				sent.Add(int64(n))
				if size -= int64(n); err != nil {
					return
				}
			}
		}
	}
}

// TestSlowReaderSlowsTheServer: a client that does not read stops the server,
// instead of filling the proxy's memory, and gets everything once it reads.
func TestSlowReaderSlowsTheServer(t *testing.T) { both(t, testSlowReaderSlowsTheServer) }

func testSlowReaderSlowsTheServer(t *testing.T, k engine) {
	var sent atomic.Int64
	e := k.start(t, nil, backend(t, flood(&sent)))
	e.allUp(1)
	const size = 64 << 20
	p := e.dial().send(fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", size))
	p.head()
	// It stands still when the sockets' buffers are full.
	last := int64(-1)
	until(t, "the server to be stopped", func() bool {
		<-time.After(50 * time.Millisecond)
		now := sent.Load()
		still := now == last
		last = now
		return still
	})
	if last > size/2 {
		t.Errorf("%d of %d bytes sent although nobody reads", last, size)
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if n, err := io.CopyN(io.Discard, p.r, size); n != size || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes allocated for %d", grown, size)
	}
	p.send("GET /3 HTTP/1.1\r\nHost: h\r\n\r\n") // the connection is as good as before
	if head := p.head(); status(head) != "200" {
		t.Error(head)
	}
}

// TestBothDirectionsAtOnce: a server that echoes while it is still being sent to
// must not end in both sides waiting for the other to read.
func TestBothDirectionsAtOnce(t *testing.T) { every(t, testBothDirectionsAtOnce) }

func testBothDirectionsAtOnce(t *testing.T, k engine) {
	const size = 8 << 20
	e := k.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		head, err := readHead(r)
		if err != nil {
			return
		}
		n := contentLength(head)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", n)
		_, _ = io.CopyN(c, r, n)
	}))
	e.allUp(1)
	p := e.dial().send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", size))
	go func() { _, _ = io.Copy(p, io.LimitReader(zeros{}, size)) }()
	if head := p.head(); status(head) != "200" {
		t.Fatal(head)
	}
	if n, err := io.CopyN(io.Discard, p.r, size); n != size || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
}

// TestClientGoneDuringDownload: the server's connection ends with the client's.
func TestClientGoneDuringDownload(t *testing.T) { every(t, testClientGoneDuringDownload) }

func testClientGoneDuringDownload(t *testing.T, k engine) {
	var sent atomic.Int64
	e := k.start(t, nil, backend(t, flood(&sent)))
	e.allUp(1)
	p := e.dial().send(fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", int64(1)<<40))
	p.head()
	_ = p.SetLinger(0)
	_ = p.Close()
	if r := <-e.records; r.End != exchange.EndClientGone || r.Status != 200 {
		t.Errorf("recorded %d %q", r.Status, r.End)
	}
	until(t, "the slot to be free", func() bool { return e.set.Servers()[0].View().Active == 0 })
	if n := e.set.Servers()[0].View().Idle; n != 0 {
		t.Errorf("%d connections kept", n)
	}
}

// TestServerByName: names are resolved outside the engines' own paths.
func TestServerByName(t *testing.T) { both(t, testServerByName) }

func testServerByName(t *testing.T, k engine) {
	_, port, _ := net.SplitHostPort(backend(t, replies(hello)))
	e := k.start(t, nil, "localhost:"+port)
	e.allUp(1)
	if head := e.dial().send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").head(); status(head) != "200" {
		t.Error(head)
	}
}

// TestConnectTimeout: a server that neither accepts nor refuses costs the time
// that was set, and then the next server is asked.
func TestConnectTimeout(t *testing.T) { both(t, testConnectTimeout) }

func testConnectTimeout(t *testing.T, k engine) {
	full := deaf(t)
	e := k.start(t, func(c *exchange.Config) { c.Timeouts.Connect = 100 * time.Millisecond },
		full.addr+" weight=256", backend(t, replies(hello)))
	e.allUp(2)
	full.fill()
	head := e.dial().send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").head()
	if r := <-e.records; status(head) != "200" || r.Retries != 1 || r.Redispatches != 1 {
		t.Errorf("told %q after %d retries", head, r.Retries)
	}
	if n := e.set.Servers()[0].ConnectErrors.Load(); n != 1 {
		t.Errorf("%d connection errors", n)
	}
}

// TestFairQueue: those who wait for a slot get it in the order of their coming.
func TestFairQueue(t *testing.T) { both(t, testFairQueue) }

func testFairQueue(t *testing.T, k engine) {
	next := make(chan struct{})
	served := make(chan string, 20)
	e := k.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			served <- strings.Fields(head)[1]
			<-next
			_, _ = io.WriteString(c, hello)
		}
	})+" maxconn=1")
	t.Cleanup(func() { close(next) })
	e.allUp(1)
	var peers []*peer
	for i := range 8 {
		peers = append(peers, e.dial().send(fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i)))
		until(t, "the request to wait", func() bool { return e.set.Waiting() == max(i, 0) && (i > 0 || len(served) == 1) })
	}
	for i, p := range peers {
		if got := <-served; got != fmt.Sprintf("/%d", i) {
			t.Errorf("%s was served as number %d", got, i)
		}
		next <- struct{}{}
		if head := p.head(); status(head) != "200" {
			t.Error(head)
		}
	}
}

// TestWaitingClientLeaves: who goes away takes nobody's slot.
func TestWaitingClientLeaves(t *testing.T) { every(t, testWaitingClientLeaves) }

func testWaitingClientLeaves(t *testing.T, k engine) {
	next := make(chan struct{})
	e := k.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			<-next
			_, _ = io.WriteString(c, hello)
		}
	})+" maxconn=1")
	t.Cleanup(func() { close(next) })
	e.allUp(1)
	first := e.dial().send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
	until(t, "the first", func() bool { return e.set.Servers()[0].Requests.Load() == 1 })
	gone := e.dial().send("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n")
	until(t, "a queue", func() bool { return e.set.Waiting() == 1 })
	last := e.dial().send("GET /3 HTTP/1.1\r\nHost: h\r\n\r\n")
	until(t, "a longer queue", func() bool { return e.set.Waiting() == 2 })
	_ = gone.SetLinger(0)
	_ = gone.Close()
	next <- struct{}{}
	first.head()
	next <- struct{}{} // of the second, if its engine did not see it leave, or the third
	select {
	case next <- struct{}{}:
	case <-time.After(200 * time.Millisecond):
	}
	if head := last.head(); status(head) != "200" {
		t.Error(head)
	}
}

// TestEventsPassAtOnce: a part of an answer reaches the client although the rest
// has not been made yet, however the answer is framed. The server makes each event
// only when the client has seen the one before.
func TestEventsPassAtOnce(t *testing.T) { every(t, testEventsPassAtOnce) }

func testEventsPassAtOnce(t *testing.T, k engine) {
	for _, framed := range []string{"Transfer-Encoding: chunked\r\n", "Content-Length: 50\r\n", ""} {
		seen := make(chan struct{})
		e := k.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
			if _, err := readHead(r); err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"+framed+"\r\n")
			for range 5 {
				event := "data: xxx\n"
				if strings.Contains(framed, "chunked") {
					event = "a\r\n" + event + "\r\n"
				}
				_, _ = io.WriteString(c, event)
				<-seen
			}
		}))
		e.allUp(1)
		p := e.dial().send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if head := p.head(); status(head) != "200" {
			t.Fatal(head)
		}
		for range 5 {
			size := len("data: xxx\n")
			if !strings.Contains(framed, "Length") {
				size += len("a\r\n\r\n")
			}
			if got := p.body(size); !strings.Contains(got, "data: xxx\n") {
				t.Errorf("%q: event %q", framed, got)
			}
			seen <- struct{}{}
		}
	}
}
