package admin

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
)

// crowd is a listener with room for so many connections. Where a further one comes,
// that which has waited longest gives way: one that asks nothing, or asks so slowly
// that nothing is known of it yet. Otherwise strangers who hold connections would
// keep those out who look after the process, and its health checks.
type crowd struct {
	net.Listener
	room int

	mu      sync.Mutex
	held    int
	waiting *list.List // of *visitor
}

func newCrowd(ln net.Listener, room int) *crowd {
	return &crowd{Listener: ln, room: room, waiting: list.New()}
}

// Accept returns the next connection that there is room for.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if v := c.enter(conn); v != nil {
			return v, nil
		}
		_ = conn.Close() // all the others are being answered
	}
}

// enter takes in a connection, in the place of another if it has to; nil if there is
// no room.
func (c *crowd) enter(conn net.Conn) *visitor {
	v := &visitor{Conn: conn, crowd: c}
	c.mu.Lock()
	var gone *visitor
	if first := c.waiting.Front(); c.held >= c.room && first != nil {
		gone = first.Value.(*visitor)
		gone.leave()
	}
	if c.held >= c.room {
		v = nil
	} else {
		c.held++
		v.place = c.waiting.PushBack(v)
	}
	c.mu.Unlock()
	if gone != nil {
		_ = gone.Conn.Close()
	}
	return v
}

// visitor is a connection of a crowd.
type visitor struct {
	net.Conn
	crowd *crowd

	// Under the crowd's lock.
	place *list.Element // among those who wait; nil while it is answered
	left  bool
}

// leave makes room. The crowd is locked.
func (v *visitor) leave() {
	if v.left {
		return
	}
	v.left = true
	v.crowd.held--
	if v.place != nil {
		v.crowd.waiting.Remove(v.place)
	}
}

// Close closes the connection and makes room for another.
func (v *visitor) Close() error {
	v.crowd.mu.Lock()
	v.leave()
	v.crowd.mu.Unlock()
	return v.Conn.Close()
}

// answered says whether the connection is being answered now, to somebody who may
// ask: it does not give way meanwhile.
func (v *visitor) answered(now bool) {
	v.crowd.mu.Lock()
	defer v.crowd.mu.Unlock()
	switch {
	case v.left:
	case now && v.place != nil:
		v.crowd.waiting.Remove(v.place)
		v.place = nil
	case !now && v.place == nil:
		v.place = v.crowd.waiting.PushBack(v)
	}
}

type visitorKey struct{}

// withVisitor is the server's ConnContext.
func withVisitor(ctx context.Context, conn net.Conn) context.Context {
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secured.NetConn()
	}
	if v, ok := conn.(*visitor); ok {
		return context.WithValue(ctx, visitorKey{}, v)
	}
	return ctx
}

// staying answers requests on connections that do not give way meanwhile.
func staying(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v, ok := r.Context().Value(visitorKey{}).(*visitor); ok {
			v.answered(true)
			defer v.answered(false)
		}
		next.ServeHTTP(w, r)
	})
}
