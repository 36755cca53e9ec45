package front

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"pingd/proxy/http1"
)

// refuse answers a request that is the client's fault and ends the connection:
// where its next request begins is not known.
func (c *client) refuse(e *http1.Error) {
	c.reply(e.Status, e.Reason, true)
	c.finish(e.Status, endRefused+e.Reason)
	c.leave()
}

// page answers a request that could not be served. The connection goes on when
// all of the request came with its head.
func (c *client) page(status int, reason string) bool {
	closing := !c.body.done || c.pumped || !c.req.KeepAlive() || c.f.draining.Load()
	ok := c.reply(status, reason, closing)
	c.finish(status, reason)
	if !ok {
		return false
	}
	if closing {
		c.leave()
		return false
	}
	c.w = copy(c.in, c.in[c.head+c.whole:c.w])
	return true
}

// reply writes a short plain answer that says the reason, and reports whether
// the client took it.
func (c *client) reply(status int, reason string, closing bool) bool {
	c.f.count(status)
	text := strconv.Itoa(status) + " " + http.StatusText(status) + ": " + reason + "\n"
	b := append(c.out[:0], "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	b = append(b, "\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nDate: "...)
	b = append(b, c.date.now()...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(text)), 10)
	switch status {
	case 503:
		b = append(b, "\r\nRetry-After: 1"...)
	case 405:
		b = append(b, "\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE"...)
	}
	switch {
	case closing:
		b = append(b, "\r\nConnection: close"...)
	case c.req.Minor() == 0:
		b = append(b, "\r\nConnection: keep-alive"...)
	}
	b = append(b, "\r\n\r\n"...)
	if c.req.Method != http1.HEAD {
		b = append(b, text...)
	}
	c.out = b
	return c.conn.Write(b, c.f.cfg.Timeouts.Body) == nil
}

// clock formats the Date field once a second.
type clock struct {
	second int64
	text   []byte
}

func (k *clock) now() []byte {
	if s := time.Now().Unix(); s != k.second {
		k.second = s
		k.text = time.Unix(s, 0).UTC().AppendFormat(k.text[:0], http.TimeFormat)
	}
	return k.text
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
func isEOF(err error) bool     { return errors.Is(err, io.EOF) }
