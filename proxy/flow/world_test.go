package flow

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/proxy/exchange"
	"pingd/proxy/retry"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a shell without sockets around one machine. It carries out orders as
// a shell does, and checks on the way that they can be carried out.
type world struct {
	t       testing.TB
	m       *Machine
	env     *Env
	set     *upstream.Set
	servers []*upstream.Server

	client     bytes.Buffer // what the client got
	conns      []*conn      // in the order of their making
	cur        *conn        // the request's
	slot       bool
	picked     int // servers handed out
	records    []exchange.Record
	ended      Orders // Idle, HandOver, Close or Abort
	halfClosed bool

	// How the world answers orders.
	clientRoom int  // bytes the client takes, -1: any number
	serverRoom int  // bytes a server takes, -1: any number
	queue      bool // there is no slot
	none       bool // there is no server
	pending    bool // connections are neither made nor refused yet
	refuse     int  // connections to be refused
	broken     bool // writes to a server fail
	clientGone bool // writes to the client fail
}

// conn is a connection to a server.
type conn struct {
	server *upstream.Server
	got    bytes.Buffer
	uses   int
	kept   bool
	closed bool
}

func newWorld(t testing.TB, change func(*exchange.Config), backends ...string) *world {
	w := &world{t: t, clientRoom: -1, serverRoom: -1}
	w.set = upstream.NewSet(upstream.Config{})
	if len(backends) == 0 {
		backends = []string{"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"}
	}
	var list []upstream.Backend
	for _, v := range backends {
		b, err := upstream.Parse("", v)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	w.set.Update(list)
	w.servers = w.set.Servers()
	cfg := exchange.Config{NoRequestID: true, Router: exchange.To(w.set), Retry: retry.Policy{Connects: 2, Replays: 1}, Via: "p"}
	if change != nil {
		change(&cfg)
	}
	cfg = cfg.WithDefaults()
	w.env = &Env{Config: &cfg, Now: wire.Instant(time.Hour), Keys: exchange.NewKeys(), Jitter: func(int64) int64 { return 0 }}
	w.m = new(Machine)
	w.m.Begin(w.env, []byte("192.0.2.1"), false)
	return w
}

// do lets event happen and carries out what follows from it.
func (w *world) do(event func()) {
	event()
	for o := w.m.Take(); o != 0; o = w.m.Take() {
		w.carryOut(o)
	}
	w.check()
}

func (w *world) carryOut(o Orders) {
	if w.ended&^Idle != 0 {
		w.t.Fatalf("orders %b after the end", o)
	}
	if o&SendServer != 0 {
		w.writeServer()
	}
	if o&SendClient != 0 && !w.writeClient() {
		o &= KeepServer | DropServer
	}
	if o&(KeepServer|DropServer) != 0 {
		w.detach(o&KeepServer != 0)
	}
	if o&Finish != 0 {
		if w.slot {
			w.t.Fatal("finished with a slot held")
		}
		w.take()
		return
	}
	if o&Pick != 0 {
		w.pick()
	}
	if o&Connect != 0 {
		w.connect()
	}
	if o&HalfClose != 0 {
		w.halfClosed = true
	}
	if end := o & (Idle | HandOver | Close | Abort); end != 0 {
		if w.slot || w.cur != nil {
			w.t.Fatal("ended with a server in hand")
		}
		w.ended = end
	}
}

func (w *world) take() {
	r := w.m.Record
	r.Method, r.Target, r.Host = bytes.Clone(r.Method), bytes.Clone(r.Target), bytes.Clone(r.Host)
	w.records = append(w.records, r)
	w.m.Finished()
}

// check looks at what must hold whenever the machine waits.
func (w *world) check() {
	m := w.m
	if w.ended != 0 {
		return
	}
	if m.Deadline() == 0 {
		w.t.Fatalf("waits without a deadline in stage %d", m.stage)
	}
	if m.toC.size() > 0 && m.WantServer() {
		w.t.Fatal("reads from the server while the client takes nothing")
	}
	if m.toS.size() > 0 && m.WantClient() {
		w.t.Fatal("reads from the client while the server takes nothing")
	}
	if m.toC.size() > 0 && !m.toC.own || m.toS.size() > 0 && !m.toS.own {
		w.t.Fatal("what waits lies in shared memory")
	}
	if (w.cur != nil) && !w.slot {
		w.t.Fatal("a connection without a slot")
	}
}

func (w *world) writeServer() {
	if w.cur == nil {
		w.t.Fatal("nothing to write to")
	}
	if w.broken {
		w.m.ServerSendFailed()
		return
	}
	a, b := w.m.Outgoing(true)
	all := append(bytes.Clone(a), b...)
	n := len(all)
	if w.serverRoom >= 0 {
		n = min(n, w.serverRoom)
		w.serverRoom -= n
	}
	w.cur.got.Write(all[:n])
	w.m.ServerSent(n)
}

func (w *world) writeClient() bool {
	if w.clientGone {
		w.m.ClientFailed()
		return false
	}
	a, b := w.m.Outgoing(false)
	all := append(bytes.Clone(a), b...)
	if len(all) == 0 {
		w.t.Fatal("nothing to write")
	}
	n := len(all)
	if w.clientRoom >= 0 {
		n = min(n, w.clientRoom)
		w.clientRoom -= n
	}
	w.client.Write(all[:n])
	w.m.ClientSent(n)
	return true
}

func (w *world) detach(keep bool) {
	if c := w.cur; c != nil {
		c.kept, c.closed = keep, !keep
		w.cur = nil
	} else if keep {
		w.t.Fatal("no connection to keep")
	}
	w.slot = false
}

func (w *world) pick() {
	switch {
	case w.slot:
		w.t.Fatal("two slots")
	case w.none:
		w.m.NoServer()
	case w.queue:
		w.m.Queued(5 * time.Second)
	default:
		w.give()
	}
}

// give hands out a server that has not failed, if there is one.
func (w *world) give() {
	w.slot = true
	for range w.servers {
		s := w.servers[w.picked%len(w.servers)]
		w.picked++
		if !w.m.Want.Tried.Has(s) && (!w.m.Want.Keyed || s.Backend().Keyed) {
			w.m.Picked(s)
			return
		}
	}
	w.m.Picked(w.servers[0])
}

func (w *world) connect() {
	s := w.m.Record.Server
	switch {
	case w.pending:
	case w.refuse > 0:
		w.refuse--
		w.m.ConnectFailed()
	default:
		w.connected(s)
	}
}

func (w *world) connected(s *upstream.Server) {
	if !w.m.Fresh() {
		for _, c := range w.conns {
			if c.kept && !c.closed && c.server == s {
				c.kept, c.uses = false, c.uses+1
				w.cur = c
				w.m.Connected(true)
				return
			}
		}
	}
	w.cur = &conn{server: s, uses: 1}
	w.conns = append(w.conns, w.cur)
	w.m.Connected(false)
}

// The verbs of tests.

func (w *world) send(s string) *world {
	if w.ended == Idle {
		w.ended = 0
		w.m.Begin(w.env, []byte("192.0.2.1"), false)
	}
	w.do(func() { w.m.Client([]byte(s)) })
	return w
}

func (w *world) serve(s string) *world {
	w.do(func() { w.m.Server([]byte(s)) })
	return w
}

func (w *world) later(d time.Duration) *world {
	w.env.Now = w.env.Now.After(d)
	if at := w.m.Deadline(); at != 0 && w.ended == 0 && at <= w.env.Now {
		w.do(w.m.Expired)
	}
	return w
}

// asked returns what went to the i-th connection.
func (w *world) asked(i int) string { return w.conns[i].got.String() }

// told returns what the client got since the last call.
func (w *world) told() string {
	s := w.client.String()
	w.client.Reset()
	return s
}

func (w *world) last() exchange.Record {
	if len(w.records) == 0 {
		w.t.Helper()
		w.t.Fatal("nothing recorded")
	}
	return w.records[len(w.records)-1]
}

// statusOf returns the status of the last response in raw, "-" if there is none.
func statusOf(raw string) string {
	i := strings.LastIndex(raw, "HTTP/1.1 ")
	if i < 0 || len(raw) < i+12 {
		return "-"
	}
	return raw[i+9 : i+12]
}

const (
	get   = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
	post  = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
	hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: d\r\n\r\nhello"
)
