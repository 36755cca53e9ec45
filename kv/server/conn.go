package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"pingd/kv/resp"
	"pingd/kv/resp/session"
	"pingd/kv/server/outbox"
	"pingd/kv/server/pubsub"
	"pingd/kv/server/tracking"
)

const (
	maxGroup    = 1024      // data commands per Store.Do
	maxGroupOut = 4 << 20   // bytes of replies that one Store.Do is meant to give
	firstReads  = 64        // reads in the first group, before the size of replies is known
	maxPassArgs = 4 << 20   // bytes of arguments after which a pass is executed and answered
	maxPassOut  = 256 << 10 // bytes of replies after which they are written within a pass
	keptOut     = 64 << 10  // reply buffer kept between passes

	// maxStrangeOut is maxPassOut before AUTH: there may be many strangers, who read
	// nothing of what they are told.
	maxStrangeOut = 2 << 10
)

// conn is one client's connection. Everything without its own lock belongs to
// the goroutine that runs it.
type conn struct {
	session.Session // with the replies of this pass, in order
	srv             *Server
	ctx             context.Context // ends when the server gives up waiting for commands
	nc              net.Conn
	rd              *resp.Reader
	quit            bool // close after this pass
	limited         bool // the time to the next command is
	stranger        bool // neither password nor, with TLS, handshake are done yet

	group  group // data commands whose replies come next
	multi  multi
	subs   pubsub.Session
	reader *tracking.Reader
	leads  leads // does this node lead, as of this pass?

	created    time.Time // never changes
	last       *command
	lastActive time.Time
	writeUntil time.Time // the write deadline that is set

	closing    atomic.Bool // leave after the current pass
	isResp3    atomic.Bool // for messages, which come from elsewhere
	subscribes atomic.Bool
	monitors   atomic.Bool
	box        *outbox.Outbox
	shown      shown // what CLIENT LIST shows

	waiting struct { // a command that waits, for CLIENT UNBLOCK
		sync.Mutex
		end func(fail bool)
	}
}

func newConn(ctx context.Context, s *Server, nc net.Conn) *conn {
	c := &conn{
		Session: session.New(s.session, s.clients.NextID(), hostPort(nc.RemoteAddr())),
		srv:     s, ctx: ctx, nc: nc, lastActive: time.Now(),
	}
	c.stranger = !c.Authed || lowest(nc) != nc
	c.Failed, c.Admitted = c.failed, func(bool) { c.rd.SetLimits(c.limits()) }
	c.rd = resp.NewReader(countReader{nc, &s.stats.bytesIn}, c.limits())
	c.subs = pubsub.NewSession(s.hub, c)
	c.reader = s.tracking.NewReader(c.ID, c)
	c.box = outbox.New(outbox.Config{Send: c.send, Limit: s.live.pubsub.Load, Cut: c.Cut, Lost: c.End})
	c.created = c.lastActive
	c.show()
	return c
}

// limits are those of what the client may send at once.
func (c *conn) limits() resp.Limits {
	if !c.Authed {
		return resp.BeforeAuth()
	}
	return c.srv.limits()
}

// run serves commands until the client leaves, misbehaves or is sent away.
func (c *conn) run() {
	for !c.quit && !c.closing.Load() {
		err := c.pass()
		if err == nil {
			continue
		}
		var bad *resp.ProtocolError
		switch {
		case errors.As(err, &bad):
			c.Fail("ERR " + bad.Error())
			c.write() //nolint:errcheck // closed next
			level := slog.LevelDebug
			if bad == resp.ErrTLS && c.srv.told.May() {
				level = slog.LevelInfo // its user looks for the reason
			}
			c.srv.log.Log(c.ctx, level, "protocol error", "client", c.ID, "err", err)
		case errors.Is(err, resp.ErrTooLarge) && !c.Authed:
		case errors.Is(err, resp.ErrTooLarge):
			c.srv.log.Warn("client sent too much at once", "client", c.ID, "addr", c.Addr)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), c.closing.Load():
		default:
			c.srv.log.Debug("connection lost", "client", c.ID, "err", err)
		}
		return
	}
}

// pass waits for one command, runs it and all others that have arrived with it,
// and writes the replies at once.
func (c *conn) pass() error {
	if err := c.awaitInput(); err != nil {
		return err
	}
	args, err := c.rd.ReadCommand()
	for held := 0; err == nil; {
		held += c.dispatch(args)
		if c.quit || held > maxPassArgs || !c.rd.Buffered() {
			break
		}
		if len(c.Out) > maxPassOut || !c.Authed && len(c.Out) > maxStrangeOut {
			c.flush()
			if err = c.write(); err != nil {
				return err
			}
		}
		args, err = c.rd.ReadCommand()
	}
	c.flush()
	c.multi.keep()
	c.rd.Release()
	if c.stranger && c.Authed {
		c.stranger = false
		c.srv.clients.Know(c.ID)
	}
	c.leads = unknown
	if len(c.Out) == 0 && err != nil {
		return err
	}
	c.lastActive = time.Now()
	c.show()
	err = errors.Join(err, c.write())
	c.reader.End()
	return err
}

// awaitInput arms the idle timeout, or lifts it where there is none any more. It must
// not undo the deadline by which End wakes the reader.
func (c *conn) awaitInput() error {
	limit := c.srv.live.timeout.Load()
	limited := limit > 0 && c.subs.Total() == 0 && !c.monitors.Load()
	if c.rd.Buffered() || !limited && !c.limited {
		return nil
	}
	var until time.Time
	if c.limited = limited; limited {
		until = time.Now().Add(time.Duration(limit) * time.Second)
	}
	if err := c.nc.SetReadDeadline(until); err != nil {
		return err
	}
	if c.closing.Load() {
		return io.EOF
	}
	return nil
}

// End asks the connection to leave: at once if it waits for input, else after the
// commands it is running. Safe for concurrent use.
func (c *conn) End() {
	c.closing.Store(true)
	c.nc.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // closed already
}

// Cut disconnects at once, whatever is in flight. Safe for concurrent use.
func (c *conn) Cut(reason string) {
	if !c.closing.Swap(true) {
		c.srv.stats.cut.Add(1)
		c.srv.log.Warn("client cut off", "client", c.ID, "addr", c.Addr, "err", reason)
	}
	lowest(c.nc).Close() //nolint:errcheck // nothing more to do
}

// Drop disconnects at once, without a word. Safe for concurrent use.
func (c *conn) Drop() {
	c.closing.Store(true)
	lowest(c.nc).Close() //nolint:errcheck // nothing more to do
}

// close releases everything the connection holds.
func (c *conn) close() {
	c.subs.Leave()
	c.srv.tracking.TurnOff(c.reader)
	c.srv.tap.Leave(c)
	c.finishOutput()
	c.nc.Close() //nolint:errcheck // nothing more to do
}

// failed hears of each error reply.
func (c *conn) failed(text string) {
	c.srv.stats.countError(text)
	if c.last != nil {
		c.last.failed.Add(1)
	}
	c.multi.spoiled = c.multi.open
}

// setProto tells those who send messages which protocol is spoken.
func (c *conn) protoChanged() { c.isResp3.Store(c.Proto >= resp.RESP3) }

// countReader counts what a connection received.
type countReader struct {
	io.Reader
	n *atomic.Int64
}

func (r countReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n.Add(int64(n))
	return n, err
}

func hostPort(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}
