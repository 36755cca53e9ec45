package sentinel

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"pingd/kv/resp"
)

// limits of what an authenticated client may send; Sentinel's commands are short.
var limits = resp.Limits{MaxBulk: 64 << 10, MaxArgs: 2048, MaxTotal: 1 << 20}

// client is one connection.
type client struct {
	s       *Server
	conn    net.Conn
	id      int64
	reader  *resp.Reader
	started time.Time

	// Of the reading goroutine alone.
	proto   uint8
	authed  bool
	name    string
	libName string
	libVer  string
	quit    bool   // close after the reply
	out     []byte // replies not yet written

	subs   subscriptions
	joined bool // in the hub

	// write is held while a command is carried out and its reply written, so
	// that a message never overtakes the confirmation of its subscription.
	write sync.Mutex
	wake  chan struct{} // holds one token when messages are pending
}

func newClient(s *Server, conn net.Conn) *client {
	c := &client{
		s: s, conn: conn, id: s.clientIDs.Add(1), proto: resp.RESP2, authed: s.cfg.Secret == "",
		wake: make(chan struct{}, 1), started: time.Now(),
	}
	c.subs.proto = resp.RESP2
	before := resp.BeforeAuth()
	if c.authed {
		before = limits
	}
	c.reader = resp.NewReader(conn, before)
	return c
}

// refuse tells a client that there are too many and hangs up.
func (c *client) refuse() {
	if _, secured := c.conn.(interface{ NetConn() net.Conn }); !secured { // a handshake is not worth it
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
	for !c.quit {
		args, err := c.reader.ReadCommand()
		if err != nil {
			c.hangUp(err)
			return
		}
		c.write.Lock()
		for {
			c.s.commands.Add(1)
			c.execute(ctx, args)
			if c.quit || !c.reader.Buffered() || len(c.out) > maxPending {
				break
			}
			if args, err = c.reader.ReadCommand(); err != nil {
				break
			}
		}
		c.reader.Release()
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
	c.out = resp.AppendError(c.out, "ERR "+broken.Error())
	_ = c.flush()
}

// flush writes the replies. The caller holds write.
func (c *client) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.s.cfg.WriteTimeout))
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	if cap(c.out) > 64<<10 {
		c.out = nil
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
