package http1

import (
	"strings"
	"testing"
)

func TestForward(t *testing.T) {
	plain := Forward{}
	full := Forward{ClientIP: []byte("10.0.0.1"), Proto: "http", Via: "pingd"}
	trusted := full
	trusted.Trusted = true
	keyed := Forward{IdempotencyKey: []byte("k1")}
	for _, c := range []struct {
		name    string
		o       Forward
		in, out string
	}{
		{"nothing to change", plain, "GET /a?b HTTP/1.1|Host: A|x:  y |Cookie: c|", "GET /a?b HTTP/1.1|Host: A|x:  y |Cookie: c|"},
		{"path and query untouched", plain, "GET //a/../%2e%2E/;x?a=1;b=2&c=%zz{}[]^` HTTP/1.1|Host: a|", "GET //a/../%2e%2E/;x?a=1;b=2&c=%zz{}[]^` HTTP/1.1|Host: a|"},
		{"order and repeats", plain, "GET / HTTP/1.1|B: 1|Host: a|A: 2|B: 3|", "GET / HTTP/1.1|B: 1|Host: a|A: 2|B: 3|"},
		{"version", plain, "GET / HTTP/1.0|Host: a|", "GET / HTTP/1.1|Host: a|"},
		{"hop-by-hop", plain, "GET / HTTP/1.1|Connection: keep-alive|Host: a|Keep-Alive: 5|TE: trailers|Proxy-Connection: x|Z: 1|HTTP2-Settings: q|", "GET / HTTP/1.1|Host: a|Z: 1|"},
		{"nominated", plain, "GET / HTTP/1.1|Host: a|Connection: foo, Bar,close|FOO: 1|bar: 2|baz: 3|", "GET / HTTP/1.1|Host: a|baz: 3|"},
		{"nominated twice", plain, "GET / HTTP/1.1|Connection: x|Connection: y|Host: a|X: 1|Y: 2|", "GET / HTTP/1.1|Host: a|"},
		{"nominating what must stay", plain, "POST / HTTP/1.1|Host: a|Content-Length: 3|Connection: Host, Content-Length, Idempotency-Key|Idempotency-Key: z|", "POST / HTTP/1.1|Host: a|Content-Length: 3|Idempotency-Key: z|"},
		{
			"nominating X-Forwarded-For", trusted, "GET / HTTP/1.1|Host: a|X-Forwarded-For: 1.1.1.1|Connection: X-Forwarded-For|",
			"GET / HTTP/1.1|Host: a|X-Forwarded-For: 1.1.1.1, 10.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: a|Via: 1.1 pingd|",
		},
		{"chunked stays", plain, "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Trailer: x|", "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Trailer: x|"},
		{"Expect", plain, "POST / HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 1|", "POST / HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 1|"},
		{"Expect in 1.0", plain, "POST / HTTP/1.0|Host: a|Expect: 100-continue|Content-Length: 1|", "POST / HTTP/1.1|Host: a|Content-Length: 1|"},
		{"absolute form", full, "GET http://b:8/x?y HTTP/1.1|A: 1|Host: a|", "GET /x?y HTTP/1.1|Host: b:8|A: 1|X-Forwarded-For: 10.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: b:8|Via: 1.1 pingd|"},
		{"absolute form without path", plain, "GET http://b?y HTTP/1.1|Host: a|", "GET /?y HTTP/1.1|Host: b|"},
		{"absolute form of OPTIONS", plain, "OPTIONS http://b HTTP/1.1|Host: a|", "OPTIONS * HTTP/1.1|Host: b|"},
		{"no Host in 1.0", Forward{DefaultHost: []byte("d:1")}, "GET / HTTP/1.0|", "GET / HTTP/1.1|Host: d:1|"},
		{
			"spoofed", full, "GET / HTTP/1.1|Host: a|X-Forwarded-For: 6.6.6.6|forwarded: for=6|X-Forwarded-Host: evil|X-FORWARDED-PROTO: https|X-Forwarded-Port: 1|X_Forwarded_For: 6|x-real-ip: 6|X_Real_IP: 6|Z: 1|",
			"GET / HTTP/1.1|Host: a|Z: 1|X-Forwarded-For: 10.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: a|Via: 1.1 pingd|",
		},
		{
			"trusted", trusted, "GET / HTTP/1.1|Host: a|X-Forwarded-For: 1.1.1.1|X-Forwarded-For: 2.2.2.2|Forwarded: for=1|X-Forwarded-Host: h|X-Forwarded-Proto: https|",
			"GET / HTTP/1.1|Host: a|Forwarded: for=1|X-Forwarded-Host: h|X-Forwarded-Proto: https|X-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.0.0.1|Via: 1.1 pingd|",
		},
		{"key replaced", keyed, "GET / HTTP/1.1|Host: a|idempotency-key: mine|", "GET / HTTP/1.1|Host: a|Idempotency-Key: k1|"},
		{"key of the client", plain, "GET / HTTP/1.1|Host: a|Idempotency-Key: mine|", "GET / HTTP/1.1|Host: a|Idempotency-Key: mine|"},
		{"Via of 1.0", Forward{Via: "p", DefaultHost: []byte("d")}, "GET / HTTP/1.0|Via: 1.1 a|", "GET / HTTP/1.1|Via: 1.1 a|Host: d|Via: 1.0 p|"},
		{"Max-Forwards counted down", plain, "OPTIONS / HTTP/1.1|Host: a|Max-Forwards: 010|B: c|", "OPTIONS / HTTP/1.1|Host: a|B: c|Max-Forwards: 9|"},
		{"Max-Forwards of TRACE", plain, "TRACE / HTTP/1.1|Host: a|max-forwards: 1|", "TRACE / HTTP/1.1|Host: a|Max-Forwards: 0|"},
		{"Max-Forwards of others", plain, "GET / HTTP/1.1|Host: a|Max-Forwards: x|", "GET / HTTP/1.1|Host: a|Max-Forwards: x|"},
		{"upgrade", plain, "GET / HTTP/1.1|Host: a|Connection: keep-alive, Upgrade|Upgrade: websocket|", "GET / HTTP/1.1|Host: a|Upgrade: websocket|Connection: Upgrade|"},
		{"h2c", plain, "GET / HTTP/1.1|Host: a|Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: x|", "GET / HTTP/1.1|Host: a|"},
		{"upgrade not nominated", plain, "GET / HTTP/1.1|Host: a|Upgrade: websocket|", "GET / HTTP/1.1|Host: a|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Request
			buf := []byte(strings.ReplaceAll(c.in, "|", "\r\n") + "\r\n")
			if n, err := r.Parse(buf); n != len(buf) || err != nil {
				t.Fatal(n, err)
			}
			out := string(r.Append(nil, buf, &c.o))
			if got := strings.TrimSuffix(strings.ReplaceAll(out, "\r\n", "|"), "|"); got != c.out || !strings.HasSuffix(out, "\r\n\r\n") {
				t.Errorf("got  %s\nwant %s", got, c.out)
			}
		})
	}
}

func TestReply(t *testing.T) {
	date := []byte("Tue, 24 Nov 2026 00:00:00 GMT")
	for _, c := range []struct {
		name    string
		o       Reply
		in, out string
	}{
		{"nothing to change", Reply{Minor: 1}, "HTTP/1.1 200 OK|Content-Length: 3|set-cookie: a|Set-Cookie: b|", "HTTP/1.1 200 OK|Content-Length: 3|set-cookie: a|Set-Cookie: b|"},
		{"reason without its space", Reply{Minor: 1}, "HTTP/1.1 200|A: b|", "HTTP/1.1 200 |A: b|"},
		{"version", Reply{Minor: 1}, "HTTP/1.0 200 OK|A: b|", "HTTP/1.1 200 OK|A: b|"},
		{"hop-by-hop", Reply{Minor: 1}, "HTTP/1.1 200 OK|Connection: close, X|Keep-Alive: 3|X: 1|Upgrade: h2|A: b|", "HTTP/1.1 200 OK|A: b|"},
		{"close", Reply{Minor: 1, Close: true}, "HTTP/1.1 200 OK|A: b|", "HTTP/1.1 200 OK|A: b|Connection: close|"},
		{"1.0 goes on", Reply{}, "HTTP/1.1 200 OK|Content-Length: 3|", "HTTP/1.1 200 OK|Content-Length: 3|Connection: keep-alive|"},
		{"1.0 sees no framing", Reply{Close: true}, "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Trailer: x|", "HTTP/1.1 200 OK|Connection: close|"},
		{"chunked", Reply{Minor: 1}, "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Trailer: x|", "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Trailer: x|"},
		{"made chunked", Reply{Minor: 1, Chunk: true}, "HTTP/1.1 200 OK|A: b|", "HTTP/1.1 200 OK|A: b|Transfer-Encoding: chunked|"},
		{"204 has no length", Reply{Minor: 1}, "HTTP/1.1 204 No Content|Content-Length: 0|", "HTTP/1.1 204 No Content|"},
		{"304 may have one", Reply{Minor: 1}, "HTTP/1.1 304 Not Modified|Content-Length: 9|", "HTTP/1.1 304 Not Modified|Content-Length: 9|"},
		{"103", Reply{Minor: 1, Date: date}, "HTTP/1.1 103 Early Hints|Link: </a>|Connection: x|", "HTTP/1.1 103 Early Hints|Link: </a>|"},
		{"date added", Reply{Minor: 1, Date: date}, "HTTP/1.1 200 OK|A: b|", "HTTP/1.1 200 OK|A: b|Date: Tue, 24 Nov 2026 00:00:00 GMT|"},
		{"date kept", Reply{Minor: 1, Date: date}, "HTTP/1.1 200 OK|date: x|", "HTTP/1.1 200 OK|date: x|"},
		{"switch", Reply{Minor: 1, Switch: true}, "HTTP/1.1 101 S|Connection: Upgrade|Upgrade: websocket|", "HTTP/1.1 101 S|Upgrade: websocket|Connection: Upgrade|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Response
			buf := []byte(strings.ReplaceAll(c.in, "|", "\r\n") + "\r\n")
			if n, err := r.Parse(buf); n != len(buf) || err != nil {
				t.Fatal(n, err)
			}
			out := string(r.Append(nil, buf, &c.o))
			if got := strings.TrimSuffix(strings.ReplaceAll(out, "\r\n", "|"), "|"); got != c.out || !strings.HasSuffix(out, "\r\n\r\n") {
				t.Errorf("got  %s\nwant %s", got, c.out)
			}
		})
	}
}
