package probe

import (
	"bytes"
	"strconv"

	"pingd/proxy/http1"
)

const (
	maxBody = 64 << 10 // of a response that is searched
	maxLine = 512      // of a Redis reply
)

// Result is the outcome of a check.
type Result struct {
	Passed bool
	// Text is as HAProxy writes it: L4OK, L7OK 200, L7STS 500, L7RSP and why.
	Text string
}

// Probe is one check under way. Make it with Check.Begin.
type Probe struct {
	check *Check
	resp  http1.Response
	body  []byte // found so far
	buf   []byte // not understood yet
	head  bool   // the response's head is behind us
	left  int64  // of a body with a length
	kind  http1.BodyKind
	chunk http1.Chunked
}

// Begin starts a check of the server at addr, to which there is a connection.
// request is what to send it; when it is empty, the check has passed.
func (c *Check) Begin(addr string) (p *Probe, request []byte) {
	p = &Probe{check: c}
	switch c.Kind {
	case HTTP:
		host := c.Host
		if host == "" {
			host = addr
		}
		return p, []byte("GET " + c.Path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: pingd-check\r\nConnection: close\r\n\r\n")
	case Redis:
		return p, []byte("*1\r\n$4\r\nPING\r\n")
	}
	return p, nil
}

// Connected is the result of a check that asks for no more than a connection.
func Connected() Result { return Result{true, "L4OK"} }

// Take takes in what the server sent; done tells that it has sent enough.
func (p *Probe) Take(b []byte) (r Result, done bool) {
	p.buf = append(p.buf, b...)
	if p.check.Kind == Redis {
		return p.redis()
	}
	for !p.head {
		n, err := p.resp.Parse(p.buf)
		if err != nil {
			return failed("L7RSP " + err.Reason), true
		}
		if n == 0 {
			return Result{}, false
		}
		p.buf = p.buf[n:]
		if s := p.resp.Status; s < 200 && s != 101 {
			p.resp.Reset(http1.Limits{})
			p.buf = append([]byte(nil), p.buf...) // heads are parsed from the start
			continue
		}
		p.head = true
		p.kind, p.left = p.resp.Body(http1.GET)
		p.chunk.Reset(true)
	}
	return p.judge()
}

// judge looks at the status, and at the body as far as it is wanted.
func (p *Probe) judge() (Result, bool) {
	expect := &p.check.Expect
	if *expect == (Statuses{}) {
		expect = &usual
	}
	code := strconv.Itoa(p.resp.Status)
	switch {
	case !expect.Has(p.resp.Status):
		return failed("L7STS " + code), true
	case p.check.Body == "":
		return Result{true, "L7OK " + code}, true
	}
	ended, err := p.content()
	switch {
	case bytes.Contains(p.body, []byte(p.check.Body)): // what comes behind it does not matter
		return Result{true, "L7OK " + code}, true
	case err != nil:
		return failed("L7RSP " + err.Reason), true
	case ended || len(p.body) >= maxBody:
		return failed("L7RSP the expected text is not in the body"), true
	}
	return Result{}, false
}

// content moves what has come of the body to p.body.
func (p *Probe) content() (ended bool, err *http1.Error) {
	switch p.kind {
	case http1.NoBody:
		return true, nil
	case http1.ChunkedBody:
		for len(p.buf) > 0 && !p.chunk.Done() {
			n, data, err := p.chunk.Next(p.buf)
			if err != nil {
				return false, err
			}
			p.body = append(p.body, data...)
			p.buf = p.buf[n:]
		}
		return p.chunk.Done(), nil
	case http1.Length:
		n := min(p.left, int64(len(p.buf)))
		p.body, p.left = append(p.body, p.buf[:n]...), p.left-n
		p.buf = nil
		return p.left == 0, nil
	}
	p.body, p.buf = append(p.body, p.buf...), nil
	return false, nil
}

// redis reads the reply to PING. A server that asks for a password first is
// alive; one that still loads its data is not ready.
func (p *Probe) redis() (Result, bool) {
	line, _, whole := bytes.Cut(p.buf, []byte("\r\n"))
	switch {
	case !whole && len(p.buf) < maxLine:
		return Result{}, false
	case string(line) == "+PONG", bytes.HasPrefix(line, []byte("-NOAUTH")):
		return Result{true, "L7OK " + string(line[1:min(len(line), 7)])}, true
	case len(line) > 1 && line[0] == '-':
		word, _, _ := bytes.Cut(line[1:], []byte(" "))
		return failed("L7STS " + printable(word)), true
	}
	return failed("L7RSP not a reply to PING"), true
}

// End takes in that the server sends nothing more.
func (p *Probe) End() Result {
	switch {
	case !p.head:
		return failed("L7RSP no response")
	case p.kind == http1.UntilClose:
		return failed("L7RSP the expected text is not in the body")
	}
	return failed("L7RSP the response ended early")
}

func failed(text string) Result { return Result{false, text} }

// printable keeps what a server calls its error from forging a line of a log.
func printable(word []byte) string {
	const most = 32
	return string(bytes.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, word[:min(len(word), most)]))
}
