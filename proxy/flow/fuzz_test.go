package flow

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/http1"
)

// FuzzMachine plays a random life of a connection: program says which event
// comes next and how much of each stream it brings. Whatever happens the machine
// must end, hold nothing back, answer the requests in order or close, and put
// nothing on a server's connection but whole requests, one after the other's
// response, the last of which may be cut.
func FuzzMachine(f *testing.F) {
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
	for _, in := range []string{get, post, get + post + get, "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + get, "GET / HTTP/1.0\r\n\r\n", "GET /o HTTP/1.1\r\nHost: h\r\n\r\n" + "POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" + get, get + "GET /h HTTP/1.1\r\nHost: h\r\n\r\n"} {
		for _, out := range []string{hello, chunked, hello + chunked, "HTTP/1.1 103 E\r\n\r\n" + hello, "HTTP/1.1 200 OK\r\n\r\nx", "HTTP/1.0 204\r\n\r\n", "nonsense"} {
			f.Add([]byte(in), []byte(out), []byte{0x0f, 0x1f, 0x0f, 0x1f, 0x0f, 0x1f, 0x62, 0x71, 0x1f})
			f.Add([]byte(in), []byte(out), []byte{0x01, 0x11, 0x81, 0x92, 0xa3, 0x21, 0x31, 0x41, 0x51, 0x0f, 0x1f, 0xc0, 0xd0, 0x1f})
		}
	}
	f.Fuzz(func(t *testing.T, client, server, program []byte) {
		if len(client) > 4096 || len(server) > 4096 || len(program) > 256 {
			return
		}
		w := newWorld(t, elaborate, "10.0.0.1:1", "10.0.0.2:1 idempotency=key", "10.0.0.3:1 retry=connect")
		p := player{world: w, in: client, out: server}
		for _, step := range program {
			if w.ended != 0 && w.ended != Idle {
				break
			}
			p.step(step)
		}
		w.queue, w.pending, w.none, w.broken = false, false, false, false
		if w.ended == 0 {
			w.clientRoom, w.serverRoom = -1, -1
			w.do(w.m.Cut)
			if w.ended == 0 {
				t.Fatalf("not cut in stage %d", w.m.stage)
			}
		}
		p.requests(t)
		p.responses(t)
	})
}

// elaborate gives requests ids, and routes them by the first letter of their path.
func elaborate(c *exchange.Config) {
	c.NoRequestID = false
	c.Router = byLetter{c.Router}
}

// byLetter is a Router with answers and cookies of its own.
type byLetter struct{ to exchange.Router }

var tooOften = &http1.Error{Status: 429, Reason: "too often"}

// Route implements exchange.Router.
func (b byLetter) Route(q *exchange.Query, p *exchange.Plan) {
	letter := byte(0)
	if path := q.Request.Path(q.Buf); len(path) > 1 {
		letter = path[1]
	}
	switch letter {
	case 'o':
		p.Own, p.RetryAfter = tooOften, 3
	case 't':
		p.Own, p.Text, p.Location = tooOften, "text", "/elsewhere"
	case 'h':
		p.HandOver = true
	case 'n':
	default:
		b.to.Route(q, p)
		p.Cookie = "S"
	}
}

// player turns the steps of a program into events.
type player struct {
	*world
	in, out []byte // not sent yet
}

func (p *player) step(b byte) {
	w, m, n := p.world, p.m, int(b&15)
	idle := w.ended == Idle
	switch b >> 4 {
	case 0, 8: // the client sends
		if n = min(n*n+1, len(p.in)); n > 0 && (idle || m.WantClient()) {
			part := string(p.in[:n])
			p.in = p.in[n:]
			w.send(part)
		}
	case 1, 9: // the server sends
		if n = min(n*n+1, len(p.out)); n > 0 && w.cur != nil && m.WantServer() {
			part := string(p.out[:n])
			p.out = p.out[n:]
			w.serve(part)
		}
	case 2:
		w.clientRoom = n - 1
	case 3:
		if m.toC.size() > 0 && !idle {
			w.clientRoom = 3 * n
			w.do(func() { w.writeClient() })
		}
	case 4:
		w.serverRoom = n - 1
	case 5:
		if m.toS.size() > 0 && w.cur != nil {
			w.serverRoom = 3 * n
			w.do(func() { w.writeServer() })
		}
	case 6:
		if w.cur != nil && m.WantServer() {
			w.do(m.ServerEnded)
		}
	case 7:
		if w.cur != nil {
			w.do(m.ServerFailed)
		}
	case 10:
		w.later(time.Duration(n) * 4 * time.Second)
	case 11:
		w.refuse, w.broken = n&3, n&4 != 0
	case 12:
		if !idle && m.WantClient() {
			w.do(m.ClientEnded)
		}
	case 13:
		p.wait(n)
	case 14:
		if !idle && n == 0 {
			w.do(m.ClientFailed)
		}
	case 15:
		w.env.Stopping = n == 1
	}
}

// wait lets the request wait for a slot or for a connection, or ends that.
func (p *player) wait(n int) {
	w := p.world
	w.queue, w.pending, w.none = n&1 != 0, n&2 != 0, n&4 != 0
	switch {
	case w.m.stage == queued && n&8 != 0:
		w.queue = false
		w.do(w.give)
	case w.m.stage == connecting && n&8 != 0:
		w.do(func() { w.connected(w.m.Record.Server) })
	}
}

// requests checks what went to servers.
func (p *player) requests(t *testing.T) {
	for _, c := range p.conns {
		raw := c.got.Bytes()
		for use := 1; len(raw) > 0; use++ {
			if use > c.uses {
				t.Fatalf("more on a connection than its %d requests: %q", c.uses, raw)
			}
			var req http1.Request
			n, err := req.Parse(raw)
			if err != nil {
				t.Fatalf("%v in %q", err, raw)
			}
			if n == 0 {
				if c.kept {
					t.Fatalf("kept with half a request: %q", raw)
				}
				return
			}
			std, stdErr := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
			if stdErr == nil && std.Header.Get("X-Forwarded-For") != "192.0.2.1" {
				t.Fatalf("X-Forwarded-For %q", std.Header["X-Forwarded-For"])
			}
			var b body
			b.begin(&req, false)
			used, err := b.take(raw[n:])
			if err != nil || !b.done && c.kept {
				t.Fatalf("kept: %v, body %v in %q", c.kept, err, raw)
			}
			raw = raw[n+used:]
		}
	}
}

// responses checks that the client can read what it got: responses to its
// requests in order, the last one cut only if the connection ended.
func (p *player) responses(t *testing.T) {
	raw := p.client.Bytes()
	r := bufio.NewReader(bytes.NewReader(raw))
	for _, rec := range p.records {
		method := string(rec.Method)
		if method == "" {
			method = "GET"
		}
		for {
			resp, err := http.ReadResponse(r, &http.Request{Method: method})
			if err != nil {
				if p.world.ended == Idle && stdReads(raw) {
					t.Fatalf("%v, although the connection goes on: %q", err, raw)
				}
				return
			}
			_, err = io.Copy(io.Discard, resp.Body)
			if err != nil && rec.End == "ok" && p.world.ended == Idle && stdReads(raw) {
				t.Fatalf("%v, although all was well: %q", err, raw)
			}
			if resp.StatusCode < 200 {
				continue
			}
			if resp.StatusCode != rec.Status {
				t.Fatalf("status %d recorded as %+v", resp.StatusCode, rec)
			}
			break
		}
	}
}

// stdReads leaves out what net/http reads otherwise on purpose.
func stdReads(raw []byte) bool {
	return !bytes.Contains(raw, []byte(";")) && !bytes.Contains(raw, []byte("1xx"))
}
