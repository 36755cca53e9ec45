package flow

import (
	"pingd/proxy/exchange"
	"pingd/proxy/upstream"
)

// ClientEnded takes in that the client sends nothing more. It may still read.
func (m *Machine) ClientEnded() {
	m.ended = true
	switch m.stage {
	case reading, lingering, idle:
		m.end(Close)
	case working:
		switch {
		case m.body.done:
		case m.answers: // it has seen enough to stop sending, and wants the rest
			m.unsent = true
			m.toS.clear()
			m.arm()
		default:
			m.ClientFailed() // with half a body
		}
	}
}

// ClientFailed takes in that the client's connection is gone.
func (m *Machine) ClientFailed() { m.lost(exchange.EndClientGone, Close) }

// Cut ends everything at once.
func (m *Machine) Cut() { m.lost(exchange.EndStopped, Abort) }

// lost ends a connection whose client is not told anything more.
func (m *Machine) lost(end string, how Orders) {
	switch m.stage {
	case idle, reading, lingering:
		m.end(how)
		return
	case over:
		return
	case ending:
		if m.orders&Finish != 0 {
			return // on its way to the end already
		}
	default:
		m.orders = DropServer
		if m.answers {
			m.Record.Status = m.resp.Status
		}
	}
	m.toS.clear()
	m.toC.clear()
	m.Record.End = end
	m.closing, m.linger, m.reset = true, false, how == Abort
	m.stage = ending
	m.finish()
}

// ClientSent takes in that n bytes were written to the client.
func (m *Machine) ClientSent(n int) {
	m.toC.sent(n)
	m.moved = m.env.Now
	if m.toC.size() == 0 && m.stage == ending {
		m.finish()
		return
	}
	m.arm()
}

// finish orders the record to be taken down.
func (m *Machine) finish() {
	r := &m.Record
	r.Done = m.env.Now
	if s := r.Server; s != nil {
		s.BytesIn.Add(r.In)
		s.BytesOut.Add(r.Out)
	}
	if m.head > 0 {
		r.Method, r.Target, r.Host = m.req.MethodBytes(m.in), m.req.Target(m.in), m.req.Host(m.in)
	}
	m.limit = 0
	m.orders |= Finish
}

// Finished goes on after the record has been taken down: with the next request,
// or with the end of the connection.
func (m *Machine) Finished() {
	rest := m.in[m.head+m.inBody:]
	switch {
	case m.reset:
		m.end(Abort)
	case m.closing && m.linger && !m.ended:
		m.stage, m.left = lingering, lingerBytes
		m.limit = m.env.Now.After(lingerTime)
		m.orders |= HalfClose
	case m.closing, m.ended && len(rest) == 0:
		m.end(Close)
	case len(rest) == 0:
		m.stage = idle
		m.in = m.in[:0]
		m.orders |= Idle
	default:
		m.in = m.in[:copy(m.in, rest)]
		m.begin()
		m.parse()
	}
}

func (m *Machine) end(how Orders) {
	m.stage, m.limit = over, 0
	m.orders |= how
}

// Trim lets go of what the last request needed. Call it before a machine is kept
// for another client.
func (m *Machine) Trim() {
	const usual = 16 << 10
	for _, b := range []*[]byte{&m.in, &m.up, &m.body.held, &m.toS.kept, &m.toC.kept} {
		if cap(*b) > usual {
			*b = nil
		}
	}
	m.toS.clear()
	m.toC.clear()
	m.Record, m.Set, m.Want = exchange.Record{}, nil, upstream.Want{}
	m.stage, m.orders, m.Secure = idle, 0, false
}
