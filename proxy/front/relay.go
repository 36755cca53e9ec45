package front

import (
	"errors"
	"io"
	"os"
	"strconv"

	"pingd/proxy/compress"
	"pingd/proxy/exchange"
	"pingd/proxy/http1"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

// relay passes a response body on. c.out holds the head, which leaves together
// with the first part of the body.
type relay struct {
	c    *client
	up   *upstream.Conn
	rest []byte // read together with the head
	kind http1.BodyKind
	left int64
	raw  bool // the client is to see the body without framing

	chunked http1.Chunked
	pack    *compress.Writer // nil: the body passes as it is
	written int64
	clean   bool // the server sent exactly its response
	nothing bool // failed before the client was told anything
}

// run passes everything on and returns how it ended.
func (r *relay) run() string {
	r.chunked.Reset(true)
	if r.pack != nil {
		defer r.pack.Release()
		return r.packed()
	}
	switch r.kind {
	case http1.NoBody:
		r.clean = len(r.rest) == 0
		return r.flush(nil)
	case http1.Length:
		return r.length()
	case http1.ChunkedBody:
		return r.chunks()
	}
	return r.untilClose()
}

// flush writes what has gathered in c.out, and p behind it.
func (r *relay) flush(p []byte) string {
	c := r.c
	if len(c.out) > 0 && len(c.out)+len(p) <= bufSize {
		c.out = append(c.out, p...)
		p = nil
	}
	for _, b := range [2][]byte{c.out, p} {
		if len(b) == 0 {
			continue
		}
		if err := c.conn.Write(b, c.f.cfg.Timeouts.Body); err != nil {
			c.out = c.out[:0]
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return exchange.EndClientStall
			}
			return exchange.EndClientGone
		}
		r.written += int64(len(b))
	}
	c.out = c.out[:0]
	return exchange.EndOK
}

// more reads the next part into c.up[from:to].
func (r *relay) more(from, to int) (int, error) {
	return r.up.Read(r.c.up[from:to], wire.Now().After(r.c.f.cfg.Timeouts.Body))
}

// broken names the end of a response whose rest cannot be read.
func (r *relay) broken(err error) string {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return exchange.EndStalled
	}
	return exchange.EndTruncated
}

func (r *relay) length() string {
	p := r.rest
	r.clean = int64(len(p)) <= r.left
	if !r.clean {
		p = p[:r.left]
	}
	for {
		r.left -= int64(len(p))
		if end := r.flush(p); end != exchange.EndOK || r.left == 0 {
			return end
		}
		n, err := r.more(0, int(min(r.left, int64(len(r.c.up)))))
		if err != nil {
			return r.broken(err)
		}
		p = r.c.up[:n]
	}
}

func (r *relay) chunks() string {
	p := r.rest
	for {
		n, perr := r.scan(p)
		if perr != nil {
			// Nothing has been sent yet: the client can still be told.
			r.nothing = r.written == 0
			return exchange.EndTruncated
		}
		if end := r.flush(n); end != exchange.EndOK {
			return end
		}
		if r.chunked.Done() {
			return exchange.EndOK
		}
		m, err := r.more(0, len(r.c.up))
		if err != nil {
			return r.broken(err)
		}
		p = r.c.up[:m]
	}
}

// scan checks p and returns what of it the client gets: all of it, or for
// HTTP/1.0 the data alone, which it gathers at the front of p.
func (r *relay) scan(p []byte) ([]byte, *http1.Error) {
	if !r.raw {
		n, _, err := r.chunked.Scan(p)
		r.clean = n == len(p)
		return p[:n], err
	}
	out := 0
	rest := p
	for len(rest) > 0 && !r.chunked.Done() {
		n, data, err := r.chunked.Next(rest)
		if err != nil {
			return nil, err
		}
		out += copy(p[out:], data)
		rest = rest[n:]
	}
	r.clean = len(rest) == 0
	return p[:out], nil
}

// untilClose passes on a body that ends with the server's connection. To a 1.1
// client it becomes chunked: its end is then certain, and the client's
// connection survives.
func (r *relay) untilClose() string {
	p := r.rest
	const room = 16 // for a chunk's size line
	for {
		if len(p) > 0 {
			if end := r.part(p); end != exchange.EndOK {
				return end
			}
		} else if len(r.c.out) > 0 { // the head need not wait for a body
			if end := r.flush(nil); end != exchange.EndOK {
				return end
			}
		}
		n, err := r.more(room, len(r.c.up)-room)
		if errors.Is(err, io.EOF) {
			if r.raw {
				return exchange.EndOK
			}
			return r.flush([]byte("0\r\n\r\n"))
		}
		if err != nil {
			return r.broken(err)
		}
		p = r.c.up[room : room+n]
	}
}

func (r *relay) part(p []byte) string {
	if r.raw {
		return r.flush(p)
	}
	c := r.c
	c.out = strconv.AppendInt(c.out, int64(len(p)), 16)
	c.out = append(c.out, '\r', '\n')
	c.out = append(c.out, p...)
	c.out = append(c.out, '\r', '\n')
	return r.flush(nil)
}
