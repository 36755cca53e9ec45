package http1

import (
	"fmt"
	"strings"
	"testing"
)

// requestCases are raw heads with the status they deserve; 0 accepts. The proxy's
// own tests send the same bytes over a connection.
var requestCases = []struct {
	name, raw string
	status    int
}{
	{"plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"lower case method is another method", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"leading CRLF", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"leading CRLFs without end", strings.Repeat("\r\n", 20), 400},
	{"leading LF", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"leading space", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"TLS hello", "\x16\x03\x01\x02\x00", 400},
	{"bare LF in request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
	{"bare LF in field line", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400},
	{"bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
	{"bare CR in value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400},
	{"two CR before LF", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\r\n\r\n", 400},
	{"NUL in value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", 400},
	{"NUL in name", "GET / HTTP/1.1\r\nHost: a\r\nX\x00: b\r\n\r\n", 400},
	{"NUL in target", "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"DEL in value", "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400},
	{"obs-text in value", "GET / HTTP/1.1\r\nHost: a\r\nX: \xe4\xff\r\n\r\n", 0},
	{"tab in value", "GET / HTTP/1.1\r\nHost: a\r\nX:\ta\tb\t\r\n\r\n", 0},
	{"empty value", "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", 0},
	{"obs-fold", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400},
	{"obs-fold with tab", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", 400},
	{"white space before first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
	{"space before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
	{"tab before colon", "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", 400},
	{"space in name", "GET / HTTP/1.1\r\nHost: a\r\nA B: c\r\n\r\n", 400},
	{"no name", "GET / HTTP/1.1\r\nHost: a\r\n: c\r\n\r\n", 400},
	{"no colon", "GET / HTTP/1.1\r\nHost: a\r\nabc\r\n\r\n", 400},
	{"odd characters in name", "GET / HTTP/1.1\r\nHost: a\r\nX(1): c\r\n\r\n", 400},

	{"HTTP/0.9", "GET /\r\n\r\n", 400},
	{"HTTP/9.9", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505},
	{"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
	{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
	{"HTTP/0.9 spelled out", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
	{"HTTP/1.2 is read as 1.1", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 0},
	{"version of three digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
	{"lower case version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
	{"version without digits", "GET / HTTP/x.y\r\nHost: a\r\n\r\n", 400},
	{"another protocol", "GET / HTCPCP/1.0\r\nHost: a\r\n\r\n", 400},
	{"trailing space", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
	{"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"tab as separator", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"space in target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"odd method", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"unknown method", "FROB / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405},

	{"relative target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"raw UTF-8 in target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"quote in target", "GET /?\" HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"angle bracket in target", "GET /<b> HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"backslash in target", "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"what browsers do not encode", "GET /a|b?[c]={d}^` HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"asterisk for OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"asterisk for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"absolute form", "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"absolute form, upper case", "GET HTTP://b:80?x HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"absolute form without Host", "GET http://b/x HTTP/1.1\r\n\r\n", 400},
	{"absolute form without host", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"user information", "GET http://u@b/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"another scheme", "GET ftp://b/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"target as long as allowed", "GET /" + strings.Repeat("a", 16<<10-1) + " HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"target too long", "GET /" + strings.Repeat("a", 16<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
	{"target without end", "GET /" + strings.Repeat("a", 40<<10), 414},

	{"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
	{"no Host in 1.0", "GET / HTTP/1.0\r\n\r\n", 0},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
	{"two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
	{"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
	{"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
	{"Host with user information", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
	{"Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
	{"Host list", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400},
	{"Host with port", "GET / HTTP/1.1\r\nHost: a.b-c_d:8080\r\n\r\n", 0},
	{"Host with empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", 0},
	{"Host with odd port", "GET / HTTP/1.1\r\nHost: a:80x\r\n\r\n", 400},
	{"Host with port out of range", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400},
	{"Host with the last port", "GET / HTTP/1.1\r\nHost: a:65535\r\n\r\n", 0},
	{"Host of IPv6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0},
	{"Host of broken IPv6", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
	{"Host of IPv6 with rest", "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", 400},

	{"Content-Length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", 0},
	{"two equal lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
	{"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
	{"length list", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n", 400},
	{"length with sign", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", 400},
	{"negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\n", 400},
	{"hexadecimal length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n", 400},
	{"empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400},
	{"length with underscore", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1_0\r\n\r\n", 400},
	{"length overflow", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551619\r\n\r\n", 400},
	{"length lookalike", "POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 3\r\n\r\n", 400},
	{"TE lookalike", "POST / HTTP/1.1\r\nHost: a\r\ntransfer_encoding: chunked\r\n\r\n", 400},
	{"other underscores", "POST / HTTP/1.1\r\nHost: a\r\nContent_Lengths: 3\r\nA_b: c\r\n\r\n", 0},
	{"TRACE with a body", "TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", 400},
	{"TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 0},
	{"Max-Forwards", "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", 0},
	{"odd Max-Forwards", "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: -1\r\n\r\n", 400},
	{"two Max-Forwards", "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\nMax-Forwards: 1\r\n\r\n", 400},
	{"chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", 0},
	{"CL and TE", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"TE and CL", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400},
	{"TE in 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"TE twice", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"TE chunked, chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400},
	{"TE identity", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400},
	{"TE gzip", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400},
	{"TE gzip, chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
	{"TE chunked, gzip", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400},
	{"TE empty", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", 400},
	{"TE with comma", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n", 400},
	{"TE with vertical tab", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", 400},
	{"TE quoted", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", 400},
	{"TE with parameter", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;a=b\r\n\r\n", 400},

	{"200 fields", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", 199) + "\r\n", 0},
	{"201 fields", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", 200) + "\r\n", 431},
	{"head too large", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 32<<10) + "\r\n\r\n", 431},
	{"head too large, one field after another", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+strings.Repeat("a", 400)+"\r\n", 100), 431},
	{"method without end", strings.Repeat("A", 40<<10), 431},
	{"too many Connection options", "GET / HTTP/1.1\r\nHost: a\r\nConnection: " + strings.Repeat("a,", 40) + "b\r\n\r\n", 400},
}

func TestRequestCases(t *testing.T) {
	for _, c := range requestCases {
		t.Run(c.name, func(t *testing.T) {
			var r Request
			n, err := r.Parse([]byte(c.raw))
			status := 0
			if err != nil {
				status = err.Status
			}
			if status != c.status {
				t.Fatalf("status %d (%v), want %d", status, err, c.status)
			}
			if err == nil && n != len(c.raw) {
				t.Fatalf("head of %d bytes, want %d", n, len(c.raw))
			}
		})
	}
}

// TestRequestByteByByte feeds every case in pieces: the verdict must not depend
// on how the bytes arrive.
func TestRequestByteByByte(t *testing.T) {
	for _, c := range requestCases {
		var r Request
		status, n := 0, 0
		for i := 1; i <= len(c.raw); i++ {
			var err *Error
			if n, err = r.Parse([]byte(c.raw)[:i]); err != nil {
				status = err.Status
				break
			}
			if n > 0 && i < len(c.raw) {
				t.Errorf("%s: complete after %d of %d bytes", c.name, i, len(c.raw))
				break
			}
		}
		if status != c.status {
			t.Errorf("%s: status %d, want %d", c.name, status, c.status)
		}
	}
}

func TestRequestMeaning(t *testing.T) {
	raw := "POST http://b.example:81/p?q HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nExpect: 100-Continue\r\nIdempotency-Key: k\r\n\r\n"
	var r Request
	buf := []byte(raw + "rest")
	n, err := r.Parse(buf)
	if err != nil || n != len(raw) {
		t.Fatal(n, err)
	}
	kind, length := r.Body()
	got := fmt.Sprint(kind, length, r.Method, r.Minor(), r.Expect100, r.KeepAlive(), string(r.MethodBytes(buf)),
		string(r.Target(buf)), string(r.Host(buf)), string(r.IdempotencyKey(buf)))
	want := fmt.Sprint(Length, 12, POST, 1, true, true, "POST", "http://b.example:81/p?q", "b.example:81", "k")
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRequestKeepAlive(t *testing.T) {
	for _, c := range []struct {
		version, connection string
		want                bool
	}{
		{"1.1", "x", true},
		{"1.1", "close", false},
		{"1.1", "foo , CLOSE", false},
		{"1.1", "keep-alive", true},
		{"1.0", "x", false},
		{"1.0", "Keep-Alive", true},
		{"1.0", "keep-alive, close", false},
		{"1.1", "closed", true},
	} {
		var r Request
		if _, err := r.Parse([]byte("GET / HTTP/" + c.version + "\r\nHost: a\r\nConnection: " + c.connection + "\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if r.KeepAlive() != c.want {
			t.Errorf("%s %s: %v", c.version, c.connection, r.KeepAlive())
		}
	}
}

func TestUpgrade(t *testing.T) {
	for _, c := range []struct{ head, want string }{
		{"Connection: Upgrade\r\nUpgrade: websocket\r\n", "websocket"},
		{"Connection: keep-alive, upgrade\r\nUpgrade: a/1, b\r\n", "a/1, b"},
		{"Upgrade: websocket\r\n", ""},
		{"Connection: Upgrade\r\n", ""},
		{"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n", ""},
		{"Connection: Upgrade\r\nUpgrade: websocket, H2C\r\n", ""},
		{"Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n", ""},
		{"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n", ""},
	} {
		var r Request
		buf := []byte("GET / HTTP/1.1\r\nHost: a\r\n" + c.head + "\r\n")
		if _, err := r.Parse(buf); err != nil {
			t.Fatal(err)
		}
		if got := string(r.Upgrade(buf)); got != c.want {
			t.Errorf("%q: %q, want %q", c.head, got, c.want)
		}
	}
}

func BenchmarkRequestParse(b *testing.B) {
	raw := []byte("GET /path/to/page?with=query&and=more HTTP/1.1\r\nHost: www.example.com\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n" +
		"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n" +
		"Connection: keep-alive\r\n\r\n")
	var r Request
	var out []byte
	f := Forward{ClientIP: []byte("10.0.0.1"), Proto: "http"}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(Limits{})
		if n, err := r.Parse(raw); n == 0 || err != nil {
			b.Fatal(n, err)
		}
		out = r.Append(out[:0], raw, &f)
	}
}
