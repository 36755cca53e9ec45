package counter

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// talk sends bytes over a connection of its own and returns what came back until
// the counter closed, or until so many answers have come.
func talk(t *testing.T, addr, send string, answers int) (got []string, closed bool) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go io.WriteString(conn, send)
	in := bufio.NewReader(conn)
	for range answers {
		status, _, err := readAnswer(in, strings.HasPrefix(send, "HEAD"))
		if err != nil {
			t.Errorf("%.60q: after %q: %v", send, got, err)
			return got, true
		}
		got = append(got, status)
	}
	if answers > 0 && !strings.Contains(got[answers-1], " close") {
		return got, false
	}
	_, err = in.ReadByte()
	return got, errors.Is(err, io.EOF)
}

// readAnswer reads "200 1", with " close" if the connection ends.
func readAnswer(in *bufio.Reader, head bool) (string, *http.Response, error) {
	method := "GET"
	if head {
		method = "HEAD"
	}
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	text := strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, strings.TrimSuffix(string(body), "\n")))
	if resp.Close {
		text += " close"
	}
	return text, resp, err
}

// Bytes as they come over the wire, and what they get: nothing that is not one
// plain request is answered as one, and what might hide a second one ends the
// connection.
func TestConversations(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: x\r\n"
	refused := func(e *headError) string { return fmt.Sprintf("%d %s close", e.status, e.text) }
	for _, tc := range []struct {
		name, send string
		want       []string
	}{
		{"two in turn", get + "\r\n" + get + "\r\n", []string{"200 1", "200 2"}},
		{"an empty line before", "\r\n" + get + "\r\n", []string{"200 1"}},
		{"many at once, the last closes", strings.Repeat(get+"\r\n", 20) + get + "Connection: close\r\n\r\n", append(numbers(20), "200 21 close")},
		{"nothing after close", get + "Connection: close\r\n\r\n" + get + "\r\n", []string{"200 1 close"}},
		{"health, visit, not found", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + get + "\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n", []string{"200 ok", "200 1", "404 not found"}},
		{"absolute form", "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", []string{"200 1"}},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", []string{"200 1 close"}},
		{"HTTP/1.0, kept", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n", []string{"200 1", "200 2 close"}},
		{"HEAD", "HEAD / HTTP/1.1\r\nHost: x\r\n\r\nHEAD /a HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.0\r\n\r\n", []string{"200", "404", "200 close"}},
		{"head of 16 KiB", get + "A: " + strings.Repeat("a", maxHead-len(get)-7) + "\r\n\r\n", []string{"200 1"}},
		{"and a byte more", get + "A: " + strings.Repeat("a", maxHead-len(get)-6) + "\r\n\r\n" + get + "\r\n", []string{refused(errTooLarge)}},
		{"endless field", get + "A: " + strings.Repeat("a", 200<<10), []string{refused(errTooLarge)}},

		{"GET with content that is a request", get + "Content-Length: 50\r\n\r\n" + get + "\r\n", []string{refused(errBody)}},
		{"GET, chunked", get + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get + "\r\n", []string{refused(errBody)}},
		{"HEAD with content", "HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nG" + get + "\r\n", []string{"400 close"}},
		{"both framings", get + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get + "\r\n", []string{refused(errFraming)}},
		{"two lengths", get + "Content-Length: 0\r\nContent-Length: 38\r\n\r\n" + get + "\r\n", []string{refused(errFraming)}},
		{"encoding with a space before the colon", get + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + get + "\r\n", []string{refused(errField)}},
		{"folded encoding", get + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", []string{refused(errField)}},
		{"POST with content", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + get + "\r\n", []string{"405 method not allowed close"}},
		{"POST elsewhere, chunked", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", []string{"404 not found close"}},
		{"POST of a megabyte", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n" + strings.Repeat("x", 100<<10), []string{"405 method not allowed close"}},
		{"POST without content", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" + get + "\r\n", []string{"405 method not allowed", "200 1"}},
		{"bare line feeds", "GET / HTTP/1.1\nHost: x\n\n", []string{refused(errLineEnd)}},
		{"a bare line feed after a good request", get + "\r\n" + get + "\n", []string{"200 1", refused(errLineEnd)}},
		{"no host", "GET / HTTP/1.1\r\n\r\n", []string{refused(errHost)}},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []string{refused(errVersion)}},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", []string{refused(errLineEnd)}},
		{"two keys", get + "Idempotency-Key: a\r\nIdempotency-Key: a\r\n\r\n" + get + "\r\n", []string{"400 " + errKeyRepeated.Error(), "200 1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := start(t, Config{Grace: time.Millisecond})
			got, closed := talk(t, c.Addr().String(), tc.send, len(tc.want))
			if strings.Join(got, "|") != strings.Join(tc.want, "|") {
				t.Errorf("answers %q, want %q", got, tc.want)
			}
			if want := strings.HasSuffix(tc.want[len(tc.want)-1], " close"); closed != want {
				t.Errorf("connection closed %v, want %v", closed, want)
			}
			counted := 0
			for _, a := range tc.want {
				if n := 0; strings.HasPrefix(a, "200 ") {
					if k, _ := fmt.Sscan(a[4:], &n); k == 1 {
						counted = n
					}
				}
			}
			if st := c.Status().(Status); int(st.Visits) != counted {
				t.Errorf("%d visits counted, want %d", st.Visits, counted)
			}
		})
	}
}

func numbers(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("200 %d", i+1))
	}
	return list
}

// What every answer must carry.
func TestFieldsOfAnswers(t *testing.T) {
	c := start(t, Config{})
	for _, path := range []string{"/", "/healthz", "/nowhere"} {
		resp, body := c.do("GET", path)
		when, err := http.ParseTime(resp.Header.Get("Date"))
		if err != nil || time.Since(when).Abs() > time.Minute {
			t.Errorf("%s: Date %q: %v", path, resp.Header.Get("Date"), err)
		}
		if resp.ContentLength != int64(len(body)) || resp.Header.Get("Connection") != "" {
			t.Errorf("%s: %d bytes with Content-Length %d, Connection %q", path, len(body), resp.ContentLength, resp.Header.Get("Connection"))
		}
	}
	if resp, _ := c.do("HEAD", "/healthz"); resp.ContentLength != 3 {
		t.Errorf("HEAD /healthz: Content-Length %d, want that of GET", resp.ContentLength)
	}
}

// pipes is a listener whose connections are in memory, so that a test's own time
// passes for them: no write of theirs ends before it is read.
type pipes struct {
	ready  chan net.Conn
	closed chan struct{}
	once   sync.Once
	fail   []error // returned first
}

func newPipes(fail ...error) *pipes {
	return &pipes{ready: make(chan net.Conn), closed: make(chan struct{}), fail: fail}
}

func (p *pipes) Accept() (net.Conn, error) {
	if len(p.fail) > 0 {
		err := p.fail[0]
		p.fail = p.fail[1:]
		return nil, err
	}
	select {
	case c := <-p.ready:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.ready <- there
	return here
}

// inOwnTime runs a counter whose time is the test's own.
func inOwnTime(t *testing.T, cfg Config, f func(t *testing.T, p *pipes, c *Counter, stop func()), fail ...error) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes(fail...)
		c, stop, done := p.serve(t, cfg)
		f(t, p, c, stop)
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// serve runs a counter on p until stop; done tells what Run returned.
func (p *pipes) serve(t *testing.T, cfg Config) (c *Counter, stop func(), done chan error) {
	t.Helper()
	cfg.Listener = p
	if cfg.Store == nil {
		cfg.Store = &memory{}
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done = make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return c, stop, done
}

// ask makes one request on conn.
func ask(conn net.Conn, path string) (string, *http.Response, error) {
	go fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	return readAnswer(bufio.NewReader(conn), false)
}

// lives returns how long the counter keeps a connection from now on.
func lives(t *testing.T, conn net.Conn) time.Duration {
	t.Helper()
	begin := time.Now()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read %d bytes, %v, want the end", n, err)
	}
	return time.Since(begin)
}

func near(got, want time.Duration) bool { return got >= want && got <= want+2*sweepMax }

func TestSlowClientsAreLetGo(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	visit := func(t *testing.T, conn net.Conn) {
		go io.WriteString(conn, get)
		if a, _, err := readAnswer(bufio.NewReader(conn), false); err != nil || !strings.HasPrefix(a, "200 ") {
			t.Errorf("answer %q, %v", a, err)
		}
	}
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, conn net.Conn)
		want time.Duration
	}{
		{"silent from the start", func(*testing.T, net.Conn) {}, readHeaderTimeout},
		{"half a head", func(_ *testing.T, conn net.Conn) { _, _ = io.WriteString(conn, get[:20]) }, readHeaderTimeout},
		{"half a head after a visit", func(t *testing.T, conn net.Conn) {
			visit(t, conn)
			<-time.After(time.Minute)
			_, _ = io.WriteString(conn, get[:20])
		}, readHeaderTimeout},
		{"a byte each second", func(_ *testing.T, conn net.Conn) {
			for i := range 4 {
				_, _ = io.WriteString(conn, get[i:i+1])
				<-time.After(time.Second)
			}
		}, readHeaderTimeout - 4*time.Second},
		{"only empty lines", func(_ *testing.T, conn net.Conn) {
			for range 4 {
				_, _ = io.WriteString(conn, "\r\n")
				<-time.After(time.Second)
			}
		}, readHeaderTimeout - 4*time.Second},
		{"idle after a visit", visit, idleTimeout},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inOwnTime(t, Config{}, func(t *testing.T, p *pipes, _ *Counter, _ func()) {
				conn := p.dial()
				defer conn.Close()
				tc.do(t, conn)
				if got := lives(t, conn); !near(got, tc.want) {
					t.Errorf("closed after %v, want %v", got, tc.want)
				}
			})
		})
	}
}

// A visitor that does not read its answer holds up nobody, and is let go.
func TestVisitorThatDoesNotRead(t *testing.T) {
	inOwnTime(t, Config{VisitTimeout: time.Second}, func(t *testing.T, p *pipes, c *Counter, _ func()) {
		deaf := p.dial()
		defer deaf.Close()
		_, _ = io.WriteString(deaf, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		synctest.Wait()
		other := p.dial()
		defer other.Close()
		begin := time.Now()
		go io.WriteString(other, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if a, _, err := readAnswer(bufio.NewReader(other), false); a != "200 2" || time.Since(begin) != 0 {
			t.Errorf("the other visitor got %q, %v, after %v", a, err, time.Since(begin))
		}
		<-time.After(c.writeTimeout() + time.Second)
		synctest.Wait()
		if n := len(c.conns.list(nil)); n != 1 {
			t.Errorf("%d connections are open, want the other one", n)
		}
	})
}

// Without descriptors the counter waits for some and goes on.
func TestConnectionsThatCannotBeTaken(t *testing.T) {
	none := &net.OpError{Op: "accept", Err: syscall.EMFILE}
	inOwnTime(t, Config{}, func(t *testing.T, p *pipes, _ *Counter, _ func()) {
		begin := time.Now()
		conn := p.dial()
		defer conn.Close()
		if got := time.Since(begin); got != (5+10+20)*time.Millisecond {
			t.Errorf("taken after %v, want three growing pauses", got)
		}
		go io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if a, _, err := readAnswer(bufio.NewReader(conn), false); a != "200 1" {
			t.Errorf("answer %q, %v", a, err)
		}
	}, none, none, none)
}

// A visitor that leaves before its visit is sent is not counted.
func TestVisitorThatLeavesInTime(t *testing.T) {
	store, begun, release := held()
	c := start(t, Config{Store: store})
	first := make(chan string, 1)
	go func() {
		_, body, err := c.try("GET", "/")
		first <- body + errText(err)
	}()
	eventually(t, "the first is on its way", func() bool { return begun.Load() == 1 })
	gone, err := net.Dial("tcp", c.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(gone, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	eventually(t, "the second waits", func() bool { return c.batch.size() == 1 })
	gone.Close()
	eventually(t, "it was withdrawn", func() bool { return c.batch.size() == 0 && c.Status().(Status).Left == 1 })
	close(release)
	if got := <-first; got != "1\n" {
		t.Errorf("the first got %q", got)
	}
	if _, body := c.do("GET", "/"); body != "2\n" {
		t.Errorf("the next got %q", body)
	}
}

// A connection goes on after its visitor was told that its time is over, and the
// late outcome of the old visit is nobody's.
func TestConnectionOutlivesAVisitThatWasLate(t *testing.T) {
	var calls atomic.Int32
	store := &memory{before: func(context.Context, []string) error {
		if calls.Add(1) == 1 {
			<-time.After(4 * time.Second)
		}
		return nil
	}}
	inOwnTime(t, Config{VisitTimeout: time.Second, Store: store}, func(t *testing.T, p *pipes, _ *Counter, _ func()) {
		conn := p.dial()
		defer conn.Close()
		expect := func(want string) {
			t.Helper()
			if a, _, err := ask(conn, "/"); a != want {
				t.Errorf("answer %q, %v, want %q", a, err, want)
			}
		}
		expect("503 " + strings.TrimSpace(textUncertain)) // on its way for too long
		expect("503 " + strings.TrimSpace(textUnsent))    // behind it
		<-time.After(2 * time.Second)
		expect("200 2")
		expect("200 3")
	})
}

// Memory taken for a large head is given back.
func TestLargeHeadsLeaveNothing(t *testing.T) {
	inOwnTime(t, Config{}, func(t *testing.T, p *pipes, c *Counter, _ func()) {
		conn := p.dial()
		defer conn.Close()
		in := bufio.NewReader(conn)
		for _, fill := range []int{10, 3000, 12000, 10} {
			go fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nA: %s\r\n\r\n", strings.Repeat("a", fill))
			if a, _, err := readAnswer(in, false); !strings.HasPrefix(a, "200") {
				t.Errorf("answer %q, %v", a, err)
			}
			synctest.Wait()
			if got := cap(c.conns.list(nil)[0].in); got > keptBuffer {
				t.Errorf("after a head of %d bytes %d are kept", fill, got)
			}
		}
	})
}

// What is half sent when the counter stops is still answered.
func TestStopWaitsForHeadsUnderWay(t *testing.T) {
	inOwnTime(t, Config{}, func(t *testing.T, p *pipes, _ *Counter, stop func()) {
		conn := p.dial()
		defer conn.Close()
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: ")
		stop()
		<-time.After(3 * time.Second) // the listener is closed by now
		go io.WriteString(conn, "x\r\n\r\n")
		if a, _, err := readAnswer(bufio.NewReader(conn), false); a != "200 1 close" {
			t.Errorf("answer %q, %v", a, err)
		}
	})
}

// BenchmarkVisit is a visit over TCP, with a store that takes no time, by 50
// visitors: what HTTP costs. Their own work is in it.
func BenchmarkVisit(b *testing.B) {
	c, err := New(Config{Addr: "127.0.0.1:0", Store: nothing{}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	b.ReportAllocs()
	b.SetParallelism(25)
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", c.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		request := []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		answer := make([]byte, 1024)
		for pb.Next() {
			if _, err := conn.Write(request); err != nil {
				b.Error(err)
				return
			}
			if _, err := conn.Read(answer); err != nil {
				b.Error(err)
				return
			}
		}
	})
	stop()
	if err := <-done; err != nil {
		b.Error(err)
	}
}
