package h2

import (
	"bytes"
	"slices"

	"golang.org/x/net/http2/hpack"
)

// Preface is what a client sends first (RFC 9113 section 3.4).
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Field is a header or trailer field, or one of the fields that begin with a
// colon and stand for the first line of a message.
type Field = hpack.HeaderField

// Handler is told what the peer does. A Stream that it was told of stays the same
// until it has ended both ways or was Reset.
type Handler interface {
	// Headers is called with the fields of a message: for a server's first call
	// on a stream the request, for a client's the response, perhaps after interim
	// ones, and then perhaps trailers. end tells that nothing more comes. tooLong
	// tells that the list is above the limit, and then incomplete.
	Headers(s *Stream, fields []Field, end, tooLong bool)
	// Data is called with a part of a body, which Consume must later be told of.
	// p is valid only during the call.
	Data(s *Stream, p []byte, end bool)
	// Reset is called when a stream ends early, by the peer or for its fault. It
	// is not called for Machine.Reset.
	Reset(s *Stream, code Code)
	// Window is called when more than before may be sent, on s or, with nil, on
	// all streams.
	Window(s *Stream)
	// GoAway is called when the peer answers no streams above last any more.
	GoAway(last uint32, code Code)
}

// Stream is one request with its response.
type Stream struct {
	// ID is the stream's number.
	ID uint32
	// Owner is for whoever handles the stream.
	Owner any

	send      int64 // how much may be sent
	recv      int64 // how much may come
	consumed  int64 // and how much of what came was taken, without the peer knowing yet
	length    int64 // of the body that was announced, -1 for any
	got       int64
	final     bool // the request, or the final response, has come
	sentEnd   bool
	remoteEnd bool
}

// Ended reports whether the peer sends nothing more on s.
func (s *Stream) Ended() bool { return s.remoteEnd }

// Machine is one side of a connection. Make it with NewServer or NewClient.
type Machine struct {
	h      Handler
	client bool
	own    Settings
	peer   Settings

	in      []byte // a frame that is not whole
	out     []byte
	preface int  // how much of it has come
	settled bool // the peer's settings have come

	dec     *hpack.Decoder
	enc     *hpack.Encoder
	encoded bytes.Buffer
	fields  []Field
	size    int // of fields, as section 10.5.1 counts it
	tooLong bool

	block struct { // a header block under way
		stream  uint32
		open    bool
		end     bool
		self    bool // depends on itself
		bytes   []byte
		pending bool // bytes holds a part: a CONTINUATION follows
	}

	streams  map[uint32]*Stream
	last     uint32 // highest stream that the peer began
	next     uint32 // next stream that we begin
	closed   [128]uint32
	closedAt int
	resets   int // by the peer or for its fault, before their response was whole
	served   int // streams that ended well

	send     int64
	recv     int64
	consumed int64

	leaving bool // GOAWAY has been sent: no new streams
	gone    bool // ... or received
	err     error
}

// Limits of what a peer can make a Machine hold.
const (
	connWindow   = 1 << 20
	streamWindow = 128 << 10
	maxBlock     = 64 << 10 // a compressed header block
	maxList      = 48 << 10 // fields of one message, 32 bytes each on top
	maxOutput    = 1 << 20  // what the peer does not read
	sparedResets = 100
)

// Room is how much output makes Data wait until it is written.
const Room = 128 << 10

// NewServer returns the machine of a server that allows streams at once, and its
// greeting as output.
func NewServer(h Handler, streams int) *Machine {
	m := newMachine(h, Settings{Streams: uint32(streams), Connect: true})
	m.next = 2
	m.greet()
	return m
}

// NewClient returns the machine of a client, and its greeting as output.
func NewClient(h Handler) *Machine {
	m := newMachine(h, Settings{NoPush: true, Streams: unset().Streams})
	m.client, m.next, m.preface = true, 1, len(Preface)
	m.out = append(m.out, Preface...)
	m.greet()
	return m
}

func newMachine(h Handler, own Settings) *Machine {
	own.TableSize, own.Window, own.HeaderList = unset().TableSize, streamWindow, maxList
	m := &Machine{h: h, own: own, peer: unset(), streams: map[uint32]*Stream{}, send: int64(unset().Window), recv: connWindow}
	m.dec = hpack.NewDecoder(own.TableSize, m.field)
	m.dec.SetMaxStringLength(maxList)
	m.enc = hpack.NewEncoder(&m.encoded)
	return m
}

func (m *Machine) greet() {
	m.out = m.own.append(m.out)
	m.out = appendUint32Frame(m.out, frameWindow, 0, connWindow-unset().Window)
}

// field takes in a field of the header block that is being decoded.
func (m *Machine) field(f Field) {
	if m.size += int(f.Size()); m.size > maxList {
		m.tooLong = true
		return
	}
	m.fields = append(m.fields, f)
}

// Output returns the bytes to send. They are valid until the next call of any
// method but Sent.
func (m *Machine) Output() []byte { return m.out }

// Swap returns the bytes to send and makes spare the buffer for what comes later.
func (m *Machine) Swap(spare []byte) []byte {
	out := m.out
	m.out = spare[:0]
	return out
}

// Peer returns the peer's settings.
func (m *Machine) Peer() Settings { return m.peer }

// Streams returns how many streams are open.
func (m *Machine) Streams() int { return len(m.streams) }

// All returns the open streams, in the order of their numbers.
func (m *Machine) All() []*Stream {
	all := make([]*Stream, 0, len(m.streams))
	for _, s := range m.streams {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Stream) int { return int(a.ID) - int(b.ID) })
	return all
}

// Receive takes in bytes from the peer. An error is a *ConnError: the GOAWAY that
// tells it is the last output, and the connection is to be closed behind it.
func (m *Machine) Receive(p []byte) error {
	if m.err != nil {
		return m.err
	}
	if err := m.receive(p); err != nil {
		m.err = err
		e := err.(*ConnError)
		m.out = appendGoAway(m.out, m.last, e.Code, e.Reason)
		m.leaving = true
	}
	return m.err
}

func (m *Machine) receive(p []byte) error {
	for m.preface < len(Preface) {
		if len(p) == 0 {
			return nil
		}
		if p[0] != Preface[m.preface] {
			return connError(CodeProtocol, "no connection preface")
		}
		m.preface++
		p = p[1:]
	}
	if len(m.in) > 0 {
		m.in = append(m.in, p...)
		p = m.in
	}
	for len(p) >= headerLen {
		h := parseHeader(p)
		if h.size > maxFrame {
			return connError(CodeFrameSize, "a frame is above SETTINGS_MAX_FRAME_SIZE")
		}
		if len(p) < headerLen+h.size {
			break
		}
		if err := m.frame(h, p[headerLen:headerLen+h.size]); err != nil {
			return err
		}
		if len(m.out) > maxOutput {
			return connError(CodeCalm, "the peer does not read what it asks for")
		}
		// Requests that are taken back at once cost their sender nothing (the attack
		// is called rapid reset).
		if !m.client && m.resets > sparedResets+m.served {
			return connError(CodeCalm, "most requests are taken back")
		}
		p = p[headerLen+h.size:]
	}
	m.in = append(m.in[:0], p...)
	return nil
}

func (m *Machine) frame(h header, p []byte) error {
	if !m.settled && (h.kind != frameSettings || h.has(flagAck)) {
		return connError(CodeProtocol, "the first frame is not SETTINGS")
	}
	if m.block.open && (h.kind != frameContinuation || h.stream != m.block.stream) {
		return connError(CodeProtocol, "a header block is interrupted")
	}
	switch h.kind {
	case frameData:
		return m.data(h, p)
	case frameHeaders:
		return m.headers(h, p)
	case framePriority:
		return m.priority(h, p)
	case frameReset:
		return m.reset(h, p)
	case frameSettings:
		return m.settings(h, p)
	case framePush:
		return connError(CodeProtocol, "PUSH_PROMISE is not allowed")
	case framePing:
		return m.ping(h, p)
	case frameGoAway:
		return m.goAway(h, p)
	case frameWindow:
		return m.window(h, p)
	case frameContinuation:
		return m.continuation(h, p)
	}
	return nil // unknown: to be ignored (section 4.1)
}

// idle tells whether nobody has begun the stream yet.
func (m *Machine) idle(id uint32) bool {
	if (id&1 == 1) == m.client { // ours to begin
		return id >= m.next
	}
	return id > m.last
}

// forget takes s out of the open streams, remembering its number for a while: the
// peer may not know yet. quiet tells that what still comes is to be ignored.
func (m *Machine) forget(s *Stream, quiet bool) {
	delete(m.streams, s.ID)
	mark := s.ID << 1
	if quiet {
		mark |= 1
	}
	m.closed[m.closedAt%len(m.closed)] = mark
	m.closedAt++
}

// ended tells whether the stream ended lately, and whether quietly: by a reset of
// ours that the peer may not have seen.
func (m *Machine) ended(id uint32) (lately, quiet bool) {
	for _, mark := range m.closed {
		if mark>>1 == id {
			lately, quiet = true, quiet || mark&1 == 1
		}
	}
	return lately, quiet
}

// finish forgets s if both sides are done.
func (m *Machine) finish(s *Stream) {
	if s.sentEnd && s.remoteEnd {
		m.served++
		m.forget(s, false)
	}
}
