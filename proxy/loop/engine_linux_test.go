//go:build amd64 || arm64

package loop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/health"
	"pingd/proxy/retry"
	"pingd/proxy/upstream"
)

// lab is a running Engine before echoing servers.
type lab struct {
	t       *testing.T
	e       *Engine
	addr    string
	set     *upstream.Set
	gate    *exchange.Gate
	adopted chan string
	stop    func()
}

// echo answers each request with its path.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if errors.Is(err, syscall.EMFILE) { // a test has made descriptors scarce
				<-time.After(time.Millisecond)
				continue
			}
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() { defer c.Close(); echoing(c) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().String()
}

func echoing(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		for head := ""; head != "\r\n"; {
			if head, err = r.ReadString('\n'); err != nil {
				return
			}
		}
		path := strings.Fields(line)[1]
		if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(path), path); err != nil {
			return
		}
	}
}

func newLab(t *testing.T, loops int, change func(*exchange.Config), backends ...string) *lab {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, addr: ln.Addr().String(), adopted: make(chan string, 100)}
	l.set = upstream.NewSet(upstream.Config{Health: health.Config{Interval: 100 * time.Millisecond, FastInterval: 20 * time.Millisecond, Timeout: 10 * time.Second}})
	var list []upstream.Backend
	for _, v := range backends {
		b, err := upstream.Parse("", v)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	l.set.Update(list)
	cfg := exchange.Config{
		Router: exchange.To(l.set), Retry: retry.Policy{Connects: 2, Replays: 1}, Gate: exchange.NewGate(4000),
		Timeouts: exchange.Timeouts{Grace: 5 * time.Second},
	}
	if change != nil {
		change(&cfg)
	}
	l.gate = cfg.Gate
	l.e, err = New(Config{Exchange: cfg, Loops: loops, Sets: []*upstream.Set{l.set}, Adopt: l.adopt}, ln)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	behind, end := context.WithCancel(context.Background())
	var wg, serving sync.WaitGroup
	wg.Go(func() { l.set.Run(behind) })
	serving.Go(func() { _ = l.e.Serve(ctx) })
	l.stop = sync.OnceFunc(func() {
		cancel()
		serving.Wait()
		end()
		wg.Wait()
	})
	t.Cleanup(l.stop)
	return l
}

// adopt is the engine behind: it says what it was given and closes.
func (l *lab) adopt(c net.Conn, early []byte) bool {
	_, _ = io.WriteString(c, "adopted")
	_ = c.Close()
	l.gate.Leave()
	l.adopted <- string(early)
	return true
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("timed out waiting: " + what)
		}
	}
}

// settled waits until nothing is under way and nobody is connected.
func (l *lab) settled() {
	l.t.Helper()
	until(l.t, "all clients to be gone", func() bool { return l.gate.Stats().Connections == 0 })
	until(l.t, "all slots to be free", func() bool {
		for _, s := range l.set.Servers() {
			if s.View().Active != 0 {
				return false
			}
		}
		return l.set.Waiting() == 0
	})
}

func (l *lab) dial() net.Conn {
	l.t.Helper()
	c, err := net.Dial("tcp", l.addr)
	if err != nil {
		l.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	l.t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestChurn opens, uses, cuts and closes connections in every way at once, so
// that descriptors are reused all the time: nobody may get another's answer, and
// in the end nothing is held.
func TestChurn(t *testing.T) {
	l := newLab(t, 3, nil, echo(t), echo(t)+" maxconn=3", echo(t)+" maxconn=1")
	var wrong, served atomic.Int64
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 1))
			for i := range 150 {
				if err := oneOf(l.addr, r, fmt.Sprintf("/%d-%d", worker, i), &served); err != nil {
					wrong.Add(1)
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if wrong.Load() > 0 || served.Load() < 300 {
		t.Errorf("%d wrong of %d", wrong.Load(), served.Load())
	}
	l.settled()
}

var errAnswer = errors.New("wrong answer")

// oneOf is one connection with a life drawn by chance.
func oneOf(addr string, r *rand.Rand, id string, served *atomic.Int64) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if r.IntN(3) == 0 {
		_ = c.(*net.TCPConn).SetLinger(0) // ends with a reset
	}
	in := bufio.NewReader(c)
	for n := range 1 + r.IntN(4) {
		path := fmt.Sprintf("%s-%d", id, n)
		request := "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"
		switch r.IntN(8) {
		case 0:
			_, _ = io.WriteString(c, request[:r.IntN(len(request))])
			return nil // gone with half a head
		case 1:
			_, _ = io.WriteString(c, request)
			return nil // gone before the answer
		case 2:
			_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
			return nil // gone with half a body
		}
		if _, err := io.WriteString(c, request); err != nil {
			return err
		}
		var body string
		for head := ""; head != "\r\n"; {
			if head, err = in.ReadString('\n'); err != nil {
				return fmt.Errorf("answer to %s: %w", path, err)
			}
		}
		b := make([]byte, len(path))
		if _, err := io.ReadFull(in, b); err != nil {
			return err
		}
		if body = string(b); body != path {
			return fmt.Errorf("%w: %q to %q", errAnswer, body, path)
		}
		served.Add(1)
	}
	return nil
}

// TestEvenDeal: clients are spread over the loops whoever accepted them.
func TestEvenDeal(t *testing.T) {
	l := newLab(t, 4, nil, echo(t))
	for range 40 {
		l.dial()
	}
	until(t, "all to be accepted", func() bool { return l.gate.Stats().Connections == 40 })
	for i, loop := range l.e.loops {
		if n := loop.clients.Load(); n < 8 || n > 12 {
			t.Errorf("loop %d has %d of 40", i, n)
		}
	}
}

func TestHandOver(t *testing.T) {
	l := newLab(t, 1, nil, echo(t))
	c := l.dial()
	const upgrade = "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nmore"
	_, _ = io.WriteString(c, upgrade)
	if got := <-l.adopted; got != upgrade {
		t.Errorf("adopted with %q", got)
	}
	if b, err := io.ReadAll(c); string(b) != "adopted" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	l.settled()
}

func TestManyIdle(t *testing.T) {
	patient := func(c *exchange.Config) { c.Timeouts.Head, c.Timeouts.KeepAlive = time.Hour, time.Hour }
	l := newLab(t, 2, patient, echo(t))
	var conns []net.Conn
	for range 1500 {
		conns = append(conns, l.dial())
	}
	until(t, "all to be accepted", func() bool { return l.gate.Stats().Connections == 1500 })
	c := l.dial()
	_, _ = io.WriteString(c, "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if b, _ := io.ReadAll(c); !strings.HasSuffix(string(b), "\r\n\r\n/x") {
		t.Errorf("%q", b)
	}
	for _, c := range conns {
		_ = c.Close()
	}
	l.settled()
}

// TestStop: idle clients and kept connections are closed at once.
func TestStop(t *testing.T) {
	l := newLab(t, 2, nil, echo(t))
	c := l.dial()
	_, _ = io.WriteString(c, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
	in := bufio.NewReader(c)
	if line, _ := in.ReadString('\n'); !strings.Contains(line, "200") {
		t.Fatal(line)
	}
	l.stop()
	if n := l.set.Servers()[0].View().Idle; n != 0 {
		t.Errorf("%d connections kept", n)
	}
	if _, err := io.ReadAll(in); err != nil {
		t.Errorf("an idle client sees %v", err)
	}
}

func TestOnlyTCP(t *testing.T) {
	if _, err := New(Config{Loops: 1}, pipeListener{}); !errors.Is(err, errListener) {
		t.Error(err)
	}
}

type pipeListener struct{ net.Listener }

// TestCloseWithoutServe frees what New took.
func TestCloseWithoutServe(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Loops: 2, Exchange: exchange.Config{}}, ln)
	if err != nil {
		t.Fatal(err)
	}
	e.Close()
	if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("still listening")
	}
}
