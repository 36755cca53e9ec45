package stream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/proxy/exchange"
	"pingd/proxy/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs do with each connection of a listener.
func start(t *testing.T, do func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer conn.Close(); do(conn) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

// named sends its name, then what it reads until the end, then "bye".
func named(t *testing.T, name string) string {
	return start(t, func(conn net.Conn) {
		fmt.Fprintf(conn, "%s\n", name)
		_, _ = io.Copy(conn, conn)
		_, _ = io.WriteString(conn, "bye")
	})
}

type proxy struct {
	addr string
	set  *upstream.Set
	stop func() error // ends serving
}

func run(t *testing.T, change func(*Config), servers ...string) *proxy {
	t.Helper()
	set := upstream.NewSet(upstream.Config{Name: "s", Logger: slog.New(slog.DiscardHandler)})
	var list []upstream.Backend
	for i, value := range servers {
		b, err := upstream.Parse(fmt.Sprintf("s%d", i), value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	set.Update(list)
	cfg := Config{
		Set: set, Gate: exchange.NewGate(100), Retries: 2, Logger: slog.New(slog.DiscardHandler),
		Timeouts: exchange.Timeouts{Grace: 20 * time.Second}.WithDefaults(),
	}
	if change != nil {
		change(&cfg)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	checking, unchecked := context.WithCancel(context.Background())
	var checks sync.WaitGroup
	checks.Go(func() { set.Run(checking) })
	served := make(chan error, 1)
	go func() { served <- New(cfg).Serve(ctx, ln) }()
	p := &proxy{addr: ln.Addr().String(), set: set}
	p.stop = sync.OnceValue(func() error { cancel(); return <-served })
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
		unchecked()
		checks.Wait()
		set.Close()
	})
	for end := time.Now().Add(20 * time.Second); !set.Settled(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("servers are not checked")
		}
	}
	return p
}

func dial(t *testing.T, addr string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	return conn.(*net.TCPConn), bufio.NewReader(conn)
}

// line reads one.
func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	s, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(s, "\n")
}

// TestBothWays: bytes pass as they are, a side that ends first may still be answered,
// and servers take turns.
func TestBothWays(t *testing.T) {
	p := run(t, nil, named(t, "a"), named(t, "b"))
	seen := map[string]int{}
	large := strings.Repeat("x", 1<<20)
	for range 6 {
		conn, r := dial(t, p.addr)
		seen[line(t, r)]++
		go func() {
			_, _ = io.WriteString(conn, large)
			_ = conn.CloseWrite()
		}()
		if got, err := io.ReadAll(r); err != nil || string(got) != large+"bye" {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	if seen["a"] != 3 || seen["b"] != 3 {
		t.Errorf("turns: %v", seen)
	}
	in := int64(0)
	for _, m := range p.set.Servers() {
		in += m.BytesIn.Load()
	}
	if in > 6<<20 { // the last may still be counted
		t.Errorf("%d bytes came in", in)
	}
}

// TestServerIsAway: another takes its place; where there is none the client sees a
// reset, not a proper end.
func TestServerIsAway(t *testing.T) {
	p := run(t, nil, "127.0.0.1:1", named(t, "b"))
	for range 4 {
		_, r := dial(t, p.addr)
		if got := line(t, r); got != "b" {
			t.Errorf("served by %q", got)
		}
	}
	alone := run(t, nil, "127.0.0.1:1")
	conn, err := net.Dial("tcp", alone.addr)
	if err != nil {
		return // reset already
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("without a server: %v", err)
	}
}

// TestSlotsAndQueue: a connection holds a slot as long as it is open, and whoever waits
// is next.
func TestSlotsAndQueue(t *testing.T) {
	p := run(t, nil, named(t, "a")+" maxconn=1")
	first, r1 := dial(t, p.addr)
	line(t, r1)
	_, r2 := dial(t, p.addr)
	for end := time.Now().Add(20 * time.Second); p.set.Waiting() != 1; <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the second does not wait")
		}
	}
	_ = first.Close()
	if got := line(t, r2); got != "a" {
		t.Errorf("%q", got)
	}
}

// TestDrain: nobody new comes to a server that is drained, who is there stays.
func TestDrain(t *testing.T) {
	p := run(t, nil, named(t, "a"), named(t, "b"))
	conn, r := dial(t, p.addr)
	mine := line(t, r)
	server := "s0"
	if mine == "b" {
		server = "s1"
	}
	p.set.Override(map[string]upstream.Override{server: {Drain: true}})
	for range 4 {
		_, other := dial(t, p.addr)
		if got := line(t, other); got == mine {
			t.Errorf("%s is drained, and served", got)
		}
	}
	if _, err := io.WriteString(conn, "still\n"); err != nil || line(t, r) != "still" {
		t.Error("an open connection was cut", err)
	}
}

// TestStop: open connections may end by themselves, and are cut after the grace time.
func TestStop(t *testing.T) {
	p := run(t, nil, named(t, "a"))
	conn, r := dial(t, p.addr)
	line(t, r)
	stopped := make(chan error, 1)
	go func() { stopped <- p.stop() }()
	for end := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("tcp", p.addr)
		if err != nil {
			break
		}
		_ = c.Close()
		if time.Now().After(end) {
			t.Fatal("still accepts")
		}
	}
	if _, err := io.WriteString(conn, "still\n"); err != nil || line(t, r) != "still" {
		t.Error("cut before its time", err)
	}
	_ = conn.Close()
	if err := <-stopped; err != nil {
		t.Error(err)
	}

	hasty := run(t, func(c *Config) { c.Timeouts.Grace = time.Millisecond }, named(t, "a"))
	_, r = dial(t, hasty.addr)
	line(t, r)
	if err := hasty.stop(); err != nil {
		t.Error(err)
	}
	if _, err := r.ReadByte(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("cut, which looks like a proper end: %v", err)
	}
}

// TestBrokenIsNotAnEnd: what a server did not send to its end does not look complete.
func TestBrokenIsNotAnEnd(t *testing.T) {
	p := run(t, nil, start(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "half\n")
		_, _ = conn.Read(make([]byte, 1)) // until the client has it
		_ = conn.(*net.TCPConn).SetLinger(0)
	}))
	conn, r := dial(t, p.addr)
	line(t, r)
	_, _ = io.WriteString(conn, "x")
	if _, err := r.ReadByte(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the server's reset came as %v", err)
	}
}

// TestAnnounced: a PROXY protocol header in is read, and one out is written.
func TestAnnounced(t *testing.T) {
	says := start(t, func(conn net.Conn) {
		s, _ := bufio.NewReader(conn).ReadString('\n')
		_, _ = io.WriteString(conn, "got "+s)
	})
	from := func(a netip.Addr) bool { return a.IsLoopback() }
	p := run(t, func(c *Config) { c.Announces = from }, says+" send-proxy=v1")
	conn, r := dial(t, p.addr)
	_, _ = io.WriteString(conn, "PROXY TCP4 9.8.7.6 1.2.3.4 555 443\r\n")
	if got := line(t, r); got != "got PROXY TCP4 9.8.7.6 1.2.3.4 555 443\r" {
		t.Errorf("%q", got)
	}
	conn, r = dial(t, p.addr)
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
	if _, err := r.ReadByte(); err == nil {
		t.Error("served without a header")
	}
}

// TestSilence ends a connection that neither side uses.
func TestSilence(t *testing.T) {
	p := run(t, func(c *Config) { c.Timeouts.Tunnel = 50 * time.Millisecond }, named(t, "a"))
	_, r := dial(t, p.addr)
	line(t, r)
	if _, err := r.ReadByte(); err == nil {
		t.Error("still open")
	}
}
