package session

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen serves HTTP/2 in clear on a port of its own until the test ends, and
// returns the address and what stops it gracefully.
func listen(t testing.TB, cfg Config) (addr string, stop func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { Serve(ctx, c, nil, cfg) })
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		_ = ln.Close()
		wg.Wait()
	})
	t.Cleanup(stop)
	return ln.Addr().String(), stop
}

// handle serves one request with h, which reads and writes HTTP/1.1.
func handle(t testing.TB, h func(w io.Writer, r *http.Request) error) func(net.Conn) {
	return func(c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return // taken back, or malformed: h2spec sends both
		}
		if err := h(c, r); err != nil && t != nil {
			t.Log(err)
		}
	}
}

// echo answers with what it was asked and how long the body is.
func echo(w io.Writer, r *http.Request) error {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return err
	}
	body := fmt.Sprintf("%s %s %s %d %v", r.Method, r.Host, r.URL, n, r.Trailer)
	if r.Method == "HEAD" {
		_, err = fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body))
		return err
	}
	_, err = fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-From: echo\r\nConnection: close\r\n\r\n%s", len(body), body)
	return err
}

// within is a context for one step of a test.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// transport is Go's own client for HTTP/2 in clear.
func transport(t testing.TB) *http.Client {
	t.Helper()
	tr := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func do(t testing.TB, c *http.Client, method, url string, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v after %q", method, url, err, text[:min(len(text), 100)])
	}
	return resp, string(text)
}

func has(t testing.TB, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("%q is not in %q", want, got)
	}
}
