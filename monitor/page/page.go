package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strings"
)

//go:embed index.html app.css js/*.js
var files embed.FS

// source is what one URL is put together from.
type source struct {
	url   string
	files []string
}

// sources lists all there is. The module is written in parts, sent as one: each
// request saved is a round trip saved. Its last part starts it.
var sources = []source{
	{"/", []string{"index.html"}},
	{"/app.css", []string{"app.css"}},
	{"/app.js", []string{"js/format.js", "js/data.js", "js/chart.js", "js/pointer.js", "js/map.js", "js/tables.js", "js/alerts.js", "js/app.js"}},
}

func (s source) read() []byte {
	var all []byte
	for _, name := range s.files {
		raw, err := files.ReadFile(name)
		if err != nil {
			panic(fmt.Sprintf("embedded %s: %v", name, err)) // embed guarantees it at build time
		}
		all = append(all, raw...)
	}
	return all
}

// contentTypes of the parts; there are no others.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
}

// part is one file, ready to be sent.
type part struct {
	raw, zipped []byte
	etag        string
	contentType string
}

// Handler answers "/", "/app.js" and "/app.css", compressed where the client
// takes it, and 304 where it has the current one. Anything else is 404.
func Handler() http.Handler {
	parts := map[string]part{}
	for _, s := range sources {
		raw := s.read()
		sum := sha256.Sum256(raw)
		parts[s.url] = part{
			raw: raw, zipped: compress(raw), contentType: contentTypes[path.Ext(s.files[0])],
			etag: `"` + hex.EncodeToString(sum[:8]) + `"`,
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := parts[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		p.send(w, r)
	})
}

func (p part) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", p.contentType)
	h.Set("Cache-Control", "no-cache") // ask each time: a new binary brings a new page
	h.Set("ETag", p.etag)
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("If-None-Match"), p.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := p.raw
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = p.zipped
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client went away: nothing to do about it
	}
}

// Size is how many bytes the whole page is, compressed.
func Size() int {
	n := 0
	for _, s := range sources {
		n += len(compress(s.read()))
	}
	return n
}

func compress(raw []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // only a wrong level fails
	}
	_, _ = z.Write(raw) // a bytes.Buffer takes everything
	_ = z.Close()
	return b.Bytes()
}
