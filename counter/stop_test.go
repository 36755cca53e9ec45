package counter

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// registry is a Registrar that notes what happens.
type registry struct {
	registered   chan struct{} // closed when Register was called
	removed      chan struct{} // closed when its context has ended
	leave        chan struct{} // nil, or Register returns when it is closed
	err          error         // Register returns it at once
	whenRemoving func()
}

func newRegistry() *registry {
	return &registry{registered: make(chan struct{}), removed: make(chan struct{})}
}

func (r *registry) Register(ctx context.Context) error {
	close(r.registered)
	if r.err != nil {
		return r.err
	}
	<-ctx.Done()
	if r.whenRemoving != nil {
		r.whenRemoving()
	}
	close(r.removed)
	if r.leave != nil {
		<-r.leave
	}
	return nil
}

// Visits that come until the proxies have let go are served; none fails.
func TestStopFailsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg, p := newRegistry(), newPipes()
		store := &memory{before: func(context.Context, []string) error {
			<-time.After(time.Millisecond)
			return nil
		}}
		c, stop, done := p.serve(t, Config{Registrar: reg, Store: store})
		<-reg.registered
		if !c.Status().(Status).Registered {
			t.Error("not registered while Register runs")
		}
		var closed atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				// As a proxy does: it takes requests until it sees the removal.
				conn := p.dial()
				defer func() { conn.Close() }()
				for {
					a, resp, err := ask(conn, "/")
					if err != nil || resp.StatusCode != 200 {
						t.Errorf("visit failed: %v %q", err, a)
						return
					}
					if resp.Close {
						closed.Add(1)
						conn.Close()
						conn = p.dial()
					}
					select {
					case <-reg.removed:
						return
					default:
					}
				}
			})
		}
		<-time.After(time.Second)
		stop()
		wg.Wait()
		if n := closed.Load(); n == 0 {
			t.Error("no visitor was told to go elsewhere")
		}
		// The registration is gone, yet whoever has not noticed is still served.
		late := p.dial()
		defer late.Close()
		if a, _, err := ask(late, "/"); !strings.HasPrefix(a, "200 ") || !strings.HasSuffix(a, " close") {
			t.Errorf("after the removal: %q %v", a, err)
		}
		check := p.dial()
		defer check.Close()
		if a, _, err := ask(check, "/healthz"); a != "503 draining close" {
			t.Errorf("healthz while draining: %q %v", a, err)
		}
		begin := time.Now()
		if err := <-done; err != nil || time.Since(begin) > c.cfg.Grace+time.Second {
			t.Errorf("Run: %v after %v", err, time.Since(begin))
		}
		select {
		case <-p.closed:
		default:
			t.Error("still listening after Run")
		}
		if st := c.Status().(Status); st.Registered || !st.Draining || st.Errors != 0 {
			t.Errorf("status %+v", st)
		}
	})
}

// A visit under way when the counter is told to stop gets its number.
func TestStopWaitsForVisitsUnderWay(t *testing.T) {
	store, begun, release := held()
	c := start(t, Config{Store: store, Grace: time.Millisecond})
	answer := make(chan string, 1)
	go func() {
		_, body, err := c.try("GET", "/")
		answer <- body + errText(err)
	}()
	eventually(t, "the visit is on its way", func() bool { return begun.Load() == 1 })
	c.stop()
	eventually(t, "the listener is closed", func() bool {
		conn, err := net.Dial("tcp", c.Addr().String())
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	close(release)
	if got := <-answer; got != "1\n" {
		t.Errorf("visit under way got %q", got)
	}
	if err := c.wait(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A connection on which nothing is ever sent, and a Registrar that hangs, do not
// keep the counter from stopping.
func TestStopIsBounded(t *testing.T) {
	reg := newRegistry()
	reg.leave = make(chan struct{})
	c := start(t, Config{Registrar: reg, Grace: 20 * time.Millisecond, DrainTimeout: 300 * time.Millisecond})
	silent, err := net.Dial("tcp", c.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c.do("HEAD", "/")
	begin := time.Now()
	c.stop()
	<-reg.removed
	eventually(t, "the port is free", func() bool {
		conn, err := net.Dial("tcp", c.Addr().String())
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
	close(reg.leave)
	if err := c.wait(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestSilentConnectionsAreClosedEarly(t *testing.T) {
	c := start(t, Config{Grace: 20 * time.Millisecond})
	silent, err := net.Dial("tcp", c.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c.do("HEAD", "/")
	begin := time.Now()
	c.stop()
	if err := c.wait(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

func TestRegistrarErrorEndsTheRole(t *testing.T) {
	reg := newRegistry()
	reg.err = errors.New("wrong password")
	c := start(t, Config{Registrar: reg, Grace: time.Millisecond})
	if err := c.wait(); !errors.Is(err, reg.err) {
		t.Errorf("Run: %v", err)
	}
}

func TestListenerFailureEndsTheRole(t *testing.T) {
	c := start(t, Config{Grace: time.Millisecond})
	c.do("HEAD", "/")
	_ = c.Close()
	if err := c.wait(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run: %v", err)
	}
}

// A visitor that goes away does not harm those in its batch.
func TestVisitorThatLeaves(t *testing.T) {
	store, begun, release := held()
	c := start(t, Config{Store: store})
	gone, err := net.Dial("tcp", c.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(gone, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	eventually(t, "its visit is on its way", func() bool { return begun.Load() == 1 })
	stays := make(chan string, 1)
	go func() {
		_, body, err := c.try("GET", "/")
		stays <- body + errText(err)
	}()
	eventually(t, "the other one waits", func() bool { return c.batch.size() == 1 })
	gone.Close()
	eventually(t, "it is noticed", func() bool { return c.Status().(Status).Left == 1 })
	close(release)
	if got := <-stays; got != "2\n" {
		t.Errorf("the other visitor got %q", got)
	}
}

// A visitor whose time is over learns whether the visit may count.
func TestVisitTimeout(t *testing.T) {
	var release chan struct{} // of the test's own time
	store := &memory{before: func(context.Context, []string) error { <-release; return nil }}
	inOwnTime(t, Config{Store: store, VisitTimeout: time.Second, MaxWaiting: 1}, func(t *testing.T, p *pipes, c *Counter, _ func()) {
		release = make(chan struct{})
		visit := func() chan string {
			ch := make(chan string, 1)
			go func() {
				conn := p.dial()
				defer conn.Close()
				begin := time.Now()
				a, resp, err := ask(conn, "/")
				if err != nil || resp.Header.Get("Retry-After") != "1" || !near(time.Since(begin), time.Second) {
					t.Errorf("%q, %v after %v", a, err, time.Since(begin))
				}
				ch <- a
			}()
			synctest.Wait()
			return ch
		}
		sent := visit()
		if n := c.batch.size(); n != 0 {
			t.Errorf("%d wait, want the first on its way", n)
		}
		waiting := visit()
		if n := c.batch.size(); n != 1 {
			t.Errorf("%d wait, want the second", n)
		}
		conn := p.dial()
		defer conn.Close()
		if a, _, err := ask(conn, "/"); a != "503 "+strings.TrimSpace(textFull) {
			t.Errorf("beyond the limit: %q, %v", a, err)
		}
		if a := <-sent; a != "503 "+strings.TrimSpace(textUncertain) {
			t.Errorf("visit that was sent: %q", a)
		}
		if a := <-waiting; a != "503 "+strings.TrimSpace(textUnsent) {
			t.Errorf("visit that was not sent: %q", a)
		}
		close(release)
	})
}

// What is no HTTP, or too much of it, costs a connection and nothing else.
func TestBadInput(t *testing.T) {
	c := start(t, Config{})
	for _, tc := range []struct{ name, send, want string }{
		{"garbage", "\x00\x01\x02 nonsense\r\n\r\n", "400"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
		{"huge header", "GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", "431"},
		{"wrong version", "GET / HTTP/9.1\r\nHost: x\r\n\r\n", "505"},
		{"a field with a control character", "GET / HTTP/1.1\r\nHost: x\r\nIdempotency-Key: a\x01\r\n\r\n", "400"},
	} {
		conn, err := net.Dial("tcp", c.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		go io.WriteString(conn, tc.send)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		} else if !strings.HasPrefix(resp.Status, tc.want) {
			t.Errorf("%s: %s, want %s", tc.name, resp.Status, tc.want)
		}
		conn.Close()
	}
	if _, body := c.do("GET", "/"); body != "1\n" {
		t.Errorf("after the garbage: %q", body)
	}
}
