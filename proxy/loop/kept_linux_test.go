//go:build amd64 || arm64

package loop

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/upstream"
)

// counting is a server that hands its connections to the test, checks left out:
// nobody sends on those.
func counting(t *testing.T, serve func(net.Conn)) (addr string, conns chan net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns = make(chan net.Conn, 100)
	served := make(chan struct{})
	open := 1 // this goroutine
	ended := make(chan struct{}, 1000)
	go func() {
		defer close(served)
		for {
			c, err := ln.Accept()
			if err != nil {
				break
			}
			open++
			go func() {
				defer func() { _ = c.Close(); ended <- struct{}{} }()
				in := bufio.NewReader(c)
				if _, err := in.Peek(1); err != nil {
					return
				}
				conns <- c
				serve(peeked{c, in})
			}()
		}
		for ; open > 1; open-- {
			<-ended
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		for {
			select {
			case c := <-conns:
				_ = c.Close()
				continue
			case <-served:
			}
			return
		}
	})
	return ln.Addr().String(), conns
}

// peeked is a connection of which something has been read ahead.
type peeked struct {
	net.Conn
	in *bufio.Reader
}

func (p peeked) Read(b []byte) (int, error) { return p.in.Read(b) }

// ask sends a GET on a connection of its own and returns what comes back.
func (l *lab) ask(path string) string {
	l.t.Helper()
	c := l.dial()
	defer c.Close()
	_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	b, err := io.ReadAll(c)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(b)
}

// TestKeptConnections: one connection to the server carries what clients send one
// after the other, and is let go of when the server closes it, when its time is
// over, and when the server leaves.
func TestKeptConnections(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(l *lab, conn net.Conn)
	}{
		{"closed by the server", func(_ *lab, conn net.Conn) { _ = conn.Close() }},
		{"reset by the server", func(_ *lab, conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0); _ = conn.Close() }},
		{"spoken on unasked", func(_ *lab, conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 408 Late\r\n\r\n") }},
		{"server left", func(l *lab, _ net.Conn) { l.set.Update(nil) }},
		{"time over", func(l *lab, _ net.Conn) {
			l.e.each(func(l *loop) {
				for _, p := range l.pools {
					for _, s := range p.kept {
						l.limit(s.fd, l.env.Now)
					}
				}
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, conns := counting(t, echoing)
			l := newLab(t, 1, nil, addr)
			server := l.set.Servers()[0]
			for i := range 20 {
				path := fmt.Sprintf("/%d", i)
				if got := l.ask(path); !strings.HasSuffix(got, "\r\n\r\n"+path) {
					t.Fatalf("%q", got)
				}
			}
			first := <-conns
			if len(conns) > 0 {
				t.Errorf("%d connections more than one", len(conns))
			}
			until(t, "it to be kept", func() bool { v := server.View(); return v.Idle == 1 && v.Active == 0 })
			c.end(l, first)
			until(t, "the connection to be let go of", func() bool { return server.View().Idle == 0 })
			if c.name != "server left" {
				if got := l.ask("/again"); !strings.HasSuffix(got, "\r\n\r\n/again") {
					t.Errorf("%q", got)
				}
			}
			_ = first.Close()
		})
	}
}

// TestFewAreKept: of many connections that are free at once only as many are kept
// as the set allows.
func TestFewAreKept(t *testing.T) {
	release := make(chan struct{})
	addr, conns := counting(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		for {
			for line := ""; line != "\r\n"; {
				var err error
				if line, err = in.ReadString('\n'); err != nil {
					return
				}
			}
			<-release
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	l := newLab(t, 1, nil, addr)
	const many, most = 12, 3
	var clients []net.Conn
	for range many {
		c := l.dial()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		clients = append(clients, c)
	}
	server := l.set.Servers()[0]
	until(t, "all to be asked", func() bool { return len(conns) == many })
	l.e.each(func(l *loop) {
		for _, p := range l.pools {
			p.most = most
		}
	})
	close(release)
	for _, c := range clients {
		if line, err := bufio.NewReader(c).ReadString('\n'); !strings.Contains(line, "200") {
			t.Fatal(line, err)
		}
	}
	until(t, "all to be free", func() bool { return server.View().Active == 0 })
	if got := server.View().Idle; got != most {
		t.Errorf("%d kept, want %d", got, most)
	}
}

// TestCut: when the grace time is over those who wait are reset, so that nothing
// looks complete, and so are those who are idle by then.
func TestCut(t *testing.T) {
	hang := make(chan struct{})
	asked := make(chan struct{}, 10)
	addr, _ := counting(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1000))
		asked <- struct{}{}
		<-hang
	})
	l := newLab(t, 2, func(c *exchange.Config) { c.Timeouts.Grace = 50 * time.Millisecond }, addr)
	t.Cleanup(func() { close(hang) })
	c := l.dial()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-asked
	half := l.dial()
	_, _ = io.WriteString(half, "GET / HTT")
	l.stop()
	for name, conn := range map[string]net.Conn{"waiting": c, "half a head": half} {
		if b, err := io.ReadAll(conn); len(b) > 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	l.settled()
}

// TestWaitIsTold: a loop that hears nothing for a while waits properly, and
// briefly again once there was something.
func TestWaitIsTold(t *testing.T) {
	l, err := newLoop(&Engine{cfg: Config{Exchange: exchange.Config{}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	events := make([]event, 8)
	for l.quiet < calm {
		if n := l.wait(events); n != 0 {
			t.Fatalf("%d events of nothing", n)
		}
	}
	go l.post(func(*loop) {})
	for l.wait(events) == 0 { // a signal may end it early
	}
	if l.quiet != 0 {
		t.Errorf("still %d quiet waits after an event", l.quiet)
	}
}

// TestPools: what a loop keeps for a server that has left goes with it.
func TestPools(t *testing.T) {
	l := newLab(t, 1, nil, echo(t), echo(t))
	for range 4 {
		l.ask("/x")
	}
	pools := func() int {
		n := make(chan int)
		l.e.loops[0].post(func(l *loop) { n <- len(l.pools) })
		return <-n
	}
	if got := pools(); got != 2 {
		t.Errorf("%d pools for two servers", got)
	}
	l.set.Update([]upstream.Backend{*l.set.Servers()[1].Backend()})
	until(t, "one pool", func() bool { return pools() == 1 })
	l.set.Update(nil)
	until(t, "no pool", func() bool { return pools() == 0 })
}
