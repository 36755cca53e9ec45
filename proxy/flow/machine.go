package flow

import (
	"bytes"

	"pingd/proxy/exchange"
	"pingd/proxy/http1"
	"pingd/proxy/retry"
	"pingd/proxy/wire"
)

// Orders are what a shell is to do, in the order of the constants.
type Orders uint16

const (
	// SendServer: write Outgoing(true) and call ServerSent or ServerFailed.
	SendServer Orders = 1 << iota
	// SendClient: write Outgoing(false) and call ClientSent or ClientFailed.
	SendClient
	// KeepServer: the server's connection is free for the next request; give
	// the slot back.
	KeepServer
	// DropServer: close the server's connection or stop making it, leave the
	// queue, give the slot back; whichever there is.
	DropServer
	// Finish: take down Record, then call Finished.
	Finish
	// Pick: pick one of Set's servers and call Picked, Queued or NoServer.
	Pick
	// Connect: take a kept connection to the server, a new one if Fresh, and
	// call Connected, ConnectFailed or ConnectImpossible.
	Connect
	// HandOver: give the connection and Unread to the engine that takes
	// everything. The machine is done.
	HandOver
	// Idle: nothing is under way; the machine is not needed before the next
	// bytes, and is to be begun again then.
	Idle
	// HalfClose: shut the sending side of the client's connection down.
	HalfClose
	// Close: close the client's connection. The machine is done.
	Close
	// Abort: the same so that the client sees a reset: a body whose end is the
	// connection's end must not look complete when it is not.
	Abort
)

// Env is what the machines of one worker share. Its owner sets Now before each
// event.
type Env struct {
	// Config is what was configured, defaults filled in.
	Config *exchange.Config
	// Now is the time of the event.
	Now wire.Instant
	// Stopping is set once the proxy is to stop: answers announce the end of
	// their connection.
	Stopping bool
	// Keys makes Idempotency-Keys, IDs the ids of requests.
	Keys *exchange.Keys
	IDs  exchange.IDs
	// Jitter returns a number below its argument, to spread what would
	// otherwise happen in the same moment.
	Jitter func(int64) int64

	clock    exchange.Clock
	toServer []byte // see output
	toClient []byte
	fwd      http1.Forward
	query    exchange.Query
	reply    http1.Reply
	extra    []byte // of a response's head
}

type stage uint8

const (
	idle stage = iota
	reading
	choosing
	queued
	connecting
	pausing
	working
	ending
	lingering
	over
)

// Machine is one client connection with at most one request under way. The zero
// value is ready for Begin.
type Machine struct {
	// Record is complete when Finish is ordered.
	Record exchange.Record
	// Plan is where the request goes, once Pick is ordered, and what it asks of its
	// server.
	exchange.Plan
	// Secure tells that the client speaks TLS. It is set before Begin and gone with Trim.
	Secure bool

	env     *Env
	ip      []byte
	trusted bool

	stage   stage
	orders  Orders
	limit   wire.Instant
	moved   wire.Instant // last progress of bodies
	whole   wire.Instant // the request has been sent
	ended   bool         // the client sends nothing more
	unsent  bool         // writing to the server failed, perhaps half-way
	closing bool         // the client's connection ends with this answer
	linger  bool         // ... and may still have bytes on their way
	reset   bool         // ... and is to end with a reset
	answers bool         // the final response has begun to go to the client
	spoke   bool         // the server has sent something
	left    int          // bytes to swallow while lingering

	in     []byte // from the client: head, the body that came with it, unread
	head   int
	inBody int

	req     http1.Request
	resp    http1.Response
	body    body
	reply   relay
	up      []byte // head of a response, as far as it came
	key     []byte
	attempt retry.Attempt
	toS     output
	toC     output
}

// lingerBytes and lingerTime bound what is read from a client that was told that
// its connection ends: closing with unread bytes resets the connection, and the
// reset can overtake the answer (RFC 9112 section 9.6).
const lingerBytes = 1 << 20

// Begin starts on the first bytes of a request from the client at ip, which
// must stay as it is until the end of the request.
func (m *Machine) Begin(env *Env, ip []byte, trusted bool) {
	m.env, m.ip, m.trusted = env, ip, trusted
	m.in, m.ended, m.orders = m.in[:0], false, 0
	m.begin()
}

func (m *Machine) begin() {
	m.stage = reading
	m.Record = exchange.Record{Client: m.ip, Start: m.env.Now}
	m.limit = m.env.Now.After(m.env.Config.Timeouts.Head)
	m.head, m.inBody = 0, 0
	m.unsent, m.closing, m.linger, m.reset, m.answers = false, false, false, false, false
	m.req.Reset(m.env.Config.Limits)
	m.Plan.Forget()
}

// Take returns what is to be done now, and forgets it.
func (m *Machine) Take() Orders {
	o := m.orders
	m.orders = 0
	return o
}

// Deadline is when Expired is to be called, 0 for never.
func (m *Machine) Deadline() wire.Instant { return m.limit }

// Outgoing returns what is to be written to the server or the client: a, then b.
func (m *Machine) Outgoing(server bool) (a, b []byte) {
	if server {
		return m.toS.a, m.toS.b
	}
	return m.toC.a, m.toC.b
}

// Fresh reports whether only a new connection will do: the request already
// failed on a kept one, and the others are probably as dead.
func (m *Machine) Fresh() bool { return m.attempt.Replays > 0 }

// Repeatable reports whether the request may be sent again should the server be
// gone. If not, a kept connection is worth a second look.
func (m *Machine) Repeatable() bool {
	return m.req.Method.Idempotent() && !m.Record.Server.Backend().ConnectOnly
}

// Request returns the request's head and the bytes that it was parsed from.
func (m *Machine) Request() (*http1.Request, []byte) { return &m.req, m.in }

// Unread returns the bytes of the client that nothing was done with yet: all of
// a request that is handed over.
func (m *Machine) Unread() []byte { return m.in }

// WantClient reports whether the client is to be read.
func (m *Machine) WantClient() bool {
	switch m.stage {
	case reading, lingering:
		return true
	case working:
		return !m.body.done && !m.unsent && m.toS.size() == 0
	}
	return false
}

// WantServer reports whether the server is to be read.
func (m *Machine) WantServer() bool { return m.stage == working && m.toC.size() == 0 }

// Client takes in bytes from the client; p may be overwritten afterwards.
func (m *Machine) Client(p []byte) {
	switch m.stage {
	case reading:
		m.in = append(m.in, p...)
		m.parse()
	case lingering:
		if m.left -= len(p); m.left < 0 {
			m.end(Close)
		}
	case working:
		m.upload(p)
	default: // not wanted now: kept for later
		m.in = append(m.in, p...)
	}
}

// preface is the first line of what a client that speaks HTTP/2 without having
// asked begins with (RFC 9113 section 3.3).
const preface = "PRI * HTTP/2.0\r\n"

// parse goes on with the head of a request.
func (m *Machine) parse() {
	n, err := m.req.Parse(m.in)
	switch {
	case err != nil && bytes.HasPrefix(m.in, []byte(preface)):
		m.end(HandOver)
		return
	case err != nil:
		m.refuse(err)
		return
	case n == 0:
		if m.ended {
			m.end(Close) // gone, with half a head: nobody to answer
		}
		return
	}
	m.head = n
	upgrade := m.req.Upgrade(m.in) != nil
	if upgrade && !m.env.Stopping {
		m.end(HandOver)
		return
	}
	c := m.env.Config
	m.body.begin(&m.req, c.Retry.Replays > 0 && m.req.Method.Idempotent())
	if m.inBody, err = m.body.take(m.in[n:]); err != nil {
		m.refuse(err)
		return
	}
	m.Record.In = int64(m.inBody)
	if c.Budget != nil {
		c.Budget.Request(m.env.Now.Sub(0))
	}
	m.key = m.key[:0]
	m.attempt = retry.Attempt{Method: m.req.Method}
	if upgrade {
		m.page(exchange.ErrStopping)
		return
	}
	if m.req.Last() {
		m.page(exchange.Last(m.req.Method))
		return
	}
	m.route()
}

// route finds out where the request goes.
func (m *Machine) route() {
	e := m.env
	e.query = exchange.Query{Request: &m.req, Buf: m.in, Client: m.ip, Trusted: m.trusted, Secure: m.Secure, Plain: true, Now: e.Now}
	m.Plan.Make(e.Config, &e.IDs, &e.query, &m.Record)
	switch {
	case m.HandOver:
		m.end(HandOver)
	case m.Set == nil:
		m.page(m.Own)
	default:
		m.choose()
	}
}

// upload passes a part of the request body on.
func (m *Machine) upload(p []byte) {
	used, err := m.body.take(p)
	if err != nil {
		m.refuse(err)
		return
	}
	if m.body.done {
		m.in = append(m.in[:m.head+m.inBody], p[used:]...)
	}
	m.body.passed(p[:used])
	m.Record.In += int64(used)
	m.moved = m.env.Now
	m.toS.open(m.env.toServer)
	m.toS.b = p[:used]
	if m.toS.own {
		m.toS.keep()
	}
	m.orders |= SendServer
	m.arm()
}
