package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"time"
)

// Bounds of the wait after a failed accept, such as one without file
// descriptors left.
const (
	acceptWaitMin = 5 * time.Millisecond
	acceptWaitMax = time.Second
)

// errStopping is the cause with which commands still in flight are given up.
var errStopping = errors.New("UNCERTAIN the server is stopping")

// accept takes connections until ctx ends and serves each under late. It returns
// the listener's fault, or nil after ctx has ended.
func (s *Server) accept(ctx, late context.Context, conns *sync.WaitGroup) error {
	wait := acceptWaitMin
	for {
		nc, err := s.cfg.Listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				nc.Close() //nolint:errcheck // came too late
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept Redis clients: %w", err)
		case err != nil:
			s.log.Warn("accept failed", "err", err, "wait", wait)
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
			wait = min(2*wait, acceptWaitMax)
			continue
		}
		wait = acceptWaitMin
		c := newConn(late, s, nc)
		added, made := s.clients.Add(c.ID, c, s.live.maxClients.Load(), c.stranger)
		if made {
			s.stats.rejected.Add(1)
		}
		if !added {
			s.reject(nc)
			continue
		}
		conns.Go(func() { s.serve(c) })
	}
}

func (s *Server) reject(nc net.Conn) {
	s.stats.rejected.Add(1)
	if lowest(nc) == nc { // else a handshake would come first, and hold up the others
		nc.SetWriteDeadline(time.Now().Add(time.Second))           //nolint:errcheck // closed next
		nc.Write([]byte("-ERR max number of clients reached\r\n")) //nolint:errcheck // closed next
	}
	nc.Close() //nolint:errcheck // never served
}

// lowest returns what is below TLS.
func lowest(nc net.Conn) net.Conn {
	if upper, ok := nc.(interface{ NetConn() net.Conn }); ok {
		return upper.NetConn()
	}
	return nc
}

// serve runs one connection to its end. A panic ends this connection only.
func (s *Server) serve(c *conn) {
	s.stats.accepted.Add(1)
	defer func() {
		if p := recover(); p != nil {
			s.stats.panics.Add(1)
			s.log.Error("connection failed", "client", c.ID, "addr", c.Addr,
				"err", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
		s.clients.Remove(c.ID)
		c.close()
	}()
	c.run()
}
