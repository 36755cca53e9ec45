package admin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// serve runs s until the test ends.
func serve(t *testing.T, s *Server) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s.Addr()
}

// knock opens a connection and says the beginning of something.
func knock(t *testing.T, addr, beginning string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, beginning); err != nil {
		t.Fatal(err)
	}
	return c
}

// Strangers who hold connections, whatever they say or do not say, keep nobody out.
func TestStrangersGiveWay(t *testing.T) {
	for name, beginning := range map[string]string{
		"silent":       "",
		"half a head":  "GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
		"half a login": "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nsecret=",
		"kept alive":   "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(c *Config) { c.Secret = "sesame" })
			addr := serve(t, s)
			var first net.Conn
			for i := range 2 * maxConns {
				c := knock(t, addr, beginning)
				if i == 0 {
					first = c
				}
			}
			client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
			for _, path := range []string{"/healthz", "/status"} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.SetBasicAuth("", "sesame")
				res, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if res.StatusCode != http.StatusOK {
					t.Errorf("%s: %s", path, res.Status)
				}
			}
			if _, err := io.Copy(io.Discard, first); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("the first stranger: %v", err)
			}
		})
	}
}

// Somebody who may ask keeps the connection while the answer is on its way, and gives
// way afterwards.
func TestAnswersAreNotCutOff(t *testing.T) {
	s := newServer(t, func(c *Config) { c.Secret = "sesame" })
	more := make(chan struct{})
	s.Mount(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "begun,")
		http.NewResponseController(w).Flush()
		<-more
		fmt.Fprint(w, "ended")
	}))
	addr := serve(t, s)
	stream := knock(t, addr, "GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic OnNlc2FtZQ==\r\n\r\n")
	in := bufio.NewReader(stream)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res, err)
	}
	if b, err := bufio.NewReader(io.LimitReader(res.Body, 6)).ReadString(','); b != "begun," {
		t.Fatalf("%q, %v", b, err)
	}
	for range 2 * maxConns {
		knock(t, addr, "")
	}
	close(more)
	if rest, err := io.ReadAll(res.Body); string(rest) != "ended" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	for range 2 * maxConns {
		knock(t, addr, "")
	}
	if b, err := in.ReadByte(); err == nil {
		t.Errorf("still there: %q", b)
	}
}

// With no room and nobody who waits, a further one has to go.
func TestNoRoom(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c := newCrowd(ln, 2)
	a, b := net.Pipe()
	defer b.Close()
	one, two := c.enter(a), c.enter(a)
	one.answered(true)
	two.answered(true)
	if c.enter(a) != nil {
		t.Error("taken in")
	}
	one.answered(false)
	three := c.enter(b)
	if three == nil || !one.left || c.held != 2 {
		t.Fatalf("%v, held %d", three, c.held)
	}
	one.answered(true) // its handler ends late
	one.Close()        // and so does its server
	if c.held != 2 || c.waiting.Len() != 1 {
		t.Errorf("held %d, %d wait", c.held, c.waiting.Len())
	}
	two.Close()
	three.Close()
	if c.held != 0 || c.waiting.Len() != 0 {
		t.Errorf("held %d, %d wait", c.held, c.waiting.Len())
	}
}
