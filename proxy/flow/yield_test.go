package flow

import (
	"strings"
	"testing"

	"pingd/proxy/exchange"
	"pingd/proxy/upstream"
)

// blind is a Router that does not see that a server takes more than this engine has.
type blind struct{ set *upstream.Set }

func (b blind) Route(_ *exchange.Query, p *exchange.Plan) { p.Set = b.set }

// TestHandOverWithAllThatWasSent: a request that a special server is picked for, also
// when another has failed it, is handed over whole.
func TestHandOverWithAllThatWasSent(t *testing.T) {
	const put = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct {
		name     string
		backends []string
		pieces   []string
	}{
		{"first", []string{"10.0.0.1:1 proto=h2"}, []string{get}},
		{"first, pipelined", []string{"10.0.0.1:1 proto=h2"}, []string{get + get}},
		{"after a failure", []string{"10.0.0.1:1", "10.0.0.2:1 send-proxy=v2"}, []string{get}},
		{"after a failure, with half a body", []string{"10.0.0.1:1", "10.0.0.2:1 proto=h2"}, []string{put + "3\r\nabc\r\n", "2\r\nde\r\n", "1\r\nf"}},
		{"after a failure, with a body and the next request", []string{"10.0.0.1:1", "10.0.0.2:1 proto=h2"}, []string{put + "3\r\nabc\r\n", "2\r\nde\r\n", "0\r\n\r\n" + get}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(e *exchange.Config) {}, c.backends...)
			w.env.Config.Router = blind{w.set}
			for _, p := range c.pieces {
				w.send(p)
			}
			if len(c.backends) > 1 {
				w.do(w.m.ServerEnded)
			}
			if w.ended != HandOver || string(w.m.Unread()) != strings.Join(c.pieces, "") {
				t.Errorf("ended %d with %q", w.ended, w.m.Unread())
			}
			if w.slot {
				t.Error("the slot is not given back")
			}
		})
	}
}

// TestKeyIsNotLostOnTheWay: a request that may have been counted under a key of ours is
// not handed over, where it would get another and be counted twice.
func TestKeyIsNotLostOnTheWay(t *testing.T) {
	for _, c := range []struct {
		name, fields string
		handedOver   bool
	}{
		{"our key", "", false},
		{"the client's own", "Idempotency-Key: k\r\n", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil, "10.0.0.1:1 idempotency=key", "10.0.0.2:1 idempotency=key proto=h2")
			w.env.Config.Router = blind{w.set}
			w.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n" + c.fields + "\r\n")
			if !strings.Contains(w.asked(0), "Idempotency-Key: ") {
				t.Fatalf("asked %q", w.asked(0))
			}
			w.do(w.m.ServerEnded)
			if got := w.ended == HandOver; got != c.handedOver {
				t.Errorf("handed over: %v, the client was told %q", got, w.told())
			}
			if !c.handedOver && !strings.HasPrefix(w.told(), "HTTP/1.1 502 ") {
				t.Errorf("the client was told %q", w.told())
			}
			if w.slot {
				t.Error("the slot is not given back")
			}
		})
	}
}
