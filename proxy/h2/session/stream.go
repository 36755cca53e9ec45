package session

import (
	"io"
	"net"
	"os"
	"slices"
	"time"

	"pingd/proxy/h2"
	"pingd/proxy/h2/text"
	"pingd/proxy/http1"
	"pingd/proxy/wire"
)

// stream is a net.Conn for one exchange. At the server's side a request is read
// from it and a response written, at the client's side the other way round. Its
// fields are guarded by the session's mu; one goroutine may read while another
// writes.
type stream struct {
	s  *session
	hs *h2.Stream // nil at a client's side before the request's head is written

	in       []byte // text to be read
	off      int    // of it, what was read
	unread   int    // bytes of the body in it, which the peer is not told of yet
	body     text.Body
	ended    bool // in is all there is
	lost     bool // the peer or the connection ended it
	closed   bool
	deadline [2]time.Time // of reading and of writing
	readable chan struct{}
	writable chan struct{}
	onGone   func()

	out      text.Reader  // of what is written
	said     bool         // all of it has been written
	head     bool         // the request's method is HEAD
	asked    wire.Instant // at a client's side, when the request's head was sent
	client   bool
	finished func() // called once by Close
}

const (
	reading = iota
	writing
)

func newStream(s *session, hs *h2.Stream) *stream {
	return &stream{s: s, hs: hs, readable: make(chan struct{}, 1), writable: make(chan struct{}, 1)}
}

// Read gives text of the message that the peer sends.
func (st *stream) Read(p []byte) (int, error) {
	st.s.mu.Lock()
	n, err := st.read(p)
	talk := len(st.s.m.Output()) > 0
	st.s.mu.Unlock()
	if talk {
		st.s.flush()
	}
	return n, err
}

// Ready reports whether a Read gives something at once.
func (st *stream) Ready() bool {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	return st.off < len(st.in)
}

func (st *stream) read(p []byte) (int, error) {
	for {
		switch {
		case st.closed:
			return 0, net.ErrClosed
		case st.off < len(st.in):
			n := copy(p, st.in[st.off:])
			if st.off += n; st.off == len(st.in) {
				st.in, st.off = st.in[:0], 0
			}
			st.credit(min(n, st.unread))
			return n, nil
		case st.lost:
			return 0, ErrGone
		case st.ended, st.said && !st.client && !st.out.Tunnel:
			return 0, io.EOF
		}
		if err := st.wait(st.readable, reading); err != nil {
			return 0, err
		}
	}
}

// credit lets the peer send as much again as was taken.
func (st *stream) credit(n int) {
	if n > 0 {
		st.unread -= n
		st.s.m.Consume(st.hs, n)
	}
}

// wait waits for c or a deadline, without s.mu meanwhile.
func (st *stream) wait(c chan struct{}, direction int) error {
	var expired <-chan time.Time
	if d := st.deadline[direction]; !d.IsZero() {
		left := time.Until(d)
		if left <= 0 {
			return os.ErrDeadlineExceeded
		}
		t := time.NewTimer(left)
		defer t.Stop()
		expired = t.C
	}
	st.s.mu.Unlock()
	select {
	case <-c:
	case <-expired:
	}
	st.s.mu.Lock()
	return nil
}

// Write takes text of the message that is sent to the peer.
func (st *stream) Write(p []byte) (int, error) {
	st.s.mu.Lock()
	n, err := st.write(p)
	st.s.mu.Unlock()
	st.s.flush()
	return n, err
}

func (st *stream) write(p []byte) (done int, err error) {
	for done < len(p) {
		if err := st.fit(); err != nil {
			return done, err
		}
		n, ev, data, err := st.out.Next(p[done:])
		switch {
		case err != nil:
			st.abandon(h2.CodeInternal)
			return done, err
		case ev == text.Head:
			err = st.sendHead()
		case ev == text.Data:
			var sent int
			sent, err = st.sendData(data)
			n -= len(data) - sent
		case ev == text.End:
			st.sendEnd()
		case n == 0:
			return len(p), nil // behind the message's end
		}
		done += n
		if err != nil {
			return done, err
		}
		st.said = st.said || st.out.Ended
	}
	return done, nil
}

// fit tells why nothing can be sent, if so.
func (st *stream) fit() error {
	switch {
	case st.closed:
		return net.ErrClosed
	case st.lost, st.s.err != nil:
		return ErrGone
	}
	return nil
}

func (st *stream) sendHead() error {
	m := st.s.m
	field := func(name, value string) { m.Field(name, value, name == "set-cookie" || name == "authorization") }
	if st.client {
		if err := st.open(); err != nil {
			return err
		}
		st.head, st.asked = st.out.Request.Method == http1.HEAD, wire.Now()
		text.EachRequest(&st.out.Request, st.out.Buf, field)
	} else {
		text.EachResponse(&st.out.Response, st.out.Buf, st.out.Tunnel, field)
	}
	m.Headers(st.hs, st.out.Ended)
	return nil
}

// open begins the stream at a client's side, waiting for one that the peer takes.
func (st *stream) open() error {
	for {
		if st.hs = st.s.m.Open(); st.hs != nil {
			st.hs.Owner = st
			return nil
		}
		if !st.s.m.Opens() {
			st.lost = true
			return ErrGone
		}
		if err := st.linger(); err != nil {
			return err
		}
	}
}

// sendData sends all of p, waiting for the peer's windows.
func (st *stream) sendData(p []byte) (sent int, err error) {
	for {
		sent += st.s.m.Data(st.hs, p[sent:], st.out.Ended)
		if sent == len(p) {
			return sent, nil
		}
		if err := st.linger(); err != nil {
			return sent, err
		}
	}
}

// linger waits until more may be sent.
func (st *stream) linger() error {
	s := st.s
	if len(s.m.Output()) > 0 {
		s.mu.Unlock()
		s.flush()
		s.mu.Lock()
	}
	if !slices.Contains(s.waiting, st) { // it may have been woken for its own window
		s.waiting = append(s.waiting, st)
	}
	if err := st.wait(st.writable, writing); err != nil {
		return err
	}
	return st.fit()
}

func (st *stream) sendEnd() {
	m := st.s.m
	trailers := false
	st.out.EachTrailer(func(name, value string) {
		m.Field(name, value, false)
		trailers = true
	})
	if trailers {
		m.Headers(st.hs, true)
		return
	}
	m.Data(st.hs, nil, true)
}

// absorb takes in a part of the body that the peer sends; s.mu is held.
func (s *session) absorb(hs *h2.Stream, p []byte, end bool) {
	st, ok := hs.Owner.(*stream)
	if !ok || st.lost || st.closed || st.body == text.None {
		s.m.Discard(len(p))
		if ok && end {
			st.ended = true
			wake(st.readable)
		}
		return
	}
	st.unread += len(p)
	if st.body == text.Chunked {
		st.in = text.AppendChunk(st.in, p)
		if end {
			st.in, _ = text.AppendEnd(st.in, nil) // nothing in it that could be malformed
		}
	} else {
		st.in = append(st.in, p...)
	}
	st.ended = end
	wake(st.readable)
}

// trailers takes in the end of a body; s.mu is held.
func (st *stream) trailers(fields []h2.Field, end bool) {
	if st.lost || st.closed {
		return
	}
	if st.body == text.Chunked {
		in, err := text.AppendEnd(st.in, fields)
		if err != nil {
			st.abandon(h2.CodeProtocol)
			return
		}
		st.in = in
	}
	st.ended = end
	wake(st.readable)
}

// gone takes in that the stream has been ended from outside; s.mu is held.
func (st *stream) gone() {
	if st.lost {
		return
	}
	st.lost = true
	st.s.m.Discard(st.unread)
	st.unread = 0
	wake(st.readable)
	wake(st.writable)
	if st.onGone != nil && !st.said {
		go st.onGone() // it may take locks of its own; it ends by itself
		st.onGone = nil
	}
}

// abandon ends the stream, telling the peer why; s.mu is held.
func (st *stream) abandon(code h2.Code) {
	if st.hs != nil && !st.lost {
		st.s.m.Reset(st.hs, code)
		st.gone()
	}
}

// CloseWrite ends a tunnel's one direction. A message knows its own end.
func (st *stream) CloseWrite() error {
	st.s.mu.Lock()
	if st.out.Tunnel && !st.said && st.fit() == nil {
		st.said = true
		st.s.m.Data(st.hs, nil, true)
	}
	st.s.mu.Unlock()
	st.s.flush()
	return nil
}

// Close lets go of the stream. One whose message is not whole is reset, so that
// the peer sees that something is missing.
func (st *stream) Close() error {
	st.s.mu.Lock()
	if st.closed {
		st.s.mu.Unlock()
		return nil
	}
	st.onGone = nil
	switch {
	case st.client && st.said && st.ended:
	case st.client:
		st.abandon(h2.CodeCancel)
	case !st.said:
		st.abandon(h2.CodeInternal)
	case st.hs != nil && !st.hs.Ended():
		st.abandon(h2.CodeNone) // RFC 9113 section 8.1: an answer before the whole request
	}
	st.closed = true
	st.s.m.Discard(st.unread)
	st.unread, st.in = 0, nil
	wake(st.readable)
	wake(st.writable)
	st.s.roomy() // there may be a stream for somebody else now
	finished := st.finished
	st.s.mu.Unlock()
	st.s.flush()
	if finished != nil {
		finished()
	}
	return nil
}

// OnGone has fn called, by a goroutine of its own, if the peer takes the stream
// back or is lost while its message is under way.
func (st *stream) OnGone(fn func()) {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	if st.lost && !st.closed {
		go fn()
		return
	}
	st.onGone = fn
}
