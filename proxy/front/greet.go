package front

import (
	"context"
	"crypto/tls"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"pingd/proxy/cert"
	"pingd/proxy/exchange"
	"pingd/proxy/h2/session"
	"pingd/proxy/proxyproto"
	"pingd/proxy/wire"
)

// prefaceLine is what a client that speaks HTTP/2 without having asked begins with
// (RFC 9113 section 3.3).
const prefaceLine = "PRI * HTTP/2.0\r\n"

// SecureStats are sums over all TLS connections.
type SecureStats struct {
	Handshakes int64 // that went well
	Resumed    int64 // of them, those of a session that was there before
	Failed     int64
}

type secureStats struct{ handshakes, resumed, failed atomic.Int64 }

// SecureStats returns the current sums.
func (f *Front) SecureStats() SecureStats {
	return SecureStats{f.secure.handshakes.Load(), f.secure.resumed.Load(), f.secure.failed.Load()}
}

// greet does what comes before the first request: the header of a proxy in front,
// and the handshake of TLS. It is false when the client is not to be served.
func (c *client) greet(secure *tls.Config) bool {
	limit := time.Now().Add(c.f.cfg.Timeouts.Head)
	conn := c.conn.Conn
	if _, known := conn.(*proxyproto.Conn); !known && c.from.IsValid() && c.f.cfg.Announces(c.from.Addr()) && c.w == 0 {
		p, err := proxyproto.Accept(conn, limit)
		if err != nil {
			c.f.log.Debug("refuse a connection", "from", c.from, "err", err)
			return false
		}
		c.know(p.RemoteAddr())
		c.replace(wire.New(p))
		conn = p
	}
	if secure == nil {
		return true
	}
	by := wire.NewCarrier(c.conn)
	if by != nil {
		conn = by
	}
	over := tls.Server(conn, secure)
	ctx, cancel := context.WithDeadline(c.f.hard, limit)
	parted := c.f.parting(ctx, cancel)
	err := over.HandshakeContext(ctx)
	parted()
	cancel()
	if err != nil {
		c.f.secure.failed.Add(1)
		c.f.log.Debug("TLS handshake failed", "from", c.from, "err", err)
		return false
	}
	c.f.secure.handshakes.Add(1)
	if over.ConnectionState().DidResume {
		c.f.secure.resumed.Add(1)
	}
	if over.ConnectionState().NegotiatedProtocol == cert.Proof {
		_ = over.Close()
		return false
	}
	c.secure = true
	c.replace(wire.New(over))
	return true
}

// leaves offers a client that has just been greeted to the engine for those who speak
// HTTP/1, and reports whether that has it now.
func (c *client) leaves() bool {
	f := c.f
	over, ok := c.conn.Conn.(*tls.Conn)
	if f.offload == nil || !ok || c.speaksHTTP2() || f.draining.Load() {
		return false
	}
	by, ok := over.NetConn().(*wire.Carrier)
	if !ok {
		return false
	}
	// Nobody here may touch it from now on.
	f.mu.Lock()
	delete(f.clients, c)
	f.mu.Unlock()
	if c.left = f.offload(over, by, c.from.Addr()); c.left {
		return true
	}
	f.mu.Lock()
	f.clients[c] = struct{}{}
	f.mu.Unlock()
	if c.hard.Err() != nil {
		c.cut()
	}
	return false
}

// parting has cancel called when clients that had nothing under way when the Front
// began to stop have had their time, unless ctx ends or the function that it returns is
// called before.
func (f *Front) parting(ctx context.Context, cancel func()) (stop func() bool) {
	return context.AfterFunc(f.calm, func() {
		t := time.NewTimer(exchange.Parting)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-ctx.Done():
		}
	})
}

// replace makes conn the client's connection.
func (c *client) replace(conn *wire.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
	if c.hard.Err() != nil { // cut already, and did not know of this one
		_ = conn.Close()
	}
}

// isSecure reports whether conn came over TLS, itself or what it is a part of.
func isSecure(conn net.Conn) bool {
	if part, ok := conn.(interface{ Base() net.Conn }); ok {
		conn = part.Base()
	}
	_, ok := conn.(*tls.Conn)
	return ok
}

// speaksHTTP2 reports whether the handshake agreed on HTTP/2.
func (c *client) speaksHTTP2() bool {
	over, ok := c.conn.Conn.(*tls.Conn)
	return ok && over.ConnectionState().NegotiatedProtocol == "h2"
}

// http2 serves requests that come by HTTP/2, from early on; each is a client of its
// own.
func (c *client) http2(early []byte) {
	t := &c.f.cfg.Timeouts
	early = append([]byte(nil), early...)
	c.release()
	session.Serve(c.f.calm, c.conn.Conn, early, session.Config{
		Handle: c.f.serveStream, First: t.Head, Idle: t.KeepAlive, Stall: t.Body,
	})
}

// serveStream serves the request of an HTTP/2 stream.
func (f *Front) serveStream(conn net.Conn) {
	c := newClient(f, f.hard, conn, nil)
	c.stream = true
	defer func() {
		if r := recover(); r != nil {
			f.log.Error("panic while serving a request", "panic", r, "stack", string(debug.Stack()))
		}
		_ = c.conn.Close()
		c.release()
	}()
	if gone, ok := conn.(interface{ OnGone(func()) }); ok {
		gone.OnGone(c.cut)
	}
	c.serve()
}
