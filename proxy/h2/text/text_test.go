package text

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"pingd/proxy/http1"
)

// list reads "name=value" words, with _ for a space in a value.
func list(words string) (f []hpack.HeaderField) {
	for w := range strings.FieldsSeq(words) {
		name, value, _ := strings.Cut(w, "=")
		f = append(f, hpack.HeaderField{Name: name, Value: strings.ReplaceAll(value, "_", " ")})
	}
	return f
}

const get = ":method=GET :scheme=https :authority=a.example :path=/x?y=1 "

func TestRequests(t *testing.T) {
	for _, c := range []struct {
		fields string
		end    bool
		body   Body
		want   string
	}{
		{get, true, None, "GET /x?y=1 HTTP/1.1|host: a.example||"},
		{":path=/ :scheme=http :method=HEAD host=b", true, None, "HEAD / HTTP/1.1|host: b||"},
		{get + "host=A.Example a=1 b=2_3", true, None, "GET /x?y=1 HTTP/1.1|host: a.example|a: 1|b: 2 3||"},
		{get + "cookie=a=1 x=y cookie=b=2 cookie=c=3", true, None, "GET /x?y=1 HTTP/1.1|host: a.example|x: y|cookie: a=1; b=2; c=3||"},
		{get + "te=trailers expect=100-continue", true, None, "GET /x?y=1 HTTP/1.1|host: a.example|expect: 100-continue||"},
		{get + "empty=", true, None, "GET /x?y=1 HTTP/1.1|host: a.example|empty: ||"},
		{":method=POST :scheme=http :authority=a :path=/ content-length=5 content-length=5", false, Length, "POST / HTTP/1.1|host: a|content-length: 5||"},
		{":method=POST :scheme=http :authority=a :path=/ content-length=5 trailer=x", false, Chunked, "POST / HTTP/1.1|host: a|trailer: x|transfer-encoding: chunked||"},
		{":method=POST :scheme=http :authority=a :path=/", false, Chunked, "POST / HTTP/1.1|host: a|transfer-encoding: chunked||"},
		{":method=POST :scheme=http :authority=a :path=/", true, None, "POST / HTTP/1.1|host: a|content-length: 0||"},
		{":method=OPTIONS :scheme=http :authority=a :path=*", true, None, "OPTIONS * HTTP/1.1|host: a||"},
		{
			":method=CONNECT :protocol=websocket :scheme=https :authority=a :path=/chat sec-websocket-version=13 sec-websocket-key=mine", false, Tunnel,
			"GET /chat HTTP/1.1|host: a|sec-websocket-version: 13|connection: Upgrade|upgrade: websocket|sec-websocket-key: k||",
		},
	} {
		got, body, err := AppendRequest([]byte("before"), list(c.fields), c.end, "k")
		text := strings.ReplaceAll(string(got), "\r\n", "|")
		if err != nil || text != "before"+c.want || body != c.body {
			t.Errorf("%s\ngot  %s %v %v\nwant %s", c.fields, text, body, err, c.want)
		}
		var r http1.Request
		if n, perr := r.Parse(got[len("before"):]); perr != nil || n != len(got)-len("before") {
			t.Errorf("%s: the strict parser says %v", c.fields, perr)
		}
	}
}

func TestMalformedRequests(t *testing.T) {
	with := func(name, value string) []hpack.HeaderField {
		return append(list(get), hpack.HeaderField{Name: name, Value: value})
	}
	for name, f := range map[string][]hpack.HeaderField{
		"nothing":                  nil,
		"no method":                list(":scheme=http :authority=a :path=/"),
		"no scheme":                list(":method=GET :authority=a :path=/"),
		"no path":                  list(":method=GET :scheme=http :authority=a"),
		"empty path":               list(":method=GET :scheme=http :authority=a :path="),
		"path without slash":       list(":method=GET :scheme=http :authority=a :path=x"),
		"star without OPTIONS":     list(":method=GET :scheme=http :authority=a :path=*"),
		"space in path":            list(":method=GET :scheme=http :authority=a :path=/_HTTP/1.1"),
		"fragment":                 list(":method=GET :scheme=http :authority=a :path=/#x"),
		"space in method":          list(":method=GET_/ :scheme=http :authority=a :path=/"),
		"space in authority":       list(":method=GET :scheme=http :authority=a_b :path=/"),
		"another scheme":           list(":method=GET :scheme=ftp :authority=a :path=/"),
		"method twice":             list(":method=GET :method=GET :scheme=http :authority=a :path=/"),
		"unknown pseudo":           list(get + ":x=y"),
		"of a response":            list(get + ":status=200"),
		"pseudo behind others":     list(":method=GET :scheme=http x=y :path=/"),
		"CONNECT":                  list(":method=CONNECT :authority=a:443"),
		"CONNECT without protocol": list(":method=CONNECT :scheme=http :authority=a :path=/"),
		"protocol with GET":        list(get + ":protocol=websocket"),
		"connection":               list(get + "connection=close"),
		"keep-alive":               list(get + "keep-alive=1"),
		"proxy-connection":         list(get + "proxy-connection=close"),
		"transfer-encoding":        list(get + "transfer-encoding=chunked"),
		"upgrade":                  list(get + "upgrade=h2c"),
		"te":                       list(get + "te=gzip"),
		"two hosts":                list(get + "host=b"),
		"upper case":               with("X-A", "1"),
		"empty name":               with("", "1"),
		"space in name":            with("a b", "1"),
		"colon in name":            with("a:", "1"),
		"line end in name":         with("a\r\nb", "1"),
		"line end in value":        with("a", "1\r\nb: 2"),
		"CR in value":              with("a", "1\r"),
		"NUL in value":             with("a", "\x00"),
		"leading space":            with("a", " 1"),
		"trailing tab":             with("a", "1\t"),
		"line end in path":         {{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: "/ HTTP/1.1\r\nx: y"}},
		"line end in protocol":     {{Name: ":method", Value: "CONNECT"}, {Name: ":protocol", Value: "a\r\nb"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: "/"}},
	} {
		if got, _, err := AppendRequest(nil, f, true, "k"); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s became %q, %v", name, got, err)
		}
	}
}

func TestResponses(t *testing.T) {
	for _, c := range []struct {
		fields    string
		end, head bool
		body      Body
		want      string
	}{
		{":status=200 content-length=5 x=y", false, false, Length, "HTTP/1.1 200 |content-length: 5|x: y||"},
		{":status=200 content-length=5 trailer=x", false, false, Chunked, "HTTP/1.1 200 |trailer: x|transfer-encoding: chunked||"},
		{":status=200", false, false, Chunked, "HTTP/1.1 200 |transfer-encoding: chunked||"},
		{":status=200 grpc-status=5", true, false, None, "HTTP/1.1 200 |grpc-status: 5|content-length: 0||"},
		{":status=200 content-length=7", true, true, None, "HTTP/1.1 200 |content-length: 7||"},
		{":status=304 content-length=7", true, false, None, "HTTP/1.1 304 |content-length: 7||"},
		{":status=204", true, false, None, "HTTP/1.1 204 ||"},
		{":status=103 link=x", false, false, None, "HTTP/1.1 103 |link: x||"},
	} {
		got, body, err := AppendResponse(nil, list(c.fields), c.end, c.head)
		if text := strings.ReplaceAll(string(got), "\r\n", "|"); err != nil || text != c.want || body != c.body {
			t.Errorf("%s\ngot  %s %v %v\nwant %s", c.fields, text, body, err, c.want)
		}
	}
	for _, bad := range []string{
		"", "x=y", "status=200", ":status=", ":status=20", ":status=0x0", ":status=2000", ":status=101", ":status=200 connection=close",
		":status=200 transfer-encoding=chunked", ":status=200 X=y", ":status=200 :status=200",
	} {
		if got, _, err := AppendResponse(nil, list(bad), false, false); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s became %q, %v", bad, got, err)
		}
	}
}

// read runs text through a Reader in pieces of size bytes and writes down what
// it finds.
func read(t testing.TB, request bool, method http1.Method, text string, size int) string {
	t.Helper()
	var r Reader
	r.Begin(request, method)
	var b strings.Builder
	field := func(name, value string) { fmt.Fprintf(&b, "%s=%s ", name, value) }
	var data strings.Builder
	flush := func() {
		if data.Len() > 0 {
			fmt.Fprintf(&b, "%q ", data.String())
			data.Reset()
		}
	}
	for rest := text; len(rest) > 0; {
		piece := rest[:min(size, len(rest))]
		rest = rest[len(piece):]
		for p := []byte(piece); len(p) > 0; {
			n, ev, d, err := r.Next(p)
			if err != nil {
				return b.String() + "error"
			}
			p = p[n:]
			switch ev {
			case Head:
				if request {
					EachRequest(&r.Request, r.Buf, field)
				} else {
					EachResponse(&r.Response, r.Buf, r.Tunnel, field)
				}
				if r.Final {
					b.WriteString("final ")
				}
			case Data:
				data.Write(d)
			case End:
				flush()
				r.EachTrailer(field)
			}
			if n == 0 && ev == More {
				flush()
				return b.String() + fmt.Sprintf("rest %q", p)
			}
		}
	}
	flush()
	if r.Ended {
		b.WriteString("end")
	}
	return b.String()
}

func TestReader(t *testing.T) {
	for _, c := range []struct {
		request bool
		method  http1.Method
		text    string
		want    string
	}{
		{false, http1.GET, "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 3\r\nConnection: close\r\nKeep-Alive: 1\r\n\r\nabc", `:status=200 date=x content-length=3 final "abc" end`},
		{false, http1.GET, "HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", ":status=404 content-length=0 final end"},
		{false, http1.HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", ":status=200 content-length=3 final end"},
		{false, http1.GET, "HTTP/1.1 304 N\r\n\r\n", ":status=304 final end"},
		{false, http1.GET, "HTTP/1.1 103 E\r\nLink: a\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 204 N\r\n\r\n", ":status=103 link=a :status=100 :status=204 final end"},
		{
			false, http1.GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\n\r\n\r\n0\r\nGrpc-Status: 0\r\nX:  y \r\nA:\r\n\r\n",
			`:status=200 final "abc\r\n" grpc-status=0 x=y a= end`,
		},
		{false, http1.GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ":status=200 final end"},
		{false, http1.GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz", ":status=200 final error"},
		{false, http1.GET, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", `:status=200 content-length=1 final "a" rest "b"`},
		{false, http1.GET, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: p\r\n\r\nraw", `:status=200 sec-websocket-protocol=p final "raw" `},
		{false, http1.GET, "nonsense\r\n", "error"},
		{
			true, 0, "POST /a?b HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nContent-Length: 2\r\nVia: 1.1 p\r\n\r\nhi",
			`:method=POST :scheme=http :authority=x :path=/a?b content-length=2 via=1.1 p te=trailers final "hi" end`,
		},
		{true, 0, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", ":method=GET :scheme=http :authority=x :path=/ te=trailers final end"},
		{true, 0, "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nt: 1\r\n\r\n", `:method=PUT :scheme=http :authority=x :path=/ te=trailers final "a" t=1 end`},
	} {
		for size := 1; size < len(c.text)+1; size++ {
			if got := read(t, c.request, c.method, c.text, size); got != c.want && !strings.Contains(c.want, "rest") {
				t.Fatalf("%q in pieces of %d\ngot  %s\nwant %s", c.text, size, got, c.want)
			}
		}
		if got := read(t, c.request, c.method, c.text, 1000); got != c.want {
			t.Errorf("%q\ngot  %s\nwant %s", c.text, got, c.want)
		}
	}
}

// TestReaderAgain: nothing of a message is left in the next one.
func TestReaderAgain(t *testing.T) {
	var r Reader
	for range 2 {
		r.Begin(false, http1.GET)
		p := []byte("HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b\r\n\r\n")
		events := 0
		for len(p) > 0 {
			n, _, _, err := r.Next(p)
			if err != nil {
				t.Fatal(err)
			}
			p = p[n:]
			events++
		}
		if !r.Ended || string(r.Trailers) != "a: b\r\n\r\n" || events != 3 {
			t.Errorf("%d events, trailers %q", events, r.Trailers)
		}
	}
}

func TestChunks(t *testing.T) {
	got := AppendChunk(AppendChunk(nil, []byte("hello")), nil)
	got, err := AppendEnd(got, list("a=1 b="))
	if err != nil || string(got) != "5\r\nhello\r\n0\r\na: 1\r\nb: \r\n\r\n" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := AppendEnd(nil, []hpack.HeaderField{{Name: "a", Value: "1\r\n\r\nGET /"}}); !errors.Is(err, ErrMalformed) {
		t.Error("a trailer begins another message")
	}
	if n := len(AppendChunk(nil, make([]byte, 1<<20))) - 1<<20; n > ChunkRoom {
		t.Errorf("%d bytes of framing", n)
	}
}

func TestLower(t *testing.T) {
	long := strings.Repeat("X", 100)
	for _, n := range []string{"Content-Type", "content-type", "X-Odd", "", long} {
		if Lower([]byte(n)) != strings.ToLower(n) {
			t.Error(n)
		}
	}
	if n := testing.AllocsPerRun(10, func() { Lower([]byte("Content-Type")) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzRequest: whatever stands in the fields, the text is one request at most,
// and says what the fields said.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "http", "a", "/", "x", "y", "cookie", "a=b", true)
	f.Add("POST", "https", "", "/a?b", "host", "h", "content-length", "3", false)
	f.Add("CONNECT", "https", "a", "/ HTTP/1.1\r\n\r\nGET /", ":protocol", "websocket", "te", "trailers", false)
	f.Fuzz(func(t *testing.T, method, scheme, authority, path, n1, v1, n2, v2 string, end bool) {
		fields := []hpack.HeaderField{
			{Name: ":method", Value: method},
			{Name: ":scheme", Value: scheme},
			{Name: ":authority", Value: authority},
			{Name: ":path", Value: path},
			{Name: n1, Value: v1},
			{Name: n2, Value: v2},
		}
		text, body, err := AppendRequest(nil, fields, end, "k")
		if err != nil {
			return
		}
		var r http1.Request
		n, perr := r.Parse(text)
		if perr != nil {
			return // refused with an answer
		}
		if n != len(text) {
			t.Fatalf("%d of %d bytes are the head: %q", n, len(text), text)
		}
		if got := string(r.Target(text)); got != path {
			t.Fatalf("target %q from %q", got, path)
		}
		if kind, _ := r.Body(); (kind == http1.ChunkedBody) != (body == Chunked) || end && body != None && body != Tunnel {
			t.Fatalf("body %v, framed as %v: %q", body, kind, text)
		}
	})
}

// FuzzReader: a response is read the same in any pieces.
func FuzzReader(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\na: b\r\n\r\n", 3)
	f.Add("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", 1)
	f.Fuzz(func(t *testing.T, text string, size int) {
		whole := read(t, false, http1.GET, text, len(text)+1)
		parts := read(t, false, http1.GET, text, max(size, 1))
		if i := strings.Index(whole, "rest"); i >= 0 {
			whole, parts = whole[:i], parts[:min(i, len(parts))]
		}
		if whole != parts && !strings.HasSuffix(whole, "error") {
			t.Fatalf("%q\nwhole     %s\nin pieces %s", text, whole, parts)
		}
	})
}
