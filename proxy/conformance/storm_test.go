package conformance

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// moody is a server that answers with the request's own path over and over, in
// one of many ways, good and bad, drawn by chance. It counts what it was asked.
type moody struct {
	seed uint64
	mu   sync.Mutex
	seen map[string]int // POSTs by path
}

// moods are what it may do with a request.
const (
	moodLength = iota
	moodChunked
	moodUntilClose
	moodHints  // 103 before the answer
	moodLast   // Connection: close
	moodStale  // closes without having said so
	moodDrops  // a byte at a time
	moodEarly  // answers before the request's body, and closes
	moodReset  // before the answer
	moodClose  // before the answer
	moodShort  // closes within the body
	moodBroken // resets within the body
	moodNoise  // what is not HTTP
	moods
)

func (m *moody) serve(c net.Conn, in *bufio.Reader, n int) {
	r := rand.New(rand.NewPCG(m.seed, uint64(n)))
	for m.one(c.(*net.TCPConn), in, r) {
	}
}

// one serves one request, and reports whether the connection goes on.
func (m *moody) one(c *net.TCPConn, in *bufio.Reader, r *rand.Rand) bool {
	req, err := http.ReadRequest(in)
	if err != nil {
		return false
	}
	path, mood := req.URL.Path, r.IntN(moods)
	if req.Method == "POST" {
		m.mu.Lock()
		m.seen[path]++
		m.mu.Unlock()
	}
	if mood != moodEarly {
		if b, err := io.ReadAll(req.Body); err != nil || len(b) > 0 && !whole(b, path, len(b)) {
			return false
		}
	}
	size := r.IntN(200)
	if r.IntN(4) == 0 && mood != moodDrops {
		size = r.IntN(200 << 10)
	}
	body := strings.Repeat(path, size/len(path)+1)[:size]
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Size: %d\r\n", size)
	framed := fmt.Sprintf("%sContent-Length: %d\r\n\r\n", head, size)
	if req.Method == "HEAD" {
		body = ""
	}
	cut := body[:r.IntN(len(body)+1)]
	switch mood {
	case moodReset:
		_ = c.SetLinger(0)
		return false
	case moodClose:
		return false
	case moodNoise:
		_, _ = io.WriteString(c, "\x00\x01 "+framed)
		return false
	case moodUntilClose:
		_, _ = io.WriteString(c, head+"\r\n"+body)
		return false
	case moodStale, moodEarly:
		_, _ = io.WriteString(c, framed+body)
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, in)
		return false
	case moodLast:
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n"+framed[len("HTTP/1.1 200 OK\r\n"):]+body)
		return false
	case moodShort:
		_, _ = io.WriteString(c, framed+cut)
		return false
	case moodBroken:
		_, _ = io.WriteString(c, head+"\r\n"+cut)
		_ = c.SetLinger(0)
		return false
	case moodChunked:
		_, err = io.WriteString(c, head+"Transfer-Encoding: chunked\r\n\r\n"+chunks(body, req.Method == "HEAD", r))
	case moodHints:
		_, err = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"+framed+body)
	case moodDrops:
		for _, b := range []byte(framed + body) {
			if _, err = c.Write([]byte{b}); err != nil {
				break
			}
		}
	default:
		_, err = io.WriteString(c, framed+body)
	}
	return err == nil
}

// chunks frames body in pieces of sizes drawn by chance.
func chunks(body string, head bool, r *rand.Rand) string {
	if head {
		return ""
	}
	var b strings.Builder
	for len(body) > 0 {
		n := 1 + r.IntN(len(body))
		fmt.Fprintf(&b, "%x;a=\"b\"\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\nTrailing: x\r\n\r\n")
	return b.String()
}

// whole tells whether b is path over and over, size bytes of it.
func whole(b []byte, path string, size int) bool {
	return len(b) == size && string(b) == strings.Repeat(path, size/len(path)+1)[:size]
}

// TestStorm lets clients of every habit meet servers of every mood. Nobody may
// get another's answer, nor a part of one that looks whole; no POST may reach a
// server twice; and in the end nothing is held.
func TestStorm(t *testing.T) { every(t, testStorm) }

func testStorm(t *testing.T, k engine) {
	servers := []*moody{{seed: 1}, {seed: 2}, {seed: 3}}
	var values []string
	for i, m := range servers {
		m.seen = map[string]int{}
		values = append(values, backend(t, m.serve)+[]string{"", " maxconn=2", " maxconn=3"}[i])
	}
	e := k.start(t, nil, values...)
	e.allUp(len(servers))
	var wg sync.WaitGroup
	for worker := range 12 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 7))
			for i := range 30 {
				if err := e.caller(r, fmt.Sprintf("/%d-%d", worker, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	until(t, "all clients to be gone", func() bool { return e.gate.Stats().Connections == 0 })
	until(t, "all slots to be free", func() bool {
		for _, s := range e.set.Servers() {
			if s.View().Active != 0 {
				return false
			}
		}
		return e.set.Waiting() == 0
	})
	posts := map[string]int{}
	for _, m := range servers {
		m.mu.Lock()
		for path, n := range m.seen {
			posts[path] += n
		}
		m.mu.Unlock()
	}
	for path, n := range posts {
		if n > 1 {
			t.Errorf("POST %s reached servers %d times", path, n)
		}
	}
	if len(posts) < 50 {
		t.Errorf("only %d POSTs", len(posts))
	}
}

var errStorm = errors.New("wrong answer")

// caller is one client connection with a life drawn by chance.
func (e *env) caller(r *rand.Rand, id string) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(60 * time.Second))
	methods, raw := requests(r, id)
	switch n := r.IntN(8); {
	case n == 0: // gone in the midst of it
		_, _ = io.WriteString(c, raw[:r.IntN(len(raw))])
		if r.IntN(2) == 0 {
			_ = c.SetLinger(0)
		}
		return nil
	case n < 3 && len(raw) < 4000:
		for i := range len(raw) {
			if _, err := io.WriteString(c, raw[i:i+1]); err != nil {
				break // the proxy has closed: what it said is to be read
			}
		}
	default:
		_, _ = io.WriteString(c, raw)
	}
	if r.IntN(6) == 0 {
		_ = c.CloseWrite()
	}
	in := bufio.NewReaderSize(c, 16+r.IntN(8192))
	for n, method := range methods {
		if r.IntN(12) == 0 {
			_ = c.SetLinger(0)
			return nil // gone before the answer, or in its midst
		}
		if on, err := readAnswer(in, method, fmt.Sprintf("%s-%d", id, n)); err != nil || !on {
			return err
		}
	}
	return nil
}

// requests makes a few requests in a row. Those after one that a server may
// answer early may never be looked at.
func requests(r *rand.Rand, id string) (methods []string, raw string) {
	for n := range 1 + r.IntN(5) {
		path := fmt.Sprintf("%s-%d", id, n)
		method := []string{"GET", "GET", "HEAD", "POST", "PUT"}[r.IntN(5)]
		raw += method + " " + path + " HTTP/1.1\r\nHost: h\r\n"
		size := 0
		if method == "POST" || method == "PUT" {
			if size = 1 + r.IntN(100); r.IntN(4) == 0 {
				size = 1 + r.IntN(150<<10)
			}
		}
		body := strings.Repeat(path, size/len(path)+1)[:size]
		switch {
		case size == 0:
			raw += "\r\n"
		case r.IntN(2) == 0 && size < 1000:
			raw += "Transfer-Encoding: chunked\r\n\r\n" + chunks(body, false, r)
		default:
			raw += fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, body)
		}
		methods = append(methods, method)
	}
	return methods, raw
}

// readAnswer reads the answer to one request, and reports whether there can be
// another one behind it.
func readAnswer(in *bufio.Reader, method, path string) (on bool, err error) {
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return false, nil // the connection ended: the request may be lost, not garbled
	}
	if resp.StatusCode == http.StatusEarlyHints {
		return readAnswer(in, method, path)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusBadGateway || resp.StatusCode == http.StatusServiceUnavailable:
		return err == nil && !resp.Close, nil
	case resp.StatusCode != http.StatusOK:
		return false, fmt.Errorf("%w: %s %s: %s %q", errStorm, method, path, resp.Status, body)
	}
	size, _ := strconv.Atoi(resp.Header.Get("X-Size"))
	switch {
	case method == http.MethodHead:
		return !resp.Close, nil
	case err != nil: // cut, and the client can see it
		if !whole(body, path, len(body)) {
			return false, fmt.Errorf("%w: %s %s: %w after %q", errStorm, method, path, err, bytes.TrimSpace(body))
		}
		return false, nil
	case !whole(body, path, size):
		return false, fmt.Errorf("%w: %s %s: %d of %d bytes look whole", errStorm, method, path, len(body), size)
	}
	return !resp.Close, nil
}
