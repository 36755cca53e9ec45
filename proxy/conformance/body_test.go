package conformance

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"pingd/proxy/exchange"
)

func TestContinue(t *testing.T) { every(t, testContinue) }

func testContinue(t *testing.T, k engine) {
	e := k.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
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

func TestEarlyResponse(t *testing.T) { every(t, testEarlyResponse) }

func testEarlyResponse(t *testing.T, k engine) {
	e := k.start(t, nil, backend(t, early("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")))
	p := e.dial().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
	go func() { _, _ = io.Copy(p, io.LimitReader(zeros{}, 4<<20)) }()
	if head := p.head(); status(head) != "413" || !strings.Contains(head, "Connection: close") || p.body(3) != "big" {
		t.Error(head)
	}
}

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
			e := goroutines.startDialing(t, func(ctx context.Context, addr string) (net.Conn, error) {
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

// TestHalfSentRequestEndsTheConnection: a backend that answered before it took
// all of a request would read the next one as the rest of the first.
func TestHalfSentRequestEndsTheConnection(t *testing.T) {
	e := goroutines.startDialing(t, func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		return &refuser{Conn: conn, answer: strings.NewReader(hello), broken: make(chan struct{})}, nil
	}, nil, backend(t, func(net.Conn, *bufio.Reader, int) {}))
	p := e.dial().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
	if head := p.head(); status(head) != "200" || !strings.Contains(head, "Connection: close\r\n") || p.body(5) != "hello" {
		t.Fatal(head)
	}
	_ = p.CloseWrite()
	p.closed()
	if r := <-e.records; r.End != exchange.EndEarly {
		t.Errorf("recorded as %q", r.End)
	}
	if n := e.set.Servers()[0].View().Idle; n != 0 {
		t.Errorf("%d connections kept", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestUploadStreamsInConstantMemory(t *testing.T) { both(t, testUploadStreamsInConstantMemory) }

func testUploadStreamsInConstantMemory(t *testing.T, k engine) {
	var got atomic.Int64
	e := k.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
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

func TestClientGoneDuringUpload(t *testing.T) { every(t, testClientGoneDuringUpload) }

func testClientGoneDuringUpload(t *testing.T, k engine) {
	ended := make(chan error, 1)
	e := k.start(t, nil, backend(t, func(_ net.Conn, r *bufio.Reader, _ int) {
		_, _ = readHead(r)
		_, err := io.Copy(io.Discard, r)
		ended <- err
	}))
	p := e.dial().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
	until(t, "the request", func() bool { return e.set.Servers()[0].Requests.Load() == 1 })
	_ = p.Close()
	<-ended
	if r := <-e.records; r.End != exchange.EndClientGone {
		t.Errorf("recorded as %q", r.End)
	}
}
