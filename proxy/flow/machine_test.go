package flow

import (
	"strings"
	"testing"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/retry"
)

func TestGet(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 3 {
		w.send(get).serve(hello)
		if got := w.told(); got != hello {
			t.Fatalf("request %d: %q", i, got)
		}
		if r := w.last(); r.Status != 200 || r.End != exchange.EndOK || r.Out != 5 || string(r.Target) != "/x" || string(r.Host) != "h" || string(r.Method) != "GET" {
			t.Errorf("recorded %+v", r)
		}
		if w.ended != Idle {
			t.Fatalf("ended with %b", w.ended)
		}
	}
	want := "GET /x HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\nVia: 1.1 p\r\n\r\n"
	if got := w.asked(0); got != want {
		t.Errorf("asked %q", got)
	}
}

// TestPieces sends everything byte by byte: nothing may depend on how the
// network cuts it.
func TestPieces(t *testing.T) {
	whole, parts := newWorld(t, nil), newWorld(t, nil)
	const response = "HTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: d\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n"
	whole.send(post).serve(response)
	for i := range len(post) {
		parts.send(post[i : i+1])
	}
	for i := range len(response) {
		parts.serve(response[i : i+1])
	}
	if a, b := whole.told(), parts.told(); a != b || a != response {
		t.Errorf("whole %q\nparts %q", a, b)
	}
	if a, b := whole.asked(0), parts.asked(0); a != b {
		t.Errorf("whole %q\nparts %q", a, b)
	}
	if a, b := whole.last(), parts.last(); a.In != 3 || b.In != 3 || a.Out != b.Out {
		t.Errorf("recorded %d %d, %d %d", a.In, b.In, a.Out, b.Out)
	}
}

// TestSlowClient: whatever the client takes at a time, it gets the same.
func TestSlowClient(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 4<<10)
	for _, response := range []string{
		hello,
		"HTTP/1.1 200 OK\r\nContent-Length: 65536\r\nDate: d\r\n\r\n" + body,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: d\r\n\r\n10000\r\n" + body + "\r\n0\r\n\r\n",
	} {
		w := newWorld(t, nil)
		w.send(get)
		w.clientRoom = 0
		for rest := response; rest != ""; {
			if w.m.WantServer() {
				n := min(len(rest), 50_000)
				part := rest[:n]
				rest = rest[n:]
				w.serve(part)
				continue
			}
			w.clientRoom = 777
			w.do(func() { w.writeClient() })
		}
		for w.ended == 0 {
			w.clientRoom = 777
			w.do(func() { w.writeClient() })
		}
		if got := w.told(); got != response {
			t.Errorf("%d bytes became %d", len(response), len(got))
		}
	}
}

// TestSlowServer: the same for a request.
func TestSlowServer(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 4<<10)
	w := newWorld(t, nil)
	w.serverRoom = 10
	w.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\n" + body[:30_000])
	for rest := body[30_000:]; ; {
		if w.m.WantClient() && rest != "" {
			n := min(len(rest), 10_000)
			part := rest[:n]
			rest = rest[n:]
			w.send(part)
			continue
		}
		w.serverRoom = 3_000
		w.do(func() { w.writeServer() })
		if rest == "" && w.m.toS.size() == 0 {
			break
		}
	}
	w.serve(hello)
	if got := w.asked(0); !strings.HasSuffix(got, "\r\n\r\n"+body) {
		t.Errorf("%d bytes", len(got))
	}
	if w.told() != hello || w.last().In != 65536 {
		t.Errorf("%+v", w.last())
	}
}

func TestPipelined(t *testing.T) {
	w := newWorld(t, nil)
	w.send(get + post + get[:10])
	w.serve(hello).serve(hello)
	if got := w.told(); got != hello+hello {
		t.Errorf("%q", got)
	}
	if w.ended != 0 || len(w.records) != 2 {
		t.Fatalf("ended %b after %d", w.ended, len(w.records))
	}
	w.send(get[10:]).serve(hello)
	if w.told() != hello || w.ended != Idle {
		t.Errorf("ended %b", w.ended)
	}
}

func TestHandOver(t *testing.T) {
	const upgrade = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly"
	w := newWorld(t, nil).send(get + upgrade).serve(hello)
	if w.ended != HandOver || string(w.m.Unread()) != upgrade {
		t.Errorf("ended %b with %q", w.ended, w.m.Unread())
	}
	w = newWorld(t, nil)
	w.env.Stopping = true
	if w.send(upgrade); statusOf(w.told()) != "503" {
		t.Error("an upgrade begins while the proxy stops")
	}
}

func TestRetries(t *testing.T) {
	for _, c := range []struct {
		name, request, options string
		refuse                 int
		die                    bool // the first server dies without an answer
		status                 string
		tries, retries         int
	}{
		{"refused once", post, "", 1, false, "200", 1, 1},
		{"refused twice", post, "", 2, false, "200", 1, 2},
		{"refused by all", post, "", 3, false, "503", 0, 2},
		{"GET dies", get, "", 0, true, "200", 2, 1},
		{"POST dies", post, "", 0, true, "502", 1, 0},
		{"GET dies, retry=connect", get, " retry=connect", 0, true, "502", 1, 0},
		{"PUT dies", strings.Replace(post, "POST", "PUT", 1), "", 0, true, "200", 2, 1},
		{"unknown method dies", strings.Replace(post, "POST", "LOCK", 1), "", 0, true, "502", 1, 0},
		{"GET refused, then dies", get, "", 1, true, "200", 2, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil, "10.0.0.1:1"+c.options, "10.0.0.2:1"+c.options, "10.0.0.3:1"+c.options)
			w.refuse = c.refuse
			w.send(c.request)
			if c.die {
				w.do(w.m.ServerEnded)
			}
			if w.cur != nil {
				w.serve(hello)
			}
			if got := statusOf(w.told()); got != c.status || len(w.conns) != c.tries || w.last().Retries != c.retries {
				t.Errorf("%s after %d tries, recorded %+v", got, len(w.conns), w.last())
			}
			if len(w.conns) == 2 && w.conns[0].server == w.conns[1].server {
				t.Error("sent again to the server that failed")
			}
		})
	}
}

// TestReplayOfABody: a body is sent again whole while it is small enough to be
// kept, and not at all otherwise.
func TestReplayOfABody(t *testing.T) {
	for _, c := range []struct {
		size   int
		status string
	}{{60_000, "200"}, {70_000, "502"}} {
		w := newWorld(t, nil)
		w.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
		w.send("f0000\r\n").send(strings.Repeat("x", c.size))
		w.do(w.m.ServerFailed)
		if c.status == "200" {
			if got := w.asked(1); strings.Count(got, "x") < c.size || got[:3] != "PUT" {
				t.Errorf("sent again as %.80q", got)
			}
			w.send(strings.Repeat("x", 0xf0000-c.size) + "\r\n0\r\n\r\n").serve(hello)
		}
		if got := statusOf(w.told()); got != c.status {
			t.Errorf("%d bytes: %s", c.size, got)
		}
	}
}

// TestKeyedReplay: a visit that may have been counted under a key is sent again
// with that key, to a server that knows it.
func TestKeyedReplay(t *testing.T) {
	w := newWorld(t, nil, "10.0.0.1:1 idempotency=key", "10.0.0.2:1", "10.0.0.3:1 idempotency=key")
	w.send(get)
	w.do(w.m.ServerEnded)
	w.serve(hello)
	key := func(i int) string {
		_, after, _ := strings.Cut(w.asked(i), "Idempotency-Key: ")
		k, _, _ := strings.Cut(after, "\r\n")
		return k
	}
	if key(0) == "" || key(0) != key(1) || !w.conns[1].server.Backend().Keyed {
		t.Errorf("keys %q and %q", key(0), key(1))
	}
	w.send(get).serve(hello)
	if k := key(1)[strings.LastIndex(key(1), "-"):]; strings.Count(w.asked(1)+w.asked(0), k+"\r\n") > 2 {
		t.Errorf("the next request has the same key %s", k)
	}
}

func TestSameServerAfterAPause(t *testing.T) {
	w := newWorld(t, nil, "10.0.0.1:1")
	w.refuse = 2
	w.send(get)
	// The first repetition goes at once, there might be another server; the next
	// one is known to meet the same.
	if w.m.stage != pausing {
		t.Fatalf("stage %d", w.m.stage)
	}
	w.later(499 * time.Millisecond)
	if len(w.conns) != 0 {
		t.Error("no pause")
	}
	w.later(time.Millisecond).serve(hello)
	if w.told() != hello {
		t.Error("not answered")
	}
}

func TestBudget(t *testing.T) {
	w := newWorld(t, func(c *exchange.Config) { c.Budget = retry.NewBudget(0, 1) })
	for _, want := range []string{"200", "502"} {
		w.send(get)
		w.do(w.m.ServerEnded)
		if w.cur != nil {
			w.serve(hello)
		}
		if got := statusOf(w.told()); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestStopping(t *testing.T) {
	w := newWorld(t, nil).send(get)
	w.env.Stopping = true
	w.serve(hello)
	if got := w.told(); !strings.Contains(got, "Connection: close\r\n") {
		t.Errorf("%q", got)
	}
	w.do(w.m.ClientEnded)
	if w.ended != Close {
		t.Errorf("ended %b", w.ended)
	}
}
