package flow

import (
	"strconv"

	"pingd/proxy/exchange"
	"pingd/proxy/http1"
	"pingd/proxy/retry"
)

// joined is up to which size a body is copied behind its head, for one write of
// one piece.
const joined = 8 << 10

// relay is the response body on its way to the client.
type relay struct {
	kind    http1.BodyKind
	left    int64
	raw     bool // the client is to see the body without framing
	chunked http1.Chunked
	clean   bool // the server sent exactly its response
}

// Server takes in bytes from the server; p is changed, and may be overwritten
// once what Outgoing returns has been written.
func (m *Machine) Server(p []byte) {
	if m.stage != working {
		return
	}
	m.spoke = true
	if m.answers {
		m.moved = m.env.Now
		m.toC.open(m.env.toClient)
		m.pass(p, 0)
		return
	}
	m.toC.open(m.env.toClient)
	buf := p
	if len(m.up) > 0 {
		m.up = append(m.up, p...)
		buf = m.up
	}
	for {
		n, err := m.resp.Parse(buf)
		switch {
		case err != nil, m.resp.Status == 101: // nobody asked to switch
			m.interim()
			m.fail(retry.Invalid)
			return
		case n == 0:
			m.up = append(m.up[:0], buf...)
			m.interim()
			return
		case m.resp.Status >= 200:
			m.answer(buf, n)
			return
		}
		// RFC 9110 section 15.2: not to a client that would not understand it.
		if m.req.Minor() > 0 {
			m.toC.a = m.resp.Append(m.toC.a, buf, &http1.Reply{Method: m.req.Method, Minor: 1})
		}
		buf = buf[n:]
		m.resp.Reset(http1.Limits{})
	}
}

// interim sends what there is before the final response.
func (m *Machine) interim() {
	if m.toC.size() > 0 {
		m.moved = m.env.Now
		m.orders |= SendClient
	}
	m.arm()
}

// answer begins the final response, whose head is buf[:n]. From its first byte
// on there is no other attempt.
func (m *Machine) answer(buf []byte, n int) {
	env, req, resp, r := m.env, &m.req, &m.resp, &m.Record
	r.Answered = env.Now
	r.Server.Answer.Observe(r.Answered.Sub(r.Connected))
	w := &m.reply
	w.kind, w.left = resp.Body(req.Method)
	w.clean = false
	if w.kind == http1.ChunkedBody {
		w.chunked.Reset(true)
	}
	old := req.Minor() == 0
	w.raw = old && (w.kind == http1.UntilClose || w.kind == http1.ChunkedBody)
	// What the client still has to send after its answer would be taken for
	// the next request, so its connection ends.
	early := m.unsent || !m.body.done
	m.closing = !req.KeepAlive() || w.raw || early || env.Stopping || env.Config.Gate.Crowded()
	before := len(m.toC.a)
	env.reply = http1.Reply{
		Method: req.Method, Minor: req.Minor(), Close: m.closing,
		Chunk: w.kind == http1.UntilClose && !old, Date: env.clock.At(env.Now),
	}
	env.extra = m.Plan.Reply(&env.reply, r, env.extra)
	m.toC.a = resp.Append(m.toC.a, buf[:n], &env.reply)
	m.answers, m.moved = true, env.Now
	head := len(m.toC.a) - before
	m.pass(buf[n:], head)
}

// pass sends a part of the body, and the head before it if that takes up the
// last head bytes of what waits.
func (m *Machine) pass(p []byte, head int) {
	w := &m.reply
	before := m.toC.size()
	whole := false
	switch w.kind {
	case http1.NoBody:
		whole, w.clean = true, len(p) == 0
	case http1.Length:
		n := min(int64(len(p)), w.left)
		w.left -= n
		whole, w.clean = w.left == 0, n == int64(len(p))
		m.emit(p[:n])
	case http1.ChunkedBody:
		data, err := w.scan(p)
		if err != nil {
			m.badChunk(head)
			return
		}
		whole = w.chunked.Done()
		m.emit(data)
	case http1.UntilClose:
		w.part(m, p)
	}
	m.Record.Out += int64(m.toC.size() - before)
	if m.toC.size() > 0 {
		m.orders |= SendClient
		m.env.lend(&m.toC)
	}
	if whole {
		m.answered()
		return
	}
	m.arm()
}

// lend remembers grown shared memory.
func (e *Env) lend(o *output) {
	if !o.own && cap(o.a) > cap(e.toClient) {
		e.toClient = o.a[:0]
	}
}

// emit has p sent behind what waits.
func (m *Machine) emit(p []byte) {
	if len(p) <= joined || m.toC.own {
		m.toC.a = append(m.toC.a, p...)
	} else {
		m.toC.b = p
	}
}

// badChunk ends a chunked response that breaks the rules. While its head has
// not been sent the client can still be told.
func (m *Machine) badChunk(head int) {
	if head == 0 {
		m.broken(exchange.EndTruncated)
		return
	}
	m.toC.a = m.toC.a[:len(m.toC.a)-head]
	m.answers = false
	m.interim()
	m.fail(retry.Invalid)
}

// scan checks p and returns what of it the client gets: all of it, or for
// HTTP/1.0 the data alone, which it gathers at the front of p.
func (w *relay) scan(p []byte) ([]byte, *http1.Error) {
	if !w.raw {
		n, _, err := w.chunked.Scan(p)
		w.clean = n == len(p)
		return p[:n], err
	}
	out, rest := 0, p
	for len(rest) > 0 && !w.chunked.Done() {
		n, data, err := w.chunked.Next(rest)
		if err != nil {
			return nil, err
		}
		out += copy(p[out:], data)
		rest = rest[n:]
	}
	w.clean = len(rest) == 0
	return p[:out], nil
}

// part sends a part of a body that ends with the server's connection. To a 1.1
// client it becomes chunked: its end is then certain, and the client's
// connection survives.
func (w *relay) part(m *Machine, p []byte) {
	if w.raw {
		m.emit(p)
		return
	}
	if len(p) == 0 {
		return
	}
	m.toC.a = strconv.AppendInt(m.toC.a, int64(len(p)), 16)
	m.toC.a = append(m.toC.a, '\r', '\n')
	m.toC.a = append(m.toC.a, p...)
	m.toC.a = append(m.toC.a, '\r', '\n')
}

// close sends the end of such a body.
func (w *relay) close(m *Machine) {
	if w.raw {
		return
	}
	m.toC.open(m.env.toClient)
	m.toC.a = append(m.toC.a, "0\r\n\r\n"...)
	m.Record.Out += 5
	m.orders |= SendClient
}

// answered takes in that the whole response is here, and decides what becomes
// of both connections.
func (m *Machine) answered() {
	r := &m.Record
	r.Server.Responses[m.resp.Status/100%6].Add(1)
	r.Status, r.End = m.resp.Status, exchange.EndOK
	// A connection with half a request on it would take the next request for
	// the other half.
	sent := m.body.done && !m.unsent && m.toS.size() == 0
	if sent && m.reply.clean && m.resp.KeepAlive() {
		m.orders |= KeepServer
	} else {
		m.orders |= DropServer
	}
	m.toS.clear()
	if !m.body.done || m.unsent {
		r.End = exchange.EndEarly
		m.closing, m.linger = true, true
	} else {
		m.linger = m.req.KeepAlive() || len(m.in) > m.head+m.inBody
	}
	m.flush()
}

// broken ends a response that the server did not send to its end. What came of
// it is sent, and the connection's end shows that there should be more.
func (m *Machine) broken(end string) {
	r := &m.Record
	r.Server.Truncated.Add(1)
	r.Server.Responses[m.resp.Status/100%6].Add(1)
	r.Status, r.End = m.resp.Status, end
	m.orders |= DropServer
	m.toS.clear()
	m.closing, m.linger, m.reset = true, false, m.reply.raw
	m.flush()
}

// flush waits until the client has taken everything.
func (m *Machine) flush() {
	m.stage, m.moved = ending, m.env.Now
	if m.toC.size() == 0 {
		m.finish()
		return
	}
	m.arm()
}
