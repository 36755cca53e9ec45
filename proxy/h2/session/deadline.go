package session

import (
	"net"
	"time"
)

// LocalAddr returns the connection's.
func (st *stream) LocalAddr() net.Addr { return st.s.conn.LocalAddr() }

// RemoteAddr returns the connection's.
func (st *stream) RemoteAddr() net.Addr { return st.s.conn.RemoteAddr() }

// Base returns the connection that the stream belongs to.
func (st *stream) Base() net.Conn { return st.s.conn.Conn }

// SetDeadline sets both.
func (st *stream) SetDeadline(t time.Time) error {
	st.limit(reading, t)
	st.limit(writing, t)
	return nil
}

// SetReadDeadline is as of net.Conn.
func (st *stream) SetReadDeadline(t time.Time) error {
	st.limit(reading, t)
	return nil
}

// SetWriteDeadline is as of net.Conn.
func (st *stream) SetWriteDeadline(t time.Time) error {
	st.limit(writing, t)
	return nil
}

func (st *stream) limit(direction int, t time.Time) {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	st.deadline[direction] = t
	if direction == reading {
		wake(st.readable) // whoever waits looks again
	} else {
		wake(st.writable)
	}
}
