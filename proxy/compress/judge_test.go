package compress

import (
	"strings"
	"testing"

	"pingd/proxy/http1"
)

// judge lets Judge decide about two heads, whose lines end with a bar.
func judge(t *testing.T, c *Compressor, request, response string) Verdict {
	t.Helper()
	req, resp, reqBuf, respBuf, ok := heads(request, response)
	if !ok {
		t.Fatalf("no heads: %q, %q", request, response)
	}
	return c.Judge(req, reqBuf, resp, respBuf)
}

func heads(request, response string) (req *http1.Request, resp *http1.Response, reqBuf, respBuf []byte, ok bool) {
	raw := func(s string) []byte { return []byte(strings.ReplaceAll(s, "|", "\r\n") + "\r\n") }
	req, resp, reqBuf, respBuf = new(http1.Request), new(http1.Response), raw(request), raw(response)
	n, err := req.Parse(reqBuf)
	m, err2 := resp.Parse(respBuf)
	return req, resp, reqBuf, respBuf, err == nil && err2 == nil && n > 0 && m > 0
}

func compressor(t testing.TB, o Options) *Compressor {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	get  = "GET / HTTP/1.1|Host: a|Accept-Encoding: gzip|"
	ok   = "HTTP/1.1 200 OK|Content-Type: text/html; charset=utf-8|"
	size = "Content-Length: 5000|"
)

func TestJudge(t *testing.T) {
	c := compressor(t, Options{})
	all, vary := Verdict{Encode: true, Vary: true}, Verdict{Vary: true}
	none := Verdict{}
	for _, k := range []struct {
		name, request, response string
		want                    Verdict
	}{
		{"plain", get, ok + size, all},
		{"chunked", get, ok + "Transfer-Encoding: chunked|", all},
		{"until close", get, ok, all},
		{"post", strings.Replace(get, "GET", "POST", 1), ok + size, all},
		{"an error's page", get, strings.Replace(ok, "200 OK", "404 Not Found", 1) + size, all},
		{"strong tag", get, ok + size + "ETag: \"x\"|", Verdict{Encode: true, Vary: true, Weak: true}},
		{"weak tag", get, ok + size + "ETag: W/\"x\"|", all},
		{"varies by something else", get, ok + size + "Vary: Cookie, Accept|", all},
		{"varies already", get, ok + size + "Vary: Cookie, accept-encoding|", Verdict{Encode: true}},
		{"varies by everything", get, ok + size + "Vary: *|", Verdict{Encode: true}},
		{"json", get, "HTTP/1.1 200 OK|content-type: application/JSON|" + size, all},
		{"just large enough", get, ok + "Content-Length: 1024|", all},

		// The client does not want it: others do.
		{"nothing accepted", "GET / HTTP/1.1|Host: a|", ok + size, vary},
		{"refused", "GET / HTTP/1.1|Host: a|Accept-Encoding: gzip;q=0|", ok + size + "ETag: \"x\"|", vary},
		{"range", get + "Range: bytes=0-9|", ok + size, vary},
		{"request: no-transform", get + "Cache-Control: No-Transform|", ok + size, vary},
		{"HTTP/1.0", "GET / HTTP/1.0|Accept-Encoding: gzip|", ok + size, vary},
		{"HEAD", strings.Replace(get, "GET", "HEAD", 1), ok + size + "ETag: \"x\"|", vary},

		// It is never compressed.
		{"no content", get, strings.Replace(ok, "200 OK", "204 No", 1), none},
		{"reset content", get, strings.Replace(ok, "200 OK", "205 No", 1) + size, none},
		{"partial", get, strings.Replace(ok, "200 OK", "206 Partial", 1) + size, none},
		{"content range", get, ok + size + "Content-Range: bytes 0-4999/9999|", none},
		{"too small", get, ok + "Content-Length: 1023|", none},
		{"empty", get, ok + "Content-Length: 0|", none},
		{"no-transform", get, ok + size + "Cache-Control: private, No-Transform|", none},
		{"encoded", get, ok + size + "Content-Encoding: br|", none},
		{"identity, said", get, ok + size + "Content-Encoding: identity|", none},
		{"no type", get, "HTTP/1.1 200 OK|" + size, none},
		{"empty type", get, "HTTP/1.1 200 OK|Content-Type:|" + size, none},
		{"two types", get, ok + "Content-Type: text/html|" + size, none},
		{"image", get, "HTTP/1.1 200 OK|Content-Type: image/png|" + size, none},
		{"grpc", get, "HTTP/1.1 200 OK|Content-Type: application/grpc|", none},
		{"events", get, "HTTP/1.1 200 OK|Content-Type: text/event-stream; charset=utf-8|", none},
		{"digest", get, ok + size + "Repr-Digest: sha-256=:x:|", none},
		{"content digest", get, ok + size + "content-digest: sha-256=:x:|", none},
		{"old digest", get, ok + size + "Digest: sha-256=x|", none},
		{"md5", get, ok + size + "Content-MD5: x|", none},
		{"digest behind", get, ok + "Transfer-Encoding: chunked|Trailer: Content-Digest|", none},

		// What the client has is still good.
		{"not modified", get + "If-None-Match: W/\"x\"|", "HTTP/1.1 304 Not|ETag: \"x\"|", Verdict{Vary: true, Weak: true}},
		{"not modified, in a list", get + "If-None-Match: \"y\", W/\"x\"|", "HTTP/1.1 304 Not|ETag: \"x\"|Vary: Accept-Encoding|", Verdict{Weak: true}},
		{"not modified, as it was", get + "If-None-Match: \"x\"|", "HTTP/1.1 304 Not|ETag: \"x\"|", vary},
		{"not modified, weak before", get + "If-None-Match: W/\"x\"|", "HTTP/1.1 304 Not|ETag: W/\"x\"|", vary},
		{"not modified, no tag", get, "HTTP/1.1 304 Not|", vary},
	} {
		if got := judge(t, c, k.request, k.response); got != k.want {
			t.Errorf("%s: %+v, want %+v", k.name, got, k.want)
		}
	}
}

// TestJudgeTypes: own types replace the usual ones, and events are compressed only for
// those who name them.
func TestJudgeTypes(t *testing.T) {
	for types, want := range map[string]string{
		"text/*":            "text/html",
		"text/event-stream": "text/event-stream",
		"application/*":     "application/json application/x-anything",
		"image/svg+xml":     "image/svg+xml",
	} {
		o, err := Parse("gzip types=" + types)
		if err != nil {
			t.Fatal(err)
		}
		c := compressor(t, o)
		for _, media := range strings.Fields("text/html text/event-stream application/json application/x-anything image/svg+xml text textual/html") {
			got := judge(t, c, get, "HTTP/1.1 200 OK|Content-Type: "+media+"|").Encode
			if wanted := strings.Contains(" "+want+" ", " "+media+" "); got != wanted {
				t.Errorf("types=%s, %s: %v", types, media, got)
			}
		}
	}
}

// FuzzJudge: whatever two heads say, nothing is compressed that must not be, and the
// verdict is consistent.
func FuzzJudge(f *testing.F) {
	for _, r := range []string{get, get + "Range: bytes=0-|", "HEAD / HTTP/1.0|Accept-Encoding: *;q=0.5, identity;q=0|"} {
		f.Add(r, ok+size+"ETag: \"x\"|Vary: a,*|")
		f.Add(r, "HTTP/1.1 304 x|ETag: \"x\"|Cache-Control: no-transform|")
	}
	c, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, request, response string) {
		req, resp, reqBuf, respBuf, ok := heads(request, response)
		if !ok {
			return
		}
		v := c.Judge(req, reqBuf, resp, respBuf)
		kind, _ := resp.Body(req.Method)
		if v.Encode && (kind == http1.NoBody || req.Minor() == 0 || resp.Value(respBuf, "content-encoding") != nil || req.Value(reqBuf, "accept-encoding") == nil) {
			t.Errorf("compressed: %q, %q", request, response)
		}
		if v.Weak && !v.Encode && resp.Status != 304 {
			t.Errorf("a tag is made weak, the body stays: %q, %q", request, response)
		}
		note := &http1.Reply{Method: req.Method, Minor: req.Minor(), Weak: v.Weak, Chunk: v.Encode && kind != http1.ChunkedBody}
		if v.Encode {
			note.Coding = "gzip"
		}
		var again http1.Response
		out := resp.Append(nil, respBuf, note)
		if len(out) > 30_000 || strings.Count(response, "|") > 190 {
			return // our own lines came on top
		}
		if n, err := again.Parse(out); n != len(out) || err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		if k, _ := again.Body(req.Method); v.Encode && k != http1.ChunkedBody {
			t.Errorf("compressed, and framed as %d: %q", k, out)
		}
	})
}
