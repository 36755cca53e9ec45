package session

import (
	"errors"
	"sync"
	"time"

	"pingd/proxy/h2"
	"pingd/proxy/wire"
)

// ErrGone is what a stream's Read and Write give when the peer has taken the
// stream back, or the connection has ended.
var ErrGone = errors.New("http/2 stream ended early")

// session is a connection with its streams.
type session struct {
	conn  *wire.Conn
	stall time.Duration // how long the peer may take nothing

	mu       sync.Mutex
	m        *h2.Machine
	flushing bool
	spare    []byte
	err      error // set once the connection is of no use any more
	waiting  []*stream
}

// readSize is how much is read at once.
const readSize = 32 << 10

// buffers are for readers.
var buffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// take lets the machine take in what the peer sent.
func (s *session) take(p []byte) error {
	s.mu.Lock()
	err := s.m.Receive(p)
	s.mu.Unlock()
	s.flush()
	return err
}

// flush writes what the machine has to say, unless somebody does so already.
func (s *session) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flushing {
		return
	}
	s.flushing = true
	for len(s.m.Output()) > 0 && s.err == nil {
		out := s.m.Swap(s.spare)
		s.mu.Unlock()
		err := s.conn.Write(out, s.stall)
		s.mu.Lock()
		if s.spare = out[:0]; cap(out) > 2*h2.Room {
			s.spare = nil
		}
		if err != nil {
			s.fail(err)
		}
		s.roomy()
	}
	s.flushing = false
}

// roomy wakes streams that wait for room for what they have to send; s.mu is
// held.
func (s *session) roomy() {
	for _, st := range s.waiting {
		wake(st.writable)
	}
	s.waiting = s.waiting[:0]
}

// fail ends the connection and all of its streams; s.mu is held.
func (s *session) fail(err error) {
	if s.err != nil {
		return
	}
	s.err = err
	for _, hs := range s.m.All() {
		if st, ok := hs.Owner.(*stream); ok {
			st.gone()
		}
	}
	s.roomy()
	_ = s.conn.Close()
}

// end is fail for those that do not hold s.mu. What has been said last is still
// written.
func (s *session) end(err error) {
	s.flush()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail(err)
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// reset is Handler.Reset for both sides.
func reset(hs *h2.Stream) {
	if st, ok := hs.Owner.(*stream); ok {
		st.gone()
	}
}

// window is Handler.Window for both sides.
func (s *session) window(hs *h2.Stream) {
	if hs == nil {
		s.roomy()
		return
	}
	if st, ok := hs.Owner.(*stream); ok {
		wake(st.writable)
	}
}
