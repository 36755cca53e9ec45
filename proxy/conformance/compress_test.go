package conformance

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"

	"pingd/proxy/compress"
	"pingd/proxy/exchange"
)

// compressing starts the engine that compresses before a backend.
func compressing(t *testing.T, o compress.Options, do script) *env {
	t.Helper()
	return goroutines.start(t, func(c *exchange.Config) {
		var err error
		if c.Compress, err = compress.New(o); err != nil {
			t.Fatal(err)
		}
	}, backend(t, do))
}

const (
	wantGzip = "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"
	htmlHead = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
)

// chunk frames a chunk.
func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

// unpack reads a response that is compressed, and what its body was.
func (p *peer) unpack() (*http.Response, string, error) {
	p.t.Helper()
	resp, err := http.ReadResponse(p.r, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	packed, err := io.ReadAll(resp.Body)
	if resp.Header.Get("Content-Encoding") != "gzip" || resp.ContentLength != -1 || len(resp.TransferEncoding) != 1 {
		p.t.Fatalf("not compressed in chunks: %+v", resp)
	}
	z, zerr := gzip.NewReader(bytes.NewReader(packed))
	if zerr != nil {
		return resp, "", errors.Join(err, zerr)
	}
	text, zerr := io.ReadAll(z)
	return resp, string(text), errors.Join(err, zerr)
}

// TestCompressed: whichever way the server frames a body, and wherever its parts are cut,
// the client gets all of it, the connection goes on, and the head says what was done.
func TestCompressed(t *testing.T) {
	text := strings.Repeat("All work and no play makes Jack a dull boy. ", 5000)
	half := len(text) / 3
	var chunks strings.Builder
	for i := 0; i < len(text); i += 999 {
		chunks.WriteString(chunk(text[i:min(i+999, len(text))]))
	}
	for name, c := range map[string]struct {
		response, trailer string
		closes            bool
	}{
		"length":      {response: fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(text), text)},
		"chunks":      {response: "Transfer-Encoding: chunked\r\n\r\n" + chunk(text[:half]) + chunk(text[half:]) + "0\r\n\r\n"},
		"many chunks": {response: "Transfer-Encoding: chunked\r\n\r\n" + chunks.String() + "0\r\n\r\n"},
		"trailers":    {response: "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(text) + "0;last\r\nX-Sum: 7\r\nX-Other: 8\r\n\r\n", trailer: "7"},
		"until close": {response: "\r\n" + text, closes: true},
		"HTTP/1.0":    {response: "\r\n" + text, closes: true},
	} {
		t.Run(name, func(t *testing.T) {
			raw := htmlHead + "ETag: \"v1\"\r\nAccept-Ranges: bytes\r\nVary: Cookie\r\n" + c.response
			if name == "HTTP/1.0" {
				raw = strings.Replace(raw, "HTTP/1.1", "HTTP/1.0", 1)
			}
			do := replies(raw)
			if c.closes {
				do = once(raw)
			}
			e := compressing(t, compress.Options{}, do)
			p := e.dial()
			for range 3 {
				resp, got, err := p.send(wantGzip).unpack()
				h := resp.Header
				if err != nil || got != text {
					t.Fatalf("%d of %d bytes, %v", len(got), len(text), err)
				}
				if h.Get("Etag") != `W/"v1"` || h.Get("Accept-Ranges") != "" || h.Get("Content-Length") != "" ||
					strings.Join(h.Values("Vary"), ", ") != "Cookie, Accept-Encoding" || resp.Trailer.Get("X-Sum") != c.trailer {
					t.Errorf("%+v, trailers %v", h, resp.Trailer)
				}
			}
			// The same to others, as it is.
			resp, err := http.ReadResponse(p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").r, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			if err != nil || string(got) != text || resp.Header.Get("Etag") != `"v1"` || resp.Header.Get("Accept-Ranges") != "bytes" ||
				strings.Join(resp.Header.Values("Vary"), ", ") != "Cookie, Accept-Encoding" {
				t.Errorf("%d bytes, %v: %+v", len(got), err, resp.Header)
			}
		})
	}
}

// TestCompressedInPieces: a body that comes byte by byte, its framing too.
func TestCompressedInPieces(t *testing.T) {
	raw := htmlHead + "Transfer-Encoding: chunked\r\n\r\n" + chunk("hello ") + "5;a=\"b\"\r\nworld\r\n0\r\nX-Sum: 7\r\n\r\n"
	e := compressing(t, compress.Options{}, func(c net.Conn, r *bufio.Reader, _ int) {
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			for i := range raw {
				if _, err := io.WriteString(c, raw[i:i+1]); err != nil {
					return
				}
			}
		}
	})
	p := e.dial()
	for range 3 {
		resp, got, err := p.send(wantGzip).unpack()
		if err != nil || got != "hello world" || resp.Trailer.Get("X-Sum") != "7" {
			t.Errorf("%q, %v, %v", got, resp.Trailer, err)
		}
	}
}

// TestCompressedStream: what a server has sent reaches the client while the server is
// silent, without more of it.
func TestCompressedStream(t *testing.T) {
	next := make(chan struct{})
	e := compressing(t, compress.Options{}, func(c net.Conn, r *bufio.Reader, _ int) {
		_, _ = readHead(r)
		_, _ = io.WriteString(c, htmlHead+"Transfer-Encoding: chunked\r\n\r\n")
		for i := range 5 {
			<-next
			_, _ = io.WriteString(c, chunk(fmt.Sprintf("event %d\n", i)))
		}
		_, _ = io.WriteString(c, "0\r\n\r\n")
	})
	p := e.dial().send(wantGzip)
	resp, err := http.ReadResponse(p.r, nil) // the head does not wait for a body
	if err != nil {
		t.Fatal(err)
	}
	next <- struct{}{}
	z, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(z)
	for i := range 5 {
		if line, err := lines.ReadString('\n'); line != fmt.Sprintf("event %d\n", i) || err != nil {
			t.Fatalf("%q, %v", line, err)
		}
		if i < 4 {
			next <- struct{}{}
		}
	}
	if rest, err := io.ReadAll(lines); len(rest) != 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// TestCompressedAndCut: a body that breaks off ends neither as compressed data does nor
// as chunks do.
func TestCompressedAndCut(t *testing.T) {
	noise := make([]byte, 50_000) // more than is held back
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	text := hex.EncodeToString(noise)
	for name, raw := range map[string]string{
		"length":     fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(text)+1, text),
		"chunks":     "Transfer-Encoding: chunked\r\n\r\n" + chunk(text),
		"last chunk": "Transfer-Encoding: chunked\r\n\r\n" + chunk(text) + "0\r\n",
		"trailers":   "Transfer-Encoding: chunked\r\n\r\n" + chunk(text) + "0\r\nX-Sum: 7\r\n",
		"bad chunk":  "Transfer-Encoding: chunked\r\n\r\n" + chunk(text) + "zz\r\n",
		"no body":    "Content-Length: 5000\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			e := compressing(t, compress.Options{}, once(htmlHead+raw))
			rest, _ := e.dial().send(wantGzip).rest()
			_, body, ok := strings.Cut(rest, "\r\n\r\n")
			if !strings.HasPrefix(rest, "HTTP/1.1 200") || !ok || strings.HasSuffix(body, "0\r\n\r\n") {
				t.Fatalf("%.200q ... %q", rest, rest[max(0, len(rest)-20):])
			}
			resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(rest)), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err == nil {
				t.Error("the chunks look whole")
			}
			// Nor does what is inside them.
			resp, err = http.ReadResponse(bufio.NewReader(strings.NewReader(rest+"0\r\n\r\n")), nil)
			if err != nil {
				t.Fatal(err)
			}
			z, err := gzip.NewReader(resp.Body)
			if err == nil {
				_, err = io.Copy(io.Discard, z)
			}
			if err == nil {
				t.Error("the compressed data look whole")
			}
			until(t, "the record", func() bool { return len(e.records) == 1 })
			if r := <-e.records; r.End != exchange.EndTruncated {
				t.Errorf("ended %q", r.End)
			}
		})
	}
}

// TestBrokenBeforeItsBegin: while nothing was sent the client can still be told.
func TestBrokenBeforeItsBegin(t *testing.T) {
	e := compressing(t, compress.Options{}, once(htmlHead+"Transfer-Encoding: chunked\r\n\r\nzz\r\n"))
	if head := e.dial().send(wantGzip).head(); status(head) != "502" {
		t.Error(head)
	}
}

// TestNotCompressed: bytes that must stay what they are.
func TestNotCompressed(t *testing.T) {
	text := strings.Repeat("x", 5000)
	whole := htmlHead + "ETag: \"v1\"\r\nContent-Length: 5000\r\n"
	for name, c := range map[string]struct{ request, response string }{
		"HTTP/1.0":    {"GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n", whole},
		"range":       {"GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-\r\nAccept-Encoding: gzip\r\n\r\n", strings.Replace(whole, "200 OK", "206 Partial Content", 1) + "Content-Range: bytes 0-4999/5000\r\n"},
		"no-trans":    {wantGzip, whole + "Cache-Control: no-transform\r\n"},
		"encoded":     {wantGzip, whole + "Content-Encoding: br\r\n"},
		"image":       {wantGzip, strings.Replace(whole, "text/html", "image/png", 1)},
		"not wanted":  {"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip;q=0\r\n\r\n", whole},
		"not grammar": {"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip;q=9\r\n\r\n", whole},
	} {
		t.Run(name, func(t *testing.T) {
			p := compressing(t, compress.Options{}, replies(c.response+"\r\n"+text)).dial()
			for range 1 + strings.Count(c.request, "HTTP/1.1") {
				head := p.send(c.request).head()
				if strings.Contains(head, "gzip") || strings.Contains(head, "W/") || !strings.Contains(head, "Content-Length: 5000\r\n") || p.body(5000) != text {
					t.Fatal(head)
				}
			}
		})
	}
	p := compressing(t, compress.Options{}, replies(whole+"\r\n")).dial()
	for range 2 { // the head alone, and nothing that would be taken for the next one
		if head := p.send(strings.Replace(wantGzip, "GET", "HEAD", 1)).head(); strings.Contains(head, "gzip") || !strings.Contains(head, "Content-Length: 5000\r\n") {
			t.Fatal(head)
		}
	}
}

// TestNoMoreThanAllowed: a response that finds nobody free to compress it passes as it
// is, and one that a client gave up on makes room.
func TestNoMoreThanAllowed(t *testing.T) {
	first, over := make(chan struct{}), make(chan struct{})
	e := compressing(t, compress.Options{Streams: 1}, func(c net.Conn, r *bufio.Reader, _ int) {
		head, _ := readHead(r)
		if strings.HasPrefix(head, "GET /slow") {
			_, _ = io.WriteString(c, htmlHead+"\r\nbegun")
			close(first)
			<-over
			return
		}
		_, _ = io.WriteString(c, htmlHead+"ETag: \"v1\"\r\nContent-Length: 5000\r\n\r\n"+strings.Repeat("x", 5000))
	})
	t.Cleanup(func() { close(over) })
	slow := e.dial().send(strings.Replace(wantGzip, "/ ", "/slow ", 1))
	<-first
	if head := slow.head(); !strings.Contains(head, "gzip") {
		t.Fatal(head)
	}
	p := e.dial()
	if head := p.send(wantGzip).head(); strings.Contains(head, "gzip") || !strings.Contains(head, "ETag: \"v1\"") || !strings.Contains(head, "Vary: Accept-Encoding") {
		t.Error(head)
	}
	p.body(5000)
}
