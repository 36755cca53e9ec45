package trace

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/retry"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

func record(id string) *exchange.Record {
	ms := wire.Instant(time.Millisecond)
	return &exchange.Record{
		ID: []byte(id), Client: []byte("10.0.0.1"), Method: []byte("GET"), Host: []byte("example.com"), Target: []byte("/a?b"), Service: "shop",
		Status: 200, End: exchange.EndOK, Start: ms, Picked: 2 * ms, Connected: 4 * ms, Answered: 7 * ms, Done: 11 * ms, In: 3, Out: 512,
	}
}

func servers(t *testing.T) (a, b *upstream.Server) {
	t.Helper()
	s := upstream.NewSet(upstream.Config{})
	s.Update([]upstream.Backend{{Name: "app1", Addr: "10.0.0.1:80"}, {Name: "app2", Addr: "10.0.0.2:80"}})
	t.Cleanup(s.Close)
	return s.Servers()[0], s.Servers()[1]
}

func TestFind(t *testing.T) {
	g := NewRing()
	for i := range 3 * Recent {
		g.Add(record(fmt.Sprint("id", i)))
	}
	bad := record("bad")
	bad.Status, bad.End = 502, "the backend closed the connection without an answer"
	g.Add(bad)
	for i := range 3 * Recent {
		g.Add(record(fmt.Sprint("more", i)))
	}
	for id, want := range map[string]int{"bad": 1, "id5": 0, fmt.Sprint("more", 3*Recent-1): 1, fmt.Sprint("more", 2*Recent): 1, fmt.Sprint("more", 2*Recent-1): 0, "": 0, "mor": 0} {
		if got := g.Find(id); len(got) != want {
			t.Errorf("%q: %d found, want %d", id, len(got), want)
		}
	}
	if len(g.recent.kept) != Recent || len(g.troubled.kept) != 1 {
		t.Errorf("%d and %d kept", len(g.recent.kept), len(g.troubled.kept))
	}
	none := record("")
	g.Add(none)
	again := record("twice")
	g.Add(again)
	again.Status = 404
	g.Add(again)
	if got := g.Find("twice"); len(got) != 2 || got[0].Status != 404 {
		t.Errorf("%+v", got)
	}
	long := strings.Repeat("x", 100)
	g.Add(record(long))
	if got := g.Find(long); len(got) != 1 || got[0].Target != "/a?b" || got[0].Client != "10.0.0.1" {
		t.Errorf("%+v", got)
	}
}

// TestTooLong: whatever a client sends, all texts have their place.
func TestTooLong(t *testing.T) {
	g := NewRing()
	r := record("id")
	r.Host, r.Target, r.Method, r.Client = []byte(strings.Repeat("h", 500)), []byte(strings.Repeat("t", 5000)), []byte(strings.Repeat("M", 500)), []byte(strings.Repeat("1", 60))
	g.Add(r)
	got := g.Find("id")
	if len(got) != 1 || len(got[0].Host) != 48 || len(got[0].Target) < 40 || strings.Trim(got[0].Target, "t") != "" {
		t.Errorf("%+v", got)
	}
}

func TestRequest(t *testing.T) {
	a, b := servers(t)
	g := NewRing()
	r := record("id")
	r.Secure, r.HTTP2, r.Reused, r.Retries, r.Why = true, true, true, 1, upstream.ByCookie
	r.Server = a
	r.Fail(retry.Connect, wire.Instant(1500*time.Microsecond))
	r.Server = b
	g.Add(r)
	q := g.Find("id")[0]
	if len(q.Attempts) != 1 || q.Attempts[0] != (Attempt{"app1", "no connection could be made", 0.5}) || q.Server != "app2" || *q.Done != 10 || q.State != "NEW" {
		t.Errorf("%+v", q)
	}
	q.Proxy = "p1"
	var text strings.Builder
	q.Write(&text)
	want := "request id\n  GET example.com/a?b from 10.0.0.1 by HTTP/2 over TLS, at " + q.Time.Format("2006-01-02 15:04:05.000 MST") + `, proxy p1
  service shop
      0.000 ms  its first byte came
      0.500 ms  app1: no connection could be made
      1.000 ms  app2 (10.0.0.2:80) was picked: the client's cookie names it
      3.000 ms  sent on a connection that was kept
      6.000 ms  its answer began
     10.000 ms  over: ok, status 200, 3 bytes in, 512 bytes out, 1 retries
  the server was NEW then
`
	if text.String() != want {
		t.Errorf("got\n%s\nwant\n%s", text.String(), want)
	}
	if raw, err := json.Marshal(q); err != nil || !strings.Contains(string(raw), `"picked_ms":1,`) {
		t.Errorf("%s, %v", raw, err)
	}
	refused := record("no")
	refused.Server, refused.Picked, refused.Connected, refused.Answered, refused.Status, refused.End = nil, 0, 0, 0, 503, "no backend is available"
	g.Add(refused)
	text.Reset()
	q = g.Find("no")[0]
	q.Write(&text)
	if strings.Contains(text.String(), "picked") || !strings.Contains(text.String(), "over: no backend is available, status 503") {
		t.Error(text.String())
	}
	for f, want := range map[retry.Failure]string{retry.Died: "ended before", retry.TimedOut: "in time", retry.Invalid: "valid response"} {
		if !strings.Contains(what(f), want) {
			t.Error(what(f))
		}
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	g := NewRing()
	r := record("id")
	for range Recent {
		g.Add(r)
	}
	if n := testing.AllocsPerRun(100, func() { g.Add(r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestInParallel(t *testing.T) {
	g := NewRing()
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 10_000 {
			g.Add(record(fmt.Sprint(i % 10)))
		}
	})
	wg.Go(func() {
		for i := range 100 {
			g.Find(fmt.Sprint(i % 10))
		}
	})
	wg.Wait()
}

func BenchmarkAdd(b *testing.B) {
	g := NewRing()
	r := record("5e41ab087439611e")
	b.ReportAllocs()
	for b.Loop() {
		g.Add(r)
	}
}
