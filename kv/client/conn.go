package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"

	"pingd/kv/resp/guard"
)

// conn is one connection to a node. One goroutine at a time uses it; another may
// close it.
type conn struct {
	redis.Conn          // its Err tells whether the connection can still be used
	line       net.Conn // the lowest below Conn: closing it waits for nothing
	since      time.Time
}

// connectError is a connection that was not made: the command was not sent.
type connectError struct{ err error }

func (e *connectError) Error() string { return e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// connect opens a connection and names the password. Errors are of type
// *connectError unless the node refused the password or the connection.
func (c *Client) connect(ctx context.Context, addr string) (*conn, error) {
	top, err := c.dial(ctx, addr)
	if err != nil {
		return nil, &connectError{err}
	}
	// No time-outs of the library's own: a context bounds whatever is done. It would
	// reserve whatever memory a reply claims to need.
	cn := &conn{Conn: redis.NewConn(guard.Watch(top), 0, 0), line: lowest(top)}
	switch {
	case c.cfg.Secret != "":
		_, err = cn.do(ctx, "AUTH", c.cfg.Secret)
	case c.cfg.Dial != nil:
		// Whether the other side likes our certificate it tells after the handshake:
		// it is to be known before a command is sent.
		_, err = cn.do(ctx, "PING")
	}
	if err == nil {
		return cn, nil
	}
	cn.close()
	if _, refused := errors.AsType[redis.Error](err); refused {
		return nil, err
	}
	return nil, &connectError{fmt.Errorf("greet: %w", err)}
}

// dial opens a connection in less time than a try: a dial that hangs must be told
// from a command that does.
func (c *Client) dial(ctx context.Context, addr string) (net.Conn, error) {
	limit := c.cfg.TryTimeout * 3 / 4
	if c.cfg.Dial == nil {
		return (&net.Dialer{Timeout: limit}).DialContext(ctx, "tcp", addr)
	}
	// A handshake takes computing: on a busy machine it must get more time when it is
	// tried again.
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(limit, time.Until(deadline)/4)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c.mu.Lock()
	name := c.names[addr]
	c.mu.Unlock()
	if name == "" {
		name, _, _ = net.SplitHostPort(addr)
	}
	return c.cfg.Dial(ctx, addr, name)
}

// lowest returns what is below TLS.
func lowest(top net.Conn) net.Conn {
	if upper, ok := top.(interface{ NetConn() net.Conn }); ok {
		return upper.NetConn()
	}
	return top
}

// do runs one command and returns string, int64, []any or nil. The end of ctx
// closes the connection: a reply that comes late must not be taken for the next
// command's.
func (cn *conn) do(ctx context.Context, name string, args ...any) (any, error) {
	stop := context.AfterFunc(ctx, func() { _ = cn.line.Close() })
	reply, err := cn.Do(name, args...)
	if !stop() && err != nil {
		err = ctx.Err() // and not that its connection was closed
	}
	return plain(reply), err
}

// close may be called repeatedly and from any goroutine.
func (cn *conn) close() { _ = cn.Close() }

// fresh reports whether a connection that was idle may still be used: the other
// end has not closed it and has sent nothing that nobody asked for.
func (cn *conn) fresh() bool {
	if cn.Err() != nil {
		return false
	}
	raw, ok := cn.line.(syscall.Conn)
	if !ok {
		return true
	}
	rc, err := raw.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = rc.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet
}

// plain makes strings of the library's byte slices.
func plain(reply any) any {
	switch r := reply.(type) {
	case []byte:
		return string(r)
	case []any:
		for i, v := range r {
			r[i] = plain(v)
		}
	}
	return reply
}
