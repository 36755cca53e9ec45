package flow

import (
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/http1"
	"pingd/proxy/retry"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

const lingerTime = 2 * time.Second

// choose has a server picked.
func (m *Machine) choose() {
	m.stage, m.limit = choosing, 0
	m.orders |= Pick
}

// Queued takes in that the request waits for a slot, for as long as wait.
func (m *Machine) Queued(wait time.Duration) {
	m.stage, m.limit = queued, m.env.Now.After(wait)
}

// NoServer takes in that there is no server, or none left.
func (m *Machine) NoServer() {
	if m.attempt.Connects > 0 || m.attempt.Replays > 0 {
		m.page(exchange.Failed(m.attempt.Failure))
		return
	}
	m.page(exchange.ErrNoServer)
}

// yield hands over a request of which nothing is lost: what was sent to servers that
// failed is held.
func (m *Machine) yield() {
	sent := m.head + m.inBody
	if len(m.body.held) > 0 {
		rest := append([]byte(nil), m.in[sent:]...)
		m.in = append(append(m.in[:sent], m.body.held...), rest...)
	}
	m.end(HandOver)
}

// Picked takes in the server whose slot the request has.
func (m *Machine) Picked(s *upstream.Server) {
	r := &m.Record
	if r.Server != nil && r.Server != s {
		r.Redispatches++
		r.Server.Redispatches.Add(1)
	}
	if s.Backend().Special() { // it came while the request waited
		m.orders |= DropServer
		if m.attempt.Replays > 0 && len(m.key) > 0 && len(m.req.IdempotencyKey(m.in)) == 0 {
			// The key is ours, and the other engine would make another: what the server
			// that failed has counted would count twice.
			m.page(exchange.Failed(m.attempt.Failure))
			return
		}
		m.yield()
		return
	}
	r.Server, r.Picked, r.Why = s, m.env.Now, m.Want.Why
	m.stage = connecting
	m.limit = m.env.Now.After(m.env.Config.Timeouts.Connect)
	m.orders |= Connect
}

// ConnectFailed takes in that no connection could be made.
func (m *Machine) ConnectFailed() { m.fail(retry.Connect) }

// ConnectImpossible takes in that this process can make no connection to
// anybody.
func (m *Machine) ConnectImpossible() {
	m.orders |= DropServer
	m.page(exchange.ErrExhausted)
}

// Connected takes in that there is a connection; reused tells that it has
// carried requests before.
func (m *Machine) Connected(reused bool) {
	r := &m.Record
	r.Connected, r.Reused = m.env.Now, reused
	r.Server.Requests.Add(1)
	m.stage, m.moved = working, m.env.Now
	m.spoke, m.unsent, m.answers = false, false, false
	m.up = m.up[:0]
	m.resp.Reset(http1.Limits{})
	m.send(r.Server.Backend())
	m.arm()
}

// send makes the request for b, as far as it is held.
func (m *Machine) send(b *upstream.Backend) {
	e := m.env
	e.fwd = http1.Forward{ClientIP: m.ip, Proto: "http", Trusted: m.trusted, Via: e.Config.Via}
	m.Plan.Forward(&e.fwd)
	if m.req.Minor() == 0 {
		e.fwd.DefaultHost = []byte(b.Addr)
	}
	if b.Keyed {
		if len(m.key) == 0 {
			if own := m.req.IdempotencyKey(m.in); len(own) > 0 {
				m.key = append(m.key, own...)
			} else {
				m.key = e.Keys.Append(m.key)
			}
		}
		e.fwd.IdempotencyKey = m.key
	}
	m.toS.open(e.toServer)
	m.toS.a = m.req.Append(m.toS.a, m.in, &e.fwd)
	m.toS.a = append(m.toS.a, m.in[m.head:m.head+m.inBody]...)
	m.toS.a = append(m.toS.a, m.body.held...)
	e.toServer = m.toS.a // grown, perhaps
	m.orders |= SendServer
}

// ServerSent takes in that n bytes were written to the server.
func (m *Machine) ServerSent(n int) {
	if m.stage != working {
		return
	}
	m.toS.sent(n)
	m.moved = m.env.Now
	if m.toS.size() == 0 && m.body.done {
		m.whole = m.env.Now
	}
	m.arm()
}

// ServerSendFailed takes in that the server cannot be written to. There may
// still be a response: a server may refuse a large body and close.
func (m *Machine) ServerSendFailed() {
	if m.stage != working {
		return
	}
	m.toS.clear()
	m.unsent, m.whole = true, m.env.Now
	m.arm()
}

// ServerEnded takes in that the server sends nothing more.
func (m *Machine) ServerEnded() {
	switch {
	case m.stage != working:
	case m.answers && m.reply.kind == http1.UntilClose:
		m.reply.close(m)
		m.answered()
	default:
		m.ServerFailed()
	}
}

// ServerFailed takes in that the server's connection is gone.
func (m *Machine) ServerFailed() {
	switch {
	case m.stage != working:
	case m.answers:
		m.broken(exchange.EndTruncated)
	case m.spoke:
		m.fail(retry.Invalid)
	default:
		m.fail(retry.Died)
	}
}

// fail ends an attempt about which the client knows nothing yet.
func (m *Machine) fail(f retry.Failure) {
	s := m.Record.Server
	switch f {
	case retry.Died:
		s.Deaths.Add(1)
	case retry.TimedOut:
		s.Timeouts.Add(1)
	case retry.Invalid:
		s.Invalid.Add(1)
	}
	m.Record.Fail(f, m.env.Now)
	m.toS.clear()
	m.orders |= DropServer
	same := m.Want.Tried.Has(s)
	switch {
	case !m.again(s, f):
		m.page(exchange.Failed(f))
	case same && f == retry.Connect:
		// It is probably starting.
		m.stage = pausing
		m.limit = m.env.Now.After(m.env.Config.Timeouts.Pause(m.env.Jitter))
	default:
		m.choose()
	}
}

// again decides whether the request is sent once more.
func (m *Machine) again(s *upstream.Server, f retry.Failure) bool {
	a := &m.attempt
	a.Failure, a.Whole, a.ConnectOnly = f, !m.body.over, s.Backend().ConnectOnly
	a.Keyed = s.Backend().Keyed
	c := m.env.Config
	if c.Retry.Decide(*a) != retry.Again {
		return false
	}
	if c.Budget != nil && !c.Budget.Spend(m.env.Now.Sub(0)) {
		return false
	}
	m.Want.Tried.Add(s)
	s.Retries.Add(1)
	m.Record.Retries++
	if f == retry.Connect {
		a.Connects++
		return true
	}
	a.Replays++
	// A visit that may have been counted under a key is only safe where the key
	// is known.
	m.Want.Keyed = s.Backend().Keyed
	return true
}

// Expired takes in that Deadline has passed.
func (m *Machine) Expired() {
	m.limit = 0
	switch m.stage {
	case reading:
		m.refuse(exchange.ErrSlow)
	case queued:
		m.orders |= DropServer
		if m.attempt.Connects > 0 || m.attempt.Replays > 0 {
			m.page(exchange.Failed(m.attempt.Failure))
			return
		}
		m.page(exchange.ErrQueue)
	case connecting:
		m.fail(retry.Connect)
	case pausing:
		m.choose()
	case working:
		m.stalled()
	case ending:
		m.lost(exchange.EndClientStall, Abort)
	case lingering:
		m.end(Close)
	}
}

// stalled finds out whom a request under way waits for.
func (m *Machine) stalled() {
	switch {
	case m.toC.size() > 0:
		m.lost(exchange.EndClientStall, Abort)
	case m.answers:
		m.broken(exchange.EndStalled)
	case m.toS.size() == 0 && !m.body.done && !m.unsent:
		m.refuse(exchange.ErrSlowBody)
	default:
		m.fail(retry.TimedOut)
	}
}

// arm sets the time limit of a request under way.
func (m *Machine) arm() {
	t := &m.env.Config.Timeouts
	switch {
	case m.stage == ending:
		m.limit = m.moved.After(t.Body)
	case m.stage != working:
	case m.answers, m.toC.size() > 0, m.toS.size() > 0, !m.body.done && !m.unsent:
		m.limit = m.moved.After(t.Body)
	default: // the server's time begins when it has the whole request
		m.limit = wire.Instant(m.whole).After(t.Response)
	}
}

// refuse answers a request that is the client's fault and ends the connection:
// where its next request begins is not known.
func (m *Machine) refuse(e *http1.Error) {
	if m.stage == working {
		m.orders |= DropServer
		if m.answers { // it was told something else already
			m.lost(exchange.EndRefused+e.Reason, Close)
			return
		}
	}
	m.own(e, true)
	m.Record.End = exchange.EndRefused + e.Reason
}

// page answers a request that could not be served. The connection goes on when
// all of the request has been read.
func (m *Machine) page(e *http1.Error) {
	m.own(e, !m.body.done || !m.req.KeepAlive() || m.env.Stopping)
	m.Record.End = e.Reason
}

func (m *Machine) own(e *http1.Error, closing bool) {
	env := m.env
	env.Config.Gate.Refused(e.Status)
	m.closing, m.linger = closing, true
	m.Record.Status = e.Status
	a := exchange.Answer{
		Status: e.Status, Reason: e.Reason, Date: env.clock.At(env.Now),
		Close: closing, Minor: m.req.Minor(), Head: m.req.Method == http1.HEAD,
	}
	m.Plan.Dress(&a, e)
	m.toS.clear()
	m.toC.open(env.toClient)
	m.toC.a = a.Append(m.toC.a)
	m.stage, m.moved = ending, env.Now
	m.orders |= SendClient
	m.arm()
}
