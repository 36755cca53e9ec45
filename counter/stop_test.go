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
	reg := newRegistry()
	c := start(t, Config{Registrar: reg, Grace: 100 * time.Millisecond})
	<-reg.registered
	if !c.Status().(Status).Registered {
		t.Error("not registered while Register runs")
	}
	var served, closed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			// As a proxy does: it takes requests until it sees the removal.
			for {
				resp, body, err := c.try("GET", "/")
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("visit failed: %v %q", err, body)
					return
				}
				served.Add(1)
				if resp.Close {
					closed.Add(1)
				}
				select {
				case <-reg.removed:
					return
				default:
				}
			}
		})
	}
	eventually(t, "visits are served", func() bool { return served.Load() > 100 })
	c.stop()
	wg.Wait()
	// The registration is gone, yet whoever has not noticed is still served.
	resp, body, err := c.try("GET", "/")
	if err != nil || resp.StatusCode != 200 || !resp.Close {
		t.Errorf("after the removal: %v %q, Connection: close %v", err, body, resp != nil && resp.Close)
	}
	if resp, body, err := c.try("GET", "/healthz"); err != nil || resp.StatusCode != 503 || body != "draining\n" {
		t.Errorf("healthz while draining: %v %q", err, body)
	}
	if err := c.wait(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, err := net.Dial("tcp", c.Addr().String()); err == nil {
		t.Error("still listening after Run")
	}
	if st := c.Status().(Status); st.Registered || !st.Draining || st.Errors != 0 {
		t.Errorf("status %+v", st)
	}
}

// A visit under way when the counter is told to stop gets its number.
func TestStopWaitsForVisitsUnderWay(t *testing.T) {
	release := make(chan struct{})
	store := &memory{before: func(context.Context, []string) error { <-release; return nil }}
	c := start(t, Config{Store: store, Grace: time.Millisecond})
	answer := make(chan string, 1)
	go func() {
		_, body, err := c.try("GET", "/")
		answer <- body + errText(err)
	}()
	eventually(t, "the visit is on its way", func() bool { return c.lastVisit.Load() > 0 && c.batch.size() == 0 })
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
	release := make(chan struct{})
	store := &memory{before: func(context.Context, []string) error { <-release; return nil }}
	c := start(t, Config{Store: store})
	gone, err := net.Dial("tcp", c.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(gone, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	eventually(t, "its visit is on its way", func() bool { return c.lastVisit.Load() > 0 && c.batch.size() == 0 })
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
	release := make(chan struct{})
	store := &memory{before: func(ctx context.Context, _ []string) error { <-release; return nil }}
	c := start(t, Config{Store: store, VisitTimeout: 100 * time.Millisecond, MaxWaiting: 1})
	type reply struct {
		body  string
		retry string
	}
	visit := func() chan reply {
		ch := make(chan reply, 1)
		go func() {
			resp, body, err := c.try("GET", "/")
			if err != nil {
				ch <- reply{body: err.Error()}
				return
			}
			ch <- reply{body, resp.Header.Get("Retry-After")}
		}()
		return ch
	}
	sent := visit()
	eventually(t, "it is on its way", func() bool { return c.lastVisit.Load() > 0 && c.batch.size() == 0 })
	waiting := visit()
	eventually(t, "it waits", func() bool { return c.batch.size() == 1 })
	if _, body := c.do("GET", "/"); body != textFull {
		t.Errorf("beyond the limit: %q", body)
	}
	if got := <-sent; got.body != textUncertain || got.retry != "1" {
		t.Errorf("visit that was sent: %+v", got)
	}
	if got := <-waiting; got.body != textUnsent {
		t.Errorf("visit that was not sent: %+v", got)
	}
	close(release)
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
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
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
