package server

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"pingd/kv/resp"
	"pingd/kv/server/outbox"
)

const (
	maxGroup    = 1024      // data commands per Store.Do
	maxGroupOut = 4 << 20   // bytes of replies that one Store.Do is meant to give
	firstReads  = 64        // reads in the first group, before the size of replies is known
	maxPassArgs = 4 << 20   // bytes of arguments after which a pass is executed and answered
	maxPassOut  = 256 << 10 // bytes of replies after which they are written within a pass
	keptOut     = 64 << 10  // reply buffer kept between passes
)

// conn is one client's connection. Everything without its own lock belongs to
// the goroutine that runs it.
type conn struct {
	srv *Server
	ctx context.Context // ends when the server gives up waiting for commands
	id  int64
	nc  net.Conn
	rd  *resp.Reader

	proto    uint8
	db       uint8
	authed   bool
	readonly bool // READONLY: reads from this node's own data
	quit     bool // close after this pass
	reply    replyMode
	name     string
	lib      [2]string // name and version (CLIENT SETINFO)
	noEvict  bool

	out   []byte // replies of this pass, in order
	group group  // data commands whose replies come next
	multi multi
	subs  subscriptions

	created    time.Time // never changes
	last       *command
	lastActive time.Time
	writeUntil time.Time // the write deadline that is set

	closing atomic.Bool // leave after the current pass
	isResp3 atomic.Bool // for Push, which runs elsewhere
	box     atomic.Pointer[outbox.Outbox]
	shown   shown // what CLIENT LIST shows
}

func newConn(ctx context.Context, s *Server, nc net.Conn) *conn {
	c := &conn{srv: s, ctx: ctx, nc: nc, proto: resp.RESP2, lastActive: time.Now()}
	c.authed = s.cfg.Secret == ""
	limits := s.limits()
	if !c.authed {
		limits = resp.BeforeAuth()
	}
	c.rd = resp.NewReader(countReader{nc, &s.stats.bytesIn}, limits)
	c.created = c.lastActive
	c.show()
	return c
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
			c.fail("ERR " + bad.Error())
			c.write() //nolint:errcheck // closed next
			c.srv.log.Debug("protocol error", "client", c.id, "err", err)
		case errors.Is(err, resp.ErrTooLarge):
			c.srv.log.Warn("client sent too much at once", "client", c.id, "addr", c.nc.RemoteAddr().String())
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), c.closing.Load():
		default:
			c.srv.log.Debug("connection lost", "client", c.id, "err", err)
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
		if len(c.out) > maxPassOut {
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
	if len(c.out) == 0 && err != nil {
		return err
	}
	c.lastActive = time.Now()
	c.show()
	return errors.Join(err, c.write())
}

// awaitInput arms the idle timeout, if there is one. It must not undo the
// deadline by which end wakes the reader.
func (c *conn) awaitInput() error {
	if limit := c.srv.live.timeout.Load(); limit > 0 && c.subs.count() == 0 && !c.rd.Buffered() {
		if err := c.nc.SetReadDeadline(time.Now().Add(time.Duration(limit) * time.Second)); err != nil {
			return err
		}
		if c.closing.Load() {
			return io.EOF
		}
	}
	return nil
}

// end asks the connection to leave: at once if it waits for input, else after the
// commands it is running. Safe for concurrent use.
func (c *conn) end() {
	c.closing.Store(true)
	c.nc.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // closed already
}

// Cut disconnects at once, whatever is in flight. Safe for concurrent use.
func (c *conn) Cut(reason string) {
	if !c.closing.Swap(true) {
		c.srv.stats.cut.Add(1)
		c.srv.log.Warn("client cut off", "client", c.id, "addr", c.nc.RemoteAddr().String(), "err", reason)
	}
	c.nc.Close() //nolint:errcheck // nothing more to do
}

// close releases everything the connection holds.
func (c *conn) close() {
	c.unsubscribeAll()
	c.finishOutbox()
	c.nc.Close() //nolint:errcheck // nothing more to do
}

// fail appends an error reply. text begins with the code.
func (c *conn) fail(text string) {
	c.srv.stats.countError(text)
	if c.last != nil {
		c.last.failed.Add(1)
	}
	c.multi.spoiled = c.multi.open
	c.out = resp.AppendError(c.out, text)
}

func (c *conn) ok()           { c.out = append(c.out, "+OK\r\n"...) }
func (c *conn) int(n int64)   { c.out = resp.AppendInt(c.out, n) }
func (c *conn) bulk(s string) { c.out = resp.AppendBulkString(c.out, s) }
func (c *conn) array(n int)   { c.out = resp.AppendArray(c.out, n) }
func (c *conn) mapHead(n int) { c.out = resp.AppendMap(c.out, c.proto, n) }
func (c *conn) null()         { c.out = resp.AppendNull(c.out, c.proto) }

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
