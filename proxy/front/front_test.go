package front

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"pingd/proxy/exchange"
	"pingd/proxy/http1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// routes has a request answered by the proxy itself.
type routes func(q *exchange.Query) *http1.Error

func (r routes) Route(q *exchange.Query, p *exchange.Plan) { p.Own = r(q) }

var teapot = &http1.Error{Status: 418, Reason: "short and stout"}

// answers is a configuration whose every request is answered so, but for one of /panic.
func answers() exchange.Config {
	return exchange.Config{Router: routes(func(q *exchange.Query) *http1.Error {
		if string(q.Request.Target(q.Buf)) == "/panic" {
			panic("a fault of the proxy")
		}
		return teapot
	})}
}

// listener hands out what a test puts into it: connections and errors.
type listener struct {
	next   chan any
	once   sync.Once
	closed chan struct{}
}

func newListener() *listener {
	return &listener{next: make(chan any, 100), closed: make(chan struct{})}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case v := <-l.next:
		if err, ok := v.(error); ok {
			return nil, err
		}
		return v.(net.Conn), nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// dial gives the listener a connection and returns the other end.
func (l *listener) dial() net.Conn {
	ours, theirs := net.Pipe()
	l.next <- theirs
	return ours
}

// ask sends a request and returns the status of the answer, 0 if none came.
func ask(c net.Conn, target string) int { return askAfter(c, "", target) }

// askAfter is ask with something sent before, in one piece.
func askAfter(c net.Conn, before, target string) int {
	if _, err := io.WriteString(c, before+"GET "+target+" HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		return 0
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// serve runs a Front until stop is called, which returns what Serve did.
func serve(cfg exchange.Config, ln net.Listener) (f *Front, stop func() error) {
	f = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Serve(ctx, ln) }()
	return f, func() error { cancel(); return <-done }
}

// TestAcceptGoesOn holds that no error of accepting but the listener's end is a reason
// to stop: it is tried again, with longer and longer pauses up to a second.
func TestAcceptGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		cfg, ln := answers(), newListener()
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		_, stop := serve(cfg, ln)
		for range 12 {
			ln.next <- errors.New("too many open files")
		}
		began := time.Now()
		c := ln.dial()
		if status := ask(c, "/"); status != 418 {
			t.Errorf("status %d", status)
		}
		// 5 ms, twice as long each time, and then a second each.
		if took := time.Since(began); took < 4*time.Second || took > 7*time.Second {
			t.Errorf("12 errors took %s", took)
		}
		if n := strings.Count(log.String(), "too many open files"); n != 12 || !strings.Contains(log.String(), "retry_in=5ms") || !strings.Contains(log.String(), "retry_in=1s") {
			t.Errorf("%d lines:\n%s", n, &log)
		}
		// One that is served well makes the pauses short again.
		ln.next <- errors.New("once")
		synctest.Wait()
		if !strings.Contains(log.String()[strings.Index(log.String(), "once"):], "retry_in=5ms") {
			t.Errorf("after a client that was served:\n%s", &log)
		}
		_ = c.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestServeEndsWithTheListener(t *testing.T) {
	ln := newListener()
	f := New(answers())
	_ = ln.Close()
	if err := f.Serve(t.Context(), ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want the error that ended accepting", err)
	}
	// And without a listener with its context alone.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := New(answers()).Serve(ctx, nil); err != nil {
		t.Error(err)
	}
}

// TestAPanicIsOneClients holds that a fault met by one request ends that connection, is
// told, and ends nobody else's.
func TestAPanicIsOneClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		cfg, ln := answers(), newListener()
		cfg.Logger, cfg.Gate = slog.New(slog.NewTextHandler(&log, nil)), exchange.NewGate(3)
		_, stop := serve(cfg, ln)
		calm := ln.dial()
		if status := ask(calm, "/"); status != 418 {
			t.Errorf("status %d", status)
		}
		for range 5 { // more than there is room for, if their room were not given back
			c := ln.dial()
			if status := ask(c, "/panic"); status != 0 {
				t.Errorf("the fault was answered with %d", status)
			}
			_ = c.Close()
		}
		if status := ask(calm, "/"); status != 418 {
			t.Errorf("afterwards status %d", status)
		}
		if n := strings.Count(log.String(), "a fault of the proxy"); n != 5 || !strings.Contains(log.String(), "front_test.go") {
			t.Errorf("told %d times, or without where:\n%s", n, &log)
		}
		synctest.Wait()
		if s := cfg.Gate.Stats(); s.Connections != 1 || s.Accepted != 6 || s.Own[4] != 2 {
			t.Errorf("the gate counts %+v", s)
		}
		_ = calm.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestAdoptAfterTheEnd holds that a connection that comes too late is closed, and its
// room given back.
func TestAdoptAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := answers()
		cfg.Gate = exchange.NewGate(2)
		f, stop := serve(cfg, nil)
		adopt := func() (net.Conn, bool) {
			if !cfg.Gate.TryEnter() {
				t.Fatal("no room")
			}
			cfg.Gate.Accepted()
			ours, theirs := net.Pipe()
			return ours, f.Adopt(theirs, []byte("GET /early HTTP/1.1\r\nHo"))
		}
		c, ok := adopt()
		if !ok {
			t.Fatal("not adopted while it serves")
		}
		// What was read before is the beginning of the first request.
		if _, err := io.WriteString(c, "st: h\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || res.StatusCode != 418 {
			t.Fatalf("%v, %v", res, err)
		}
		_ = res.Body.Close()
		_ = c.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
		for range 3 {
			c, ok := adopt()
			if _, err := c.Read(make([]byte, 1)); ok || !errors.Is(err, io.EOF) {
				t.Errorf("adopted %v, then %v", ok, err)
			}
		}
		if s := cfg.Gate.Stats(); s.Connections != 0 {
			t.Errorf("the gate counts %+v", s)
		}
	})
}

// TestHold holds that who holds the Front may hand connections over while it stops, and
// that Serve waits for them.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := answers()
		f := New(cfg)
		release := f.Hold()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Serve(ctx, nil) }()
		cancel()
		synctest.Wait()
		f.cfg.Gate.TryEnter()
		f.cfg.Gate.Accepted()
		ours, theirs := net.Pipe()
		if !f.Adopt(theirs, nil) {
			t.Error("not taken while it is held")
		}
		if status := ask(ours, "/"); status != 418 {
			t.Errorf("status %d", status)
		}
		_ = ours.Close()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Errorf("it ended while it was held: %v", err)
		default:
		}
		release()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestStopping walks through the times of the end: what is under way is finished and the
// connection told to end, who is idle has the parting time for one more request, who
// sends half a head is cut after the grace time.
func TestStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, ln := answers(), newListener()
		cfg.Timeouts.Grace, cfg.Timeouts.Head = 3*time.Second, time.Hour
		_, stop := serve(cfg, ln)
		idle, late, half := ln.dial(), ln.dial(), ln.dial()
		for _, c := range []net.Conn{idle, late} {
			if status := ask(c, "/"); status != 418 {
				t.Errorf("status %d", status)
			}
		}
		if _, err := io.WriteString(half, "GET / HTTP/1.1\r\nHos"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		ended := make(chan time.Duration, 1)
		go func() {
			if err := stop(); err != nil {
				t.Error(err)
			}
			ended <- time.Since(began)
		}()
		closed := make(chan time.Duration, 1)
		go func() {
			_, _ = idle.Read(make([]byte, 1))
			closed <- time.Since(began)
		}()
		synctest.Wait()
		<-time.After(exchange.Parting / 2)
		if _, err := io.WriteString(late, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(late), nil)
		if err != nil || res.StatusCode != 418 || !res.Close {
			t.Errorf("within the parting time: %v, %v", res, err)
		} else {
			_ = res.Body.Close()
		}
		_ = late.Close()
		if at := <-closed; at.Round(time.Millisecond) != exchange.Parting {
			t.Errorf("the idle one was closed after %s", at)
		}
		if at := <-ended; at.Round(time.Millisecond) != exchange.Parting+3*time.Second {
			t.Errorf("it ended after %s", at)
		}
		for _, c := range []net.Conn{idle, half} {
			_ = c.Close()
		}
	})
}

// TestSlowHead holds that a client that stands still in its head gets 408 after that
// time, and one that never said anything is closed without.
func TestSlowHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, ln := answers(), newListener()
		cfg.Timeouts.Head = 2 * time.Second
		_, stop := serve(cfg, ln)
		began := time.Now()
		slow, silent := ln.dial(), ln.dial()
		if _, err := io.WriteString(slow, "GET / HTTP/1.1\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(slow), nil)
		if took := time.Since(began).Round(time.Millisecond); err != nil || res.StatusCode != 408 || took != 2*time.Second {
			t.Errorf("%v, %v after %s", res, err, time.Since(began))
		} else {
			_ = res.Body.Close()
		}
		if n, err := silent.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) || time.Since(began) > 3*time.Second {
			t.Errorf("the silent one: %d bytes, %v after %s", n, err, time.Since(began))
		}
		_ = slow.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestAddress(t *testing.T) {
	for _, test := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 80}, "10.1.2.3:80"},
		{&net.TCPAddr{IP: net.ParseIP("::ffff:10.1.2.3"), Port: 80}, "10.1.2.3:80"}, // the same, come over IPv6
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 1, Zone: "eth0"}, "[fe80::1]:1"},
		{&net.TCPAddr{}, "invalid AddrPort"},
		{&net.UDPAddr{IP: net.IPv4(1, 1, 1, 1)}, "invalid AddrPort"},
		{&net.UnixAddr{Name: "x"}, "invalid AddrPort"},
		{nil, "invalid AddrPort"},
	} {
		got := address(test.addr)
		if test.want == "invalid AddrPort" && !got.IsValid() {
			continue
		}
		if want, err := netip.ParseAddrPort(test.want); err != nil || got != want {
			t.Errorf("%v is %v, want %s", test.addr, got, test.want)
		}
	}
}

// located is a connection from an address of TCP.
type located struct {
	net.Conn
	from net.Addr
}

func (l located) RemoteAddr() net.Addr { return l.from }

// dialFrom is dial, from an address.
func (l *listener) dialFrom(ip string) net.Conn {
	ours, theirs := net.Pipe()
	l.next <- located{theirs, &net.TCPAddr{IP: net.ParseIP(ip), Port: 4711}}
	return ours
}

// TestAnnouncedClients holds that only of the networks named the header of a proxy in
// front is believed, and that without it nobody from there is served.
func TestAnnouncedClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		cfg, ln := answers(), newListener()
		cfg.Announced = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		cfg.Trusted = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		cfg.Router = routes(func(q *exchange.Query) *http1.Error {
			who := string(q.Client)
			if q.Trusted {
				who += " trusted"
			}
			seen = append(seen, who)
			return teapot
		})
		_, stop := serve(cfg, ln)
		for _, test := range []struct {
			from, header string
			status       int
			who          string
		}{
			{"172.16.0.1", "", 418, "172.16.0.1"},
			{"172.16.0.1", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", 400, ""},
			{"10.0.0.1", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", 418, "1.2.3.4"},
			{"10.0.0.1", "PROXY TCP4 192.0.2.7 5.6.7.8 1 2\r\n", 418, "192.0.2.7 trusted"},
			{"10.0.0.1", "PROXY UNKNOWN\r\n", 418, "10.0.0.1"},
			{"10.0.0.1", "PROXY TCP4 nonsense\r\n", 0, ""},
			{"10.0.0.1", "\r\n\r\n\x00\r\nQUIT\n\x51\x11\x00\x00", 0, ""}, // version 2, another's
			{"10.0.0.1", "", 0, ""},
		} {
			seen = nil
			c := ln.dialFrom(test.from)
			got := askAfter(c, test.header, "/")
			if who := strings.Join(seen, ","); got != test.status || who != test.who {
				t.Errorf("from %s, %q: status %d by %q, want %d by %q", test.from, test.header, got, who, test.status, test.who)
			}
			_ = c.Close()
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestHandshakeFails holds that a client that speaks no TLS, or nothing at all, is closed,
// in time, and counted.
func TestHandshakeFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, ln := answers(), newListener()
		cfg.Timeouts.Head = 2 * time.Second
		f, stop := serve(cfg, nil)
		ctx, cancel := context.WithCancel(t.Context())
		listened := make(chan error, 1)
		go func() { listened <- f.Listen(ctx, ln, &tls.Config{}) }()
		began := time.Now()
		silent, plain := ln.dial(), ln.dial()
		go func() { _, _ = io.WriteString(plain, "GET / HTTP/1.1\r\nHost: h\r\n\r\n") }()
		if text, _ := io.ReadAll(plain); bytes.Contains(text, []byte("418")) {
			t.Errorf("served without TLS: %q", text)
		}
		if time.Since(began) > time.Second {
			t.Errorf("refused after %s", time.Since(began))
		}
		if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || time.Since(began).Round(time.Millisecond) != 2*time.Second {
			t.Errorf("the silent one: %v after %s", err, time.Since(began))
		}
		synctest.Wait()
		if s := f.SecureStats(); s.Failed != 2 || s.Handshakes != 0 {
			t.Errorf("%+v", s)
		}
		_, _ = silent.Close(), plain.Close()
		cancel()
		if err := errors.Join(<-listened, stop()); err != nil {
			t.Error(err)
		}
	})
}
