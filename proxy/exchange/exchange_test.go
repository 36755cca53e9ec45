package exchange

import (
	"bufio"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/proxy/http1"
	"pingd/proxy/retry"
	"pingd/proxy/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestAnswers: what the proxy says itself is HTTP that others read.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		a      Answer
		body   string
		fields map[string]string
	}{
		{
			Answer{Status: 503, Reason: "no backend is available", Date: []byte("d"), Minor: 1},
			"503 Service Unavailable: no backend is available\n",
			map[string]string{"Retry-After": "1", "Date": "d", "Cache-Control": "no-store", "Content-Type": "text/plain; charset=utf-8"},
		},
		{Answer{Status: 400, Reason: "x", Close: true, Minor: 1}, "400 Bad Request: x\n", map[string]string{"Connection": "close"}},
		{Answer{Status: 502, Reason: "x", Minor: 0}, "502 Bad Gateway: x\n", map[string]string{"Connection": "keep-alive"}},
		{Answer{Status: 405, Reason: "x", Minor: 1}, "405 Method Not Allowed: x\n", map[string]string{"Allow": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE"}},
		{Answer{Status: 404, Reason: "x", Minor: 1, Head: true}, "", nil},
	} {
		raw := string(c.a.Append(nil))
		method := "GET"
		if c.a.Head {
			method = "HEAD"
		}
		resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%v in %q", err, raw)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(body) != c.body || resp.StatusCode != c.a.Status {
			t.Errorf("%d %q, %v", resp.StatusCode, body, err)
		}
		for name, want := range c.fields {
			// net/http takes Connection: close out of the fields.
			if got := resp.Header.Get(name); got != want && (name != "Connection" || !resp.Close) {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if c.a.Head && resp.ContentLength != int64(len("404 Not Found: x\n")) {
			t.Errorf("length %d", resp.ContentLength)
		}
	}
}

func TestReasons(t *testing.T) {
	for f, status := range map[retry.Failure]int{retry.Connect: 503, retry.Died: 502, retry.TimedOut: 504, retry.Invalid: 502} {
		if e := Failed(f); e.Status != status || e.Reason == "" {
			t.Errorf("failure %d: %+v", f, e)
		}
	}
	if Last(http1.OPTIONS).Status != 200 || Last(http1.TRACE).Status != 501 {
		t.Error("wrong answers to Max-Forwards: 0")
	}
}

func TestClock(t *testing.T) {
	var k Clock
	now := wire.Now()
	for _, at := range []wire.Instant{now, now.After(time.Millisecond), now.After(3 * time.Second)} {
		if got, want := string(k.At(at)), at.Time().UTC().Format(http.TimeFormat); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	a, b := NewKeys(), NewKeys()
	seen := map[string]bool{}
	for range 100 {
		for _, k := range []*Keys{a, b} {
			key := string(k.Append(nil))
			if seen[key] || len(key) < 26 {
				t.Fatalf("key %q", key)
			}
			seen[key] = true
		}
	}
}

// TestGate: never more than the limit, and whoever found it full hears of room.
func TestGate(t *testing.T) {
	g := NewGate(3)
	freed := make(chan struct{}, 1000)
	g.Notify(func() { freed <- struct{}{} })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if !g.TryEnter() {
					select {
					case <-freed:
					case <-time.After(time.Second):
					}
					continue
				}
				g.Accepted()
				if s := g.Stats(); s.Connections > 3 {
					t.Errorf("%d inside", s.Connections)
				}
				g.Leave()
			}
		})
	}
	wg.Wait()
	if s := g.Stats(); s.Connections != 0 || s.Peak > 3 || s.Peak < 1 || s.Limit != 3 || s.Accepted == 0 {
		t.Errorf("%+v", s)
	}
	done := make(chan struct{})
	for range 3 {
		if !g.Enter(done) {
			t.Fatal("no room")
		}
	}
	close(done)
	if g.Enter(done) || g.TryEnter() {
		t.Error("more than fit")
	}
	g.Cancel()
	if !g.TryEnter() {
		t.Error("no room after Cancel")
	}
	g.Refused(404)
	g.Refused(799)
	if s := g.Stats(); s.Own[4] != 1 || s.Own[5] != 1 {
		t.Errorf("%+v", s.Own)
	}
}

func TestDefaults(t *testing.T) {
	c := Config{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}.WithDefaults()
	if c.Gate == nil || c.Logger == nil || c.Timeouts.Connect != 5*time.Second || c.Timeouts.KeepAlive != time.Minute {
		t.Errorf("%+v", c.Timeouts)
	}
	if !c.Trusts(netip.MustParseAddr("10.1.2.3")) || c.Trusts(netip.MustParseAddr("11.1.2.3")) {
		t.Error("the wrong addresses are trusted")
	}
}
