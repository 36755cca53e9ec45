package session

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// goServer is Go's own server for HTTP/2 in clear.
func goServer(t testing.TB, h http.HandlerFunc) (addr string, srv *httptest.Server) {
	t.Helper()
	srv = httptest.NewUnstartedServer(h)
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String(), srv
}

func pool(t testing.TB, addr string, cfg PoolConfig) *Pool {
	t.Helper()
	cfg.Dial = func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
	p := NewPool(cfg)
	t.Cleanup(p.Close)
	return p
}

// ask sends a request as text over p and returns the response.
func ask(ctx context.Context, p *Pool, method, text string) (*http.Response, string, error) {
	c, err := p.Dial(ctx)
	if err != nil {
		return nil, "", err
	}
	defer c.Close()
	d, _ := ctx.Deadline()
	_ = c.SetDeadline(d)
	if _, err := io.WriteString(c, text); err != nil {
		return nil, "", err
	}
	req, _ := http.NewRequest(method, "http://x/", nil)
	resp, err := http.ReadResponse(bufio.NewReader(c), req)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// empty waits until p keeps no connection.
func empty(t testing.TB, p *Pool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ctx := within(t); p.Conns() > 0; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("a connection of no use is kept")
		}
	}
}

func TestPoolAsksGoServer(t *testing.T) {
	addr, _ := goServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprintf(w, "%s %s %s %s %d %v %s", r.Proto, r.Method, r.Host, r.URL, len(body), r.Trailer, r.Header.Get("TE"))
		w.Header().Set("X-Sum", "7")
	})
	p := pool(t, addr, PoolConfig{})
	resp, body, err := ask(within(t), p, "GET", "GET /a?b HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n")
	if err != nil || resp.StatusCode != 200 || resp.Trailer.Get("X-Sum") != "7" {
		t.Fatalf("%+v %v", resp, err)
	}
	has(t, body, "HTTP/2.0 GET h /a?b 0 map[] trailers")
	_, body, err = ask(within(t), p, "POST", "POST / HTTP/1.1\r\nHost: h\r\nTrailer: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nt: 1\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	has(t, body, "HTTP/2.0 POST h / 3 map[T:[1]]")
	big := strings.Repeat("z", 3<<20)
	_, body, err = ask(within(t), p, "PUT", fmt.Sprintf("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", len(big), big))
	if err != nil {
		t.Fatal(err)
	}
	has(t, body, fmt.Sprintf(" %d ", len(big)))
	resp, body, err = ask(within(t), p, "HEAD", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
	if err != nil || body != "" || resp.StatusCode != 200 {
		t.Fatalf("%+v %q %v", resp, body, err)
	}
	if p.Conns() != 1 {
		t.Errorf("%d connections", p.Conns())
	}
}

// TestPoolSharesConnections: many requests at once need few connections, and none
// is asked for more than it allows.
func TestPoolSharesConnections(t *testing.T) {
	addr, _ := listen(t, Config{Streams: 20, Handle: handle(t, echo)})
	p := pool(t, addr, PoolConfig{})
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			_, body, err := ask(within(t), p, "POST", fmt.Sprintf("POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody", i))
			if err != nil {
				t.Error(err)
			}
			has(t, body, fmt.Sprintf("POST h /%d 4", i))
		})
	}
	wg.Wait()
	if n := p.Conns(); n > 15 {
		t.Errorf("%d connections for 300 requests", n)
	}
}

func TestPoolServerGone(t *testing.T) {
	addr, srv := goServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	p := pool(t, addr, PoolConfig{})
	if resp, _, err := ask(within(t), p, "GET", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil || resp.StatusCode != 204 {
		t.Fatal(resp, err)
	}
	srv.Close()
	empty(t, p)
	if _, _, err := ask(within(t), p, "GET", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err == nil {
		t.Error("answered by nobody")
	}
	p.Close()
	if _, err := p.Dial(within(t)); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestPoolCutResponse: a server that dies within a response is noticed.
func TestPoolCutResponse(t *testing.T) {
	addr, _ := goServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "hello")
		panic(http.ErrAbortHandler)
	})
	if _, body, err := ask(within(t), pool(t, addr, PoolConfig{}), "GET", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err == nil {
		t.Errorf("a broken response looks whole: %q", body)
	}
}

func TestPoolLetsGoOfIdleConnections(t *testing.T) {
	addr, _ := goServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	p := pool(t, addr, PoolConfig{Idle: 20 * time.Millisecond})
	if _, _, err := ask(within(t), p, "GET", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	empty(t, p)
}

func TestDeadline(t *testing.T) {
	addr, _ := goServer(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	p := pool(t, addr, PoolConfig{})
	c, err := p.Dial(within(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	var ne net.Error
	if _, err := c.Read(make([]byte, 1)); !errors.As(err, &ne) || !ne.Timeout() {
		t.Error(err)
	}
	ended := make(chan error)
	_ = c.SetReadDeadline(time.Time{})
	go func() { _, err := c.Read(make([]byte, 1)); ended <- err }()
	_ = c.SetReadDeadline(time.Unix(1, 0)) // wakes a reader that waits
	if err := <-ended; !errors.As(err, &ne) || !ne.Timeout() {
		t.Error(err)
	}
}

// TestPoolLeavesMuteConnections: a server that is gone without a word takes one request
// with it, and not those that come later for as long as the connection seems to be there.
func TestPoolLeavesMuteConnections(t *testing.T) {
	addr, _ := goServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mute sync.WaitGroup
	mute.Go(func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0}) // its settings, and then nothing more
		_, _ = io.Copy(io.Discard, conn)
	})
	t.Cleanup(func() { _ = ln.Close(); mute.Wait() })
	dials := 0
	p := NewPool(PoolConfig{Dial: func(ctx context.Context) (net.Conn, error) {
		to := addr
		if dials++; dials == 1 {
			to = ln.Addr().String()
		}
		var d net.Dialer
		return d.DialContext(ctx, "tcp", to)
	}})
	t.Cleanup(p.Close)
	short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, _, err := ask(short, p, "GET", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err == nil {
		t.Fatal("answered by nobody")
	}
	later, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	if resp, _, err := ask(later, p, "GET", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil || resp.StatusCode != 204 {
		t.Errorf("the next request: %v, %v", resp, err)
	}
}

// TestPoolBoundsInterimResponses: heads have no window, and a server may send as many as
// it likes to a client that reads none.
func TestPoolBoundsInterimResponses(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	flooded := make(chan error, 1)
	var flood sync.WaitGroup
	flood.Go(func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		flooded <- interimUntilReset(conn)
	})
	t.Cleanup(func() { _ = ln.Close(); flood.Wait() })
	p := pool(t, ln.Addr().String(), PoolConfig{})
	c, err := p.Dial(within(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-flooded; err != nil {
		t.Error(err)
	}
}

// interimUntilReset sends 103 responses on stream 1 until it is reset.
func interimUntilReset(conn net.Conn) error {
	if _, err := io.CopyN(io.Discard, conn, int64(len(http2.ClientPreface))); err != nil {
		return err
	}
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	_ = e.WriteField(hpack.HeaderField{Name: ":status", Value: "103", Sensitive: true})
	_ = e.WriteField(hpack.HeaderField{Name: "link", Value: strings.Repeat("x", 8<<10), Sensitive: true})
	f := http2.NewFramer(conn, conn)
	if err := f.WriteSettings(); err != nil {
		return err
	}
	sent := 0
	for {
		got, err := f.ReadFrame()
		switch got := got.(type) {
		case *http2.RSTStreamFrame:
			return nil
		case *http2.HeadersFrame:
			for ; sent < 4<<20; sent += block.Len() {
				if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: got.StreamID, BlockFragment: block.Bytes(), EndHeaders: true}); err != nil {
					return err
				}
			}
			if err := f.WritePing(false, [8]byte{}); err != nil {
				return err
			}
		case *http2.PingFrame:
			return fmt.Errorf("%d bytes of interim responses are held", sent)
		}
		if err != nil {
			return err
		}
	}
}
