package flow

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// moments are the states in which a request can be interrupted.
var moments = []struct {
	name  string
	reach func(w *world)
}{
	{"reading", func(w *world) { w.send(get[:10]) }},
	{"queued", func(w *world) { w.queue = true; w.send(post) }},
	{"connecting", func(w *world) { w.pending = true; w.send(post) }},
	{"pausing", func(w *world) { w.servers = w.servers[:1]; w.refuse = 2; w.send(post) }},
	{"uploading", func(w *world) { w.send(post[:len(post)-1]) }},
	{"uploading to a slow server", func(w *world) { w.serverRoom = 20; w.send(post[:len(post)-1]) }},
	{"waiting", func(w *world) { w.send(get) }},
	{"waiting with a POST", func(w *world) { w.send(post) }},
	{"half a response head", func(w *world) { w.send(get).serve(hello[:20]) }},
	{"after a 103", func(w *world) { w.send(get).serve("HTTP/1.1 103 E\r\n\r\n") }},
	{"response body", func(w *world) { w.send(get).serve(hello[:len(hello)-1]) }},
	{"chunked response", func(w *world) {
		w.send(get).serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
	}},
	{"response until close", func(w *world) { w.send(get).serve("HTTP/1.1 200 OK\r\n\r\nhel") }},
	{"response until close to 1.0", func(w *world) {
		w.send("GET / HTTP/1.0\r\n\r\n").serve("HTTP/1.1 200 OK\r\n\r\nhel")
	}},
	{"early response body", func(w *world) { w.send(post[:len(post)-1]).serve(hello[:len(hello)-1]) }},
	{"response body to a slow client", func(w *world) { w.send(get); w.clientRoom = 20; w.serve(hello[:len(hello)-1]) }},
	{"whole response to a slow client", func(w *world) { w.send(get); w.clientRoom = 20; w.serve(hello) }},
	{"lingering", func(w *world) { w.send("bad\r\n\r\n") }},
}

// interruptions are what can happen then.
var interruptions = []struct {
	name   string
	happen func(w *world)
}{
	{"client ends", func(w *world) { w.do(w.m.ClientEnded) }},
	{"client gone", func(w *world) { w.do(w.m.ClientFailed) }},
	{"server ends", func(w *world) {
		if w.cur != nil {
			w.do(w.m.ServerEnded)
		}
	}},
	{"server gone", func(w *world) {
		if w.cur != nil {
			w.do(w.m.ServerFailed)
		}
	}},
	{"server gone, then client", func(w *world) {
		w.pending = true // what is tried again hangs
		if w.cur != nil {
			w.do(w.m.ServerFailed)
		}
		w.do(w.m.ClientFailed)
	}},
	{"client gone, then server", func(w *world) {
		w.do(w.m.ClientFailed)
		w.do(w.m.ServerFailed) // must find nobody
	}},
	{"time is over", func(w *world) { w.later(w.m.Deadline().Sub(w.env.Now)) }},
	{"cut", func(w *world) { w.do(w.m.Cut) }},
}

// TestInterruptions goes through every pair of them. A line says what the client
// has been told, how the last request was recorded, and what becomes of the
// connection: "goes on" is a request that still waits.
func TestInterruptions(t *testing.T) {
	var got strings.Builder
	for _, moment := range moments {
		for _, what := range interruptions {
			w := newWorld(t, nil)
			moment.reach(w)
			what.happen(w)
			fmt.Fprintf(&got, "%-32s %-25s %s\n", moment.name, what.name, w.outcome())
			w.letGo()
		}
	}
	if diff := difference(outcomes, got.String()); diff != "" {
		t.Errorf("outcomes differ:\n%s", diff)
	}
}

func (w *world) outcome() string {
	end := map[Orders]string{0: "goes on", Idle: "kept", Close: "closed", Abort: "reset"}[w.ended]
	if w.halfClosed && w.ended == 0 {
		end = "lingers"
	}
	record := "-"
	if len(w.records) > 0 {
		record = fmt.Sprintf("%d %s", w.last().Status, w.last().End)
	}
	return fmt.Sprintf("%-4s %-8s %s", statusOf(w.client.String()), end, record)
}

// letGo ends a connection whatever its state, as a shell that stops does.
func (w *world) letGo() {
	w.clientRoom, w.queue = -1, false
	if w.ended == 0 {
		w.do(w.m.Cut)
	}
	if w.ended == 0 || w.slot || w.cur != nil {
		w.t.Errorf("not let go in stage %d: %+v", w.m.stage, w)
	}
}

func difference(want, got string) string {
	a, b := strings.Split(strings.TrimSpace(want), "\n"), strings.Split(strings.TrimSpace(got), "\n")
	var d strings.Builder
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			fmt.Fprintf(&d, "want %s\n got %s\n", x, y)
		}
	}
	return d.String()
}

// TestClientGoneWhileWriting: the client's end shows in a write.
func TestClientGoneWhileWriting(t *testing.T) {
	for _, request := range []string{get, post, "bad\r\n\r\n"} {
		w := newWorld(t, nil)
		w.clientGone = true
		w.send(request)
		if w.cur != nil {
			w.serve(hello)
		}
		if w.ended != Close || len(w.records) != 1 {
			t.Errorf("%q: ended %b, %d records", request, w.ended, len(w.records))
		}
	}
}

// TestAnswerAfterFailedWrite: a server may refuse a request by answering and
// closing before it has read it all; what it said reaches the client.
func TestAnswerAfterFailedWrite(t *testing.T) {
	const refusal = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nDate: d\r\n\r\nbig"
	for _, c := range []struct {
		name, answer, status string
	}{{"answer", refusal, "413"}, {"none", "", "502"}, {"half", refusal[:20], "502"}} {
		w := newWorld(t, nil)
		w.broken = true
		w.send(post[:len(post)-1])
		if w.m.WantClient() {
			t.Error("reads on for a server that takes nothing")
		}
		if c.answer != "" {
			w.serve(c.answer)
		}
		if w.cur != nil {
			w.do(w.m.ServerFailed)
		}
		got := w.told()
		if statusOf(got) != c.status || !strings.Contains(got, "Connection: close\r\n") || !w.halfClosed {
			t.Errorf("%s: %q", c.name, got)
		}
		if len(w.conns) != 1 || w.conns[0].kept {
			t.Errorf("%s: %d connections, kept: %v", c.name, len(w.conns), w.conns[0].kept)
		}
	}
}

func TestLingering(t *testing.T) {
	for _, c := range []struct {
		name  string
		until func(w *world)
	}{
		{"client ends", func(w *world) { w.send("more"); w.do(w.m.ClientEnded) }},
		{"client gone", func(w *world) { w.do(w.m.ClientFailed) }},
		{"too much", func(w *world) {
			for range 1<<20/4096 + 1 {
				w.send(strings.Repeat("x", 4096))
			}
		}},
		{"too long", func(w *world) { w.later(lingerTime) }},
	} {
		w := newWorld(t, nil).send("bad\r\n\r\n")
		if !w.halfClosed || w.ended != 0 || !w.m.WantClient() {
			t.Fatalf("%s: does not linger", c.name)
		}
		if c.until(w); w.ended != Close {
			t.Errorf("%s: ended %b", c.name, w.ended)
		}
	}
	// One that asked for the end and sent nothing more needs no lingering.
	w := newWorld(t, nil).send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").serve(hello)
	if w.halfClosed || w.ended != Close {
		t.Errorf("ended %b", w.ended)
	}
}

// TestTimeLimits: which limit counts in which state, to the nanosecond.
func TestTimeLimits(t *testing.T) {
	for name, want := range map[string]time.Duration{
		"reading": 10 * time.Second, "queued": 5 * time.Second, "connecting": 5 * time.Second, "pausing": 500 * time.Millisecond,
		"uploading": 30 * time.Second, "waiting": 30 * time.Second, "response body": 30 * time.Second, "lingering": lingerTime,
	} {
		for _, moment := range moments {
			if moment.name != name {
				continue
			}
			w := newWorld(t, nil)
			moment.reach(w)
			if got := w.m.Deadline().Sub(w.env.Now); got != want {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
			w.letGo()
		}
	}
	// Progress of a body moves the limit, that of a head does not.
	w := newWorld(t, nil).send(post[:len(post)-2]).later(20 * time.Second).send("b")
	if got := w.m.Deadline().Sub(w.env.Now); got != 30*time.Second {
		t.Errorf("after a piece of the body: %v", got)
	}
	w = newWorld(t, nil).send(get[:5]).later(9 * time.Second).send(get[5:6])
	if got := w.m.Deadline().Sub(w.env.Now); got != time.Second {
		t.Errorf("after a piece of the head: %v", got)
	}
	// The server's time begins with the whole request, and a 103 is no answer.
	w = newWorld(t, nil).send(post[:len(post)-1]).later(20 * time.Second).send("c").later(10 * time.Second)
	w.serve("HTTP/1.1 103 E\r\n\r\n")
	if got := w.m.Deadline().Sub(w.env.Now); got != 20*time.Second {
		t.Errorf("after a 103: %v", got)
	}
}
