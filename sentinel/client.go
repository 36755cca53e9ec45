package sentinel

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"pingd/kv/resp"
	"pingd/kv/resp/listing"
	"pingd/kv/resp/session"
)

// limits of what an authenticated client may send; Sentinel's commands are short.
var limits = resp.Limits{MaxBulk: 64 << 10, MaxArgs: 2048, MaxTotal: 1 << 20}

// client is one connection.
type client struct {
	session.Session // with the replies not yet written
	s               *Server
	conn            net.Conn
	reader          *resp.Reader
	started         time.Time

	// Of the reading goroutine alone.
	quit     bool // close after the reply
	stranger bool // neither password nor, with TLS, handshake are done yet
	last     string
	tracking bool // CLIENT TRACKING: stored, since there are no keys here

	subs   subscriptions
	joined bool // in the hub
	shown  shown
	ending atomic.Bool // leave after what is being answered

	// write is held while a command is carried out and its reply written, so
	// that a message never overtakes the confirmation of its subscription.
	write sync.Mutex
	wake  chan struct{} // holds one token when messages are pending
}

func newClient(s *Server, conn net.Conn) *client {
	c := &client{
		Session: session.New(s.session, s.clients.NextID(), conn.RemoteAddr().String()),
		s:       s, conn: conn, wake: make(chan struct{}, 1), started: time.Now(),
	}
	c.subs.proto = resp.RESP2
	c.Admitted = func(bool) { c.reader.SetLimits(c.limits()) }
	c.Failed = func(string) { s.errors.Add(1) }
	c.reader = resp.NewReader(conn, c.limits())
	c.stranger = !c.Authed || c.below() != conn
	c.show()
	return c
}

// limits are those of what the client may send at once.
func (c *client) limits() resp.Limits {
	if !c.Authed {
		return resp.BeforeAuth()
	}
	return limits
}

// maxStrangeReplies is maxPending before AUTH: there may be many strangers, who read
// nothing of what they are told.
const maxStrangeReplies = 2 << 10

// mostReplies is how many bytes of replies are collected before they are written.
func (c *client) mostReplies() int {
	if !c.Authed {
		return maxStrangeReplies
	}
	return maxPending
}

// below is the connection without TLS.
func (c *client) below() net.Conn {
	if secured, ok := c.conn.(interface{ NetConn() net.Conn }); ok {
		return secured.NetConn()
	}
	return c.conn
}

// Drop hangs up without a word, and without waiting. Safe for concurrent use.
func (c *client) Drop() { _ = c.below().Close() }

// refuse tells a client that there are too many and hangs up.
func (c *client) refuse() {
	if c.below() == c.conn { // a handshake is not worth it
		_ = c.conn.SetWriteDeadline(time.Now().Add(c.s.cfg.WriteTimeout))
		_, _ = c.conn.Write(resp.AppendError(nil, "ERR max number of clients reached"))
	}
	_ = c.conn.Close()
}

// serve answers until the client hangs up, breaks the protocol or ctx ends.
func (c *client) serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	defer c.conn.Close()
	defer c.s.hub.leave(c)
	for !c.quit && !c.ending.Load() {
		args, err := c.reader.ReadCommand()
		if err != nil {
			c.hangUp(err)
			return
		}
		c.write.Lock()
		for {
			c.s.commands.Add(1)
			c.execute(ctx, args)
			if c.quit || !c.reader.Buffered() || len(c.Out) > c.mostReplies() {
				break
			}
			if args, err = c.reader.ReadCommand(); err != nil {
				break
			}
		}
		c.reader.Release()
		if c.stranger && c.Authed {
			c.stranger = false
			c.s.clients.Know(c.ID)
		}
		c.show()
		werr := c.flush()
		c.write.Unlock()
		if err != nil {
			c.hangUp(err)
		}
		if err != nil || werr != nil {
			return
		}
		if !c.joined && c.subs.count() > 0 {
			c.joined = true
			wg.Go(func() { c.deliver(ctx) })
		}
	}
}

// hangUp tells the client what is wrong with what it sent, as Redis does.
func (c *client) hangUp(err error) {
	var broken *resp.ProtocolError
	if !errors.As(err, &broken) {
		return
	}
	c.write.Lock()
	defer c.write.Unlock()
	c.Out = resp.AppendError(c.Out, "ERR "+broken.Error())
	_ = c.flush()
}

// flush writes the replies. The caller holds write.
func (c *client) flush() error {
	if len(c.Out) == 0 {
		return nil
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.s.cfg.WriteTimeout))
	_, err := c.conn.Write(c.Out)
	c.Out = c.Out[:0]
	if cap(c.Out) > 64<<10 {
		c.Out = nil
	}
	return err
}

// push queues events; the hub calls it.
func (c *client) push(events []Event) {
	if !c.subs.add(events) {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// deliver writes messages until ctx ends or the client proves too slow.
func (c *client) deliver(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		c.write.Lock()
		pending, overflow := c.subs.take()
		err := error(nil)
		if len(pending) > 0 {
			_ = c.conn.SetWriteDeadline(time.Now().Add(c.s.cfg.WriteTimeout))
			_, err = c.conn.Write(pending)
		}
		c.write.Unlock()
		if err != nil || overflow {
			_ = c.conn.Close() // serve notices
			return
		}
	}
}

// shown is what other clients see of one, as of its last commands.
type shown struct {
	sync.Mutex
	client listing.Client
}

// show publishes the state of the connection to the others.
func (c *client) show() {
	c.shown.Lock()
	defer c.shown.Unlock()
	l := &c.shown.client
	l.Name, l.Lib, l.Proto, l.Last = c.Name, c.Lib, c.Proto, c.last
	l.NoEvict, l.NoTouch, l.Tracking, l.Active = c.NoEvict, c.NoTouch, c.tracking, time.Now()
	l.Channels, l.Patterns = len(c.subs.names(false)), len(c.subs.names(true))
}

// View describes the connection. Safe for concurrent use, as are the next three:
// a client is a clients.Conn.
func (c *client) View() listing.Client {
	c.shown.Lock()
	defer c.shown.Unlock()
	l := c.shown.client
	l.ID, l.Addr, l.LAddr, l.Created, l.Closing = c.ID, c.Addr, c.conn.LocalAddr().String(), c.started, c.ending.Load()
	l.Queued, l.Redirect = -1, -1
	if l.Tracking {
		l.Redirect = 0
	}
	return l
}

// End asks the client to leave, at once if it waits for input.
func (c *client) End() {
	c.ending.Store(true)
	_ = c.conn.SetReadDeadline(time.Unix(1, 0))
}

// Cut hangs up.
func (c *client) Cut(string) { _ = c.conn.Close() }

// Unblock ends no wait: nothing waits here.
func (c *client) Unblock(bool) bool { return false }
