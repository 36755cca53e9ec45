package proxyproto

import (
	"errors"
	"net"
	"time"
)

// Conn is a connection from which a header has been read: its addresses are those
// that the header tells.
type Conn struct {
	net.Conn
	Header
	rest []byte // read together with the header
}

// Accept reads the header that conn begins with, by limit at the latest. It fails
// with ErrMalformed where there is none.
func Accept(conn net.Conn, limit time.Time) (*Conn, error) {
	if err := conn.SetReadDeadline(limit); err != nil {
		return nil, err
	}
	var buf []byte
	for {
		var b [512]byte
		n, err := conn.Read(b[:])
		buf = append(buf, b[:n]...)
		h, size, perr := Parse(buf)
		switch {
		case perr != nil:
			return nil, perr
		case size > 0:
			_ = conn.SetReadDeadline(time.Time{}) // fails only on a closed connection: the next call says so
			return &Conn{conn, h, buf[size:]}, nil
		case err != nil:
			return nil, errors.Join(ErrMalformed, err)
		}
	}
}

// Read reads what follows the header.
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.rest) > 0 {
		n := copy(p, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// RemoteAddr returns the client's address.
func (c *Conn) RemoteAddr() net.Addr {
	if !c.Source.IsValid() {
		return c.Conn.RemoteAddr()
	}
	return net.TCPAddrFromAddrPort(c.Source)
}

// LocalAddr returns what the client connected to.
func (c *Conn) LocalAddr() net.Addr {
	if !c.Destination.IsValid() {
		return c.Conn.LocalAddr()
	}
	return net.TCPAddrFromAddrPort(c.Destination)
}

// NetConn returns the connection itself.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// CloseWrite shuts down the writing side.
func (c *Conn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}
