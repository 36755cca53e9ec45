package front

import (
	"errors"
	"io"
	"strconv"

	"pingd/proxy/compress"
	"pingd/proxy/exchange"
	"pingd/proxy/http1"
)

// packedPart is how much of a compressed body gathers before it is sent, as long as the
// server has more of it at hand.
const packedPart = 8 << 10

// encode decides whether the response whose head is buf gets compressed, and has the
// head say so. It returns nil when the body passes as it is.
func (c *client) encode(buf []byte, kind http1.BodyKind) *compress.Writer {
	v := c.f.cfg.Compress.Judge(&c.req, c.in, &c.resp, buf)
	var w *compress.Writer
	if v.Encode {
		if w = c.f.cfg.Compress.Writer(); w == nil {
			v.Weak = false
		}
	}
	if v.Vary {
		c.extra = append(append(c.extra[:0], c.note.Extra...), "Vary: Accept-Encoding\r\n"...)
		c.note.Extra = c.extra
	}
	c.note.Weak = v.Weak
	if w != nil {
		c.note.Coding, c.note.Chunk = "gzip", kind != http1.ChunkedBody
	}
	return w
}

// packed passes a body on compressed, in chunks of its own. What the server has sent
// does not wait for what it has not: a stream of events stays one. A body that breaks
// off lacks the end of the chunks and that of the compressed data.
func (r *relay) packed() string {
	p, w := r.rest, r.pack
	r.c.trailer = r.c.trailer[:0]
	for {
		data, whole, perr := r.unframe(p)
		if perr != nil {
			// Nothing has been sent yet: the client can still be told.
			r.nothing = r.written == 0
			return exchange.EndTruncated
		}
		if len(data) > 0 {
			w.Write(data)
		}
		if whole {
			return r.packedEnd()
		}
		more := r.up.More()
		if !more && len(data) > 0 {
			w.Flush()
		}
		if !more || w.Size() >= packedPart {
			if end := r.packedPart(); end != exchange.EndOK {
				return end
			}
		}
		n, err := r.more(0, len(r.c.up))
		switch {
		case errors.Is(err, io.EOF) && r.kind == http1.UntilClose:
			return r.packedEnd()
		case err != nil:
			_ = r.packedPart() // the head at least
			return r.broken(err)
		}
		p = r.c.up[:n]
	}
}

// unframe returns the data in p, which it gathers at the front of it, and whether the
// body ends there.
func (r *relay) unframe(p []byte) (data []byte, whole bool, err *http1.Error) {
	switch r.kind {
	case http1.Length:
		n := min(int64(len(p)), r.left)
		r.left -= n
		r.clean = n == int64(len(p))
		return p[:n], r.left == 0, nil
	case http1.UntilClose:
		return p, false, nil
	}
	out, rest := 0, p
	for len(rest) > 0 && !r.chunked.Done() {
		before := r.chunked
		n, data, err := r.chunked.Next(rest)
		if err != nil {
			return nil, false, err
		}
		if data == nil {
			r.c.trailer = before.AppendTrailers(r.c.trailer, rest[:n])
		}
		out += copy(p[out:], data)
		rest = rest[n:]
	}
	r.clean = len(rest) == 0
	return p[:out], r.chunked.Done(), nil
}

// packedPart sends what there is of the compressed body.
func (r *relay) packedPart() string {
	c := r.c
	if part := r.pack.Take(); len(part) > 0 {
		c.out = strconv.AppendInt(c.out, int64(len(part)), 16)
		c.out = append(c.out, '\r', '\n')
		c.out = append(c.out, part...)
		c.out = append(c.out, '\r', '\n')
	}
	return r.flush(nil)
}

// packedEnd sends the end of the compressed body and the trailers behind it.
func (r *relay) packedEnd() string {
	c := r.c
	r.pack.Close()
	part := r.pack.Take()
	c.out = strconv.AppendInt(c.out, int64(len(part)), 16)
	c.out = append(c.out, '\r', '\n')
	c.out = append(c.out, part...)
	c.out = append(c.out, "\r\n0\r\n"...)
	if len(c.trailer) == 0 {
		c.trailer = append(c.trailer, '\r', '\n')
	}
	c.out = append(c.out, c.trailer...)
	return r.flush(nil)
}
