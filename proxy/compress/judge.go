package compress

import (
	"bytes"
	"strings"

	"pingd/proxy/http1"
)

// Verdict is what is done to a response.
type Verdict struct {
	// Encode has the body compressed.
	Encode bool
	// Vary has "Vary: Accept-Encoding" added, which the response lacks although what
	// it looks like hangs on that field (RFC 9110 section 12.5.5).
	Vary bool
	// Weak has a strong entity tag made a weak one: it was for other bytes (RFC 9110
	// section 8.8.3.3).
	Weak bool
}

// traits are what counts of a response's head.
type traits struct {
	types  int    // Content-Type lines
	media  []byte // of the last
	etag   []byte
	fixed  bool // it must be passed on as it is
	varies bool // with Accept-Encoding, as it says already
}

// Judge decides about a response, whose head was parsed from respBuf, to a request,
// whose head was parsed from reqBuf.
func (c *Compressor) Judge(req *http1.Request, reqBuf []byte, resp *http1.Response, respBuf []byte) Verdict {
	var t traits
	resp.Each(respBuf, func(name, value []byte) bool { t.note(name, value); return true })
	if resp.Status == 304 {
		// It speaks of the response that the client has, which was compressed if its
		// tag is one that was made weak (RFC 9110 section 15.4.5).
		had := req.Value(reqBuf, "if-none-match")
		return Verdict{Vary: !t.varies, Weak: strong(t.etag) && bytes.Contains(had, append([]byte("W/"), t.etag...))}
	}
	kind, size := resp.Body(req.Method)
	switch {
	case resp.Status < 200, resp.Status == 204, resp.Status == 205, resp.Status == 206:
		return Verdict{}
	case kind == http1.Length && size < c.o.MinSize, kind == http1.NoBody && req.Method != http1.HEAD:
		return Verdict{}
	case t.fixed || t.types != 1 || !c.compresses(t.media):
		return Verdict{}
	}
	v := Verdict{Vary: !t.varies}
	// HTTP/1.0 has no chunks: the end of a body of unknown size would look like its
	// being cut off.
	if req.Method != http1.HEAD && req.Minor() > 0 && accepts(req, reqBuf) {
		v.Encode, v.Weak = true, strong(t.etag)
	}
	return v
}

// note takes down a field of a response.
func (t *traits) note(name, value []byte) {
	switch len(name) {
	case 4:
		switch {
		case foldEqual(name, "vary"):
			t.varies = t.varies || lists(value, "accept-encoding") || lists(value, "*")
		case foldEqual(name, "etag"):
			t.etag = value
		}
	case 6:
		t.fixed = t.fixed || foldEqual(name, "digest")
	case 7:
		// A digest behind the body is one of the body as it was.
		t.fixed = t.fixed || foldEqual(name, "trailer") && contains(value, "digest")
	case 11:
		t.fixed = t.fixed || foldEqual(name, "content-md5") || foldEqual(name, "repr-digest")
	case 12:
		if foldEqual(name, "content-type") {
			media, _, _ := bytes.Cut(value, []byte(";"))
			t.types, t.media = t.types+1, trim(media)
		}
	case 13:
		t.fixed = t.fixed || foldEqual(name, "content-range") || foldEqual(name, "cache-control") && contains(value, "no-transform")
	case 14:
		t.fixed = t.fixed || foldEqual(name, "content-digest")
	case 16:
		t.fixed = t.fixed || foldEqual(name, "content-encoding")
	}
}

// accepts reports whether the client of a request wants what is compressed.
func accepts(req *http1.Request, buf []byte) bool {
	var p preference
	whole := true
	req.Each(buf, func(name, value []byte) bool {
		switch {
		case foldEqual(name, "accept-encoding"):
			p.add(value)
		case foldEqual(name, "range"), foldEqual(name, "cache-control") && contains(value, "no-transform"):
			whole = false
		}
		return whole
	})
	return whole && p.wantsGzip()
}

// compresses reports whether bodies of a media type are compressed.
func (c *Compressor) compresses(media []byte) bool {
	for _, t := range c.o.Types {
		kind, all := strings.CutSuffix(t, "*")
		switch {
		case foldEqual(media, t):
			return true
		case all && len(media) > len(kind) && foldEqual(media[:len(kind)], kind) && !foldEqual(media, "text/event-stream"):
			return true
		}
	}
	return false
}

// validType reports whether t is type/subtype or type/*.
func validType(t string) bool {
	kind, sub, ok := strings.Cut(t, "/")
	return ok && http1.IsToken(kind) && kind != "*" && http1.IsToken(sub)
}

// strong reports whether an entity tag is one.
func strong(etag []byte) bool { return len(etag) > 1 && etag[0] == '"' }

// lists reports whether a list has item, which is in lower case.
func lists(list []byte, item string) bool {
	for more := true; more; {
		var one []byte
		if one, list, more = bytes.Cut(list, []byte(",")); foldEqual(trim(one), item) {
			return true
		}
	}
	return false
}

// contains reports whether b has s, which is in lower case, in it, in whatever case.
func contains(b []byte, s string) bool {
	for i := range len(b) - len(s) + 1 {
		if foldEqual(b[i:i+len(s)], s) {
			return true
		}
	}
	return false
}
