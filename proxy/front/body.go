package front

import (
	"errors"
	"os"
	"sync/atomic"

	"pingd/proxy/exchange"
	"pingd/proxy/http1"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

// body is a request body on its way from the client to a server.
type body struct {
	kind    http1.BodyKind
	left    int64
	chunked http1.Chunked
	done    bool   // its end has been read from the client
	over    bool   // more was read than is held
	held    []byte // what was read after the head's buffer, for another attempt
	surplus []byte // read beyond the end: the next request
}

func (b *body) begin(req *http1.Request) {
	b.kind, b.left = req.Body()
	b.done, b.over = b.kind == http1.NoBody, false
	b.held, b.surplus = b.held[:0], nil
	b.chunked.Reset(false)
}

// take returns how many bytes of p belong to the body.
func (b *body) take(p []byte) (int, *http1.Error) {
	switch {
	case b.done:
		return 0, nil
	case b.kind == http1.Length:
		n := min(int64(len(p)), b.left)
		b.left -= n
		b.done = b.left == 0
		return int(n), nil
	}
	n, done, err := b.chunked.Scan(p)
	b.done = done
	return n, err
}

// hold keeps p for another attempt while that stays cheap.
func (b *body) hold(p []byte) {
	if b.over || len(b.held)+len(p) > heldSize {
		b.over, b.held = true, b.held[:0]
		return
	}
	b.held = append(b.held, p...)
}

// pump passes the rest of a request body on while the response is awaited: a
// server may answer before it has read everything (RFC 9112 section 9.5).
type pump struct {
	c    *client
	up   *upstream.Conn
	done chan struct{}
	last atomic.Int64 // instant of the last progress
	all  atomic.Bool  // the whole body has been read

	// Written before done is closed.
	refused *http1.Error // the body is malformed
	gone    string       // the client's part in the failure, "" if none
	failed  bool         // the server did not take it
	sent    int64
}

func (c *client) startPump(up *upstream.Conn) *pump {
	c.pumped = true
	p := &pump{c: c, up: up, done: make(chan struct{})}
	p.last.Store(int64(wire.Now()))
	go p.run()
	return p
}

func (p *pump) run() {
	defer close(p.done)
	buf := buffers.Get().(*[bufSize]byte)
	defer buffers.Put(buf)
	b, stall := &p.c.body, p.c.f.cfg.Timeouts.Body
	for !b.done {
		room := buf[:]
		if b.kind == http1.Length && b.left < int64(len(room)) {
			room = room[:b.left]
		}
		n, err := p.c.conn.Read(room, wire.Now().After(stall))
		if err != nil {
			p.lost(err)
			return
		}
		used, perr := b.take(room[:n])
		if perr != nil {
			p.refused = perr
			_ = p.up.Close() // wakes the goroutine that waits for the response
			return
		}
		if b.done {
			b.surplus = append([]byte(nil), room[used:n]...)
			p.all.Store(true)
		}
		b.hold(room[:used])
		p.sent += int64(used)
		if err := p.up.Write(room[:used], stall); err != nil {
			p.failed = true
			if errors.Is(err, os.ErrDeadlineExceeded) {
				_ = p.up.Close()
			}
			return
		}
		p.last.Store(int64(wire.Now()))
	}
}

// lost notes that the client did not send all of its body.
func (p *pump) lost(err error) {
	switch {
	case errors.Is(err, wire.ErrInterrupted):
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		p.gone = exchange.EndClientStall
	default:
		p.gone = exchange.EndClientGone
	}
	_ = p.up.Close()
}

// moved returns since when it has been the server's turn: the last byte of the
// body, or now as long as it is the client's.
func (p *pump) moved() wire.Instant {
	select {
	case <-p.done:
	default:
		if !p.all.Load() {
			return wire.Now() // a body that stalls ends the pump
		}
	}
	return wire.Instant(p.last.Load())
}

// finish waits for a pump that has read the whole body, and otherwise stops it.
// It reports whether the whole request was sent.
func (p *pump) finish() bool {
	if p == nil {
		return true
	}
	if !p.all.Load() {
		_ = p.up.Close()
		p.c.conn.Interrupt()
		defer p.c.conn.Resume()
	}
	<-p.done
	p.c.rec.In += p.sent
	p.sent = 0
	return p.c.body.done && !p.failed && p.refused == nil
}

// stop ends the pump after the server's connection has been closed.
func (p *pump) stop() {
	if p == nil {
		return
	}
	_ = p.up.Close()
	p.c.conn.Interrupt()
	<-p.done
	p.c.conn.Resume()
	p.c.rec.In += p.sent
	p.sent = 0
}
