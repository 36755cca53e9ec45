package session

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"pingd/proxy/h2"
	"pingd/proxy/h2/text"
	"pingd/proxy/http1"
	"pingd/proxy/wire"
)

// Config says how a client's connection is served. Handle is required.
type Config struct {
	// Handle serves the one request of a stream: it reads the request from the
	// connection as HTTP/1.1 and writes the response, in a goroutine of its own,
	// and closes it. The connection also has OnGone and Base.
	Handle func(net.Conn)
	// Streams is how many requests a client may have under way (default 100).
	Streams int
	// First is how long a client may take for its first request (default 10s),
	// Idle how long it may be without one later (default 60s).
	First, Idle time.Duration
	// Stall is how long a client may take nothing of what it is sent (default
	// 30s).
	Stall time.Duration
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&c.First, 10*time.Second)
	set(&c.Idle, 60*time.Second)
	set(&c.Stall, 30*time.Second)
	if c.Streams <= 0 {
		c.Streams = 100
	}
	return c
}

// parting is how long a client that is told of the end may still begin what it
// had begun already.
const parting = 500 * time.Millisecond

// server is a client's connection.
type server struct {
	session
	cfg     Config
	handled sync.WaitGroup
	live    int          // requests that are handled, also those taken back
	busy    atomic.Int64 // since when nothing has been under way, 0 while something is
	served  atomic.Bool  // there was a request
	leaving atomic.Bool
}

// Serve serves the client at the other end of conn, from which early has been
// read, until either has had enough. When ctx ends, requests under way are
// finished and no others begun. conn is closed, and every handler has returned.
func Serve(ctx context.Context, conn net.Conn, early []byte, cfg Config) {
	s := &server{session: session{conn: wire.New(conn)}, cfg: cfg.withDefaults()}
	s.stall = s.cfg.Stall
	s.m = h2.NewServer((*events)(s), s.cfg.Streams)
	s.busy.Store(int64(wire.Now()))
	ended, left := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(left)
		s.leave(ended)
	})
	err := s.take(early)
	buf := buffers.Get().(*[readSize]byte)
	for err == nil {
		err = s.next(buf[:])
	}
	buffers.Put(buf)
	s.end(err)
	close(ended)
	if !stop() {
		<-left
	}
	s.handled.Wait()
}

// next reads once.
func (s *server) next(buf []byte) error {
	limit := s.limit()
	n, err := s.conn.Read(buf, limit)
	switch {
	case err == nil:
		return s.take(buf[:n])
	case errors.Is(err, wire.ErrInterrupted):
		s.conn.Resume()
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	}
	if s.over() {
		return net.ErrClosed
	}
	return s.alone()
}

// limit is when to look whether the client is still of interest.
func (s *server) limit() wire.Instant {
	idle := s.idle()
	if since := wire.Instant(s.busy.Load()); since != 0 {
		return since.After(idle)
	}
	return wire.Now().After(idle)
}

func (s *server) idle() time.Duration {
	if s.served.Load() {
		return s.cfg.Idle
	}
	return min(s.cfg.First, s.cfg.Idle)
}

// alone takes leave of a client that has been without a request for too long.
func (s *server) alone() error {
	since := wire.Instant(s.busy.Load())
	if since == 0 || wire.Now().Sub(since) < s.idle() {
		return nil
	}
	s.mu.Lock()
	s.m.Leave(true)
	s.mu.Unlock()
	return net.ErrClosed // end writes what has been said
}

// leave tells the client of the end, unless that has come anyway.
func (s *server) leave(ended <-chan struct{}) {
	s.leaving.Store(true)
	s.mu.Lock()
	s.m.Leave(false)
	s.mu.Unlock()
	s.flush()
	t := time.NewTimer(parting)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ended:
		return
	}
	s.mu.Lock()
	s.m.Leave(true)
	s.mu.Unlock()
	s.flush()
	s.conn.Interrupt()
}

// over reports whether the end was announced and nothing is under way any more.
func (s *server) over() bool {
	if !s.leaving.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m.Left() && s.live == 0
}

// events is how the machine tells a server what its client does. The session's mu
// is held.
type events server

// Headers takes in a request, or trailers.
func (e *events) Headers(hs *h2.Stream, fields []h2.Field, end, tooLong bool) {
	s := (*server)(e)
	if st, ok := hs.Owner.(*stream); ok {
		st.trailers(fields, end)
		return
	}
	switch {
	case tooLong:
		s.m.Field(":status", "431", false)
		s.m.Headers(hs, true)
		s.m.Reset(hs, h2.CodeNone)
		return
	case s.live >= 2*s.cfg.Streams: // taken back, but still being worked on
		s.m.Reset(hs, h2.CodeRefused)
		return
	}
	st := newStream(&s.session, hs)
	var err error
	st.in, st.body, err = text.AppendRequest(nil, fields, end, challenge(fields))
	if err != nil {
		s.m.Reset(hs, h2.CodeProtocol)
		return
	}
	st.ended = end
	method := http1.GET
	for i := range fields {
		if fields[i].Name == ":method" && fields[i].Value == "HEAD" {
			method = http1.HEAD
		}
	}
	st.out.Begin(false, method)
	hs.Owner = st
	s.live++
	s.busy.Store(0)
	s.served.Store(true)
	st.finished = s.handler
	s.handled.Go(func() {
		defer func() { _ = st.Close() }()
		s.cfg.Handle(st)
	})
}

// handler notes that a request has been handled.
func (s *server) handler() {
	s.mu.Lock()
	s.live--
	if s.live == 0 {
		s.busy.Store(int64(wire.Now()))
	}
	over := s.live == 0 && s.m.Left()
	s.mu.Unlock()
	if over {
		s.conn.Interrupt() // wakes the reader, which ends
	}
}

// challenge makes a Sec-WebSocket-Key: HTTP/2 has no use for one, the server has.
func challenge(fields []h2.Field) string {
	for i := range fields {
		if fields[i].Name == ":protocol" {
			var b [16]byte
			_, _ = rand.Read(b[:]) // never fails
			return base64.StdEncoding.EncodeToString(b[:])
		}
	}
	return ""
}

// Data takes in a part of a body.
func (e *events) Data(hs *h2.Stream, p []byte, end bool) { e.absorb(hs, p, end) }

// Reset takes in that a stream has ended.
func (e *events) Reset(hs *h2.Stream, _ h2.Code) { reset(hs) }

// Window takes in that more may be sent.
func (e *events) Window(hs *h2.Stream) { e.window(hs) }

// GoAway takes in that the client begins nothing more.
func (e *events) GoAway(uint32, h2.Code) {}
