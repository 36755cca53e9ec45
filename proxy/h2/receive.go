package h2

import (
	"encoding/binary"
	"strconv"
)

func (m *Machine) headers(h header, p []byte) error {
	if h.stream == 0 {
		return connError(CodeProtocol, "HEADERS on stream 0")
	}
	p, err := h.unpad(p)
	if err != nil {
		return err
	}
	b := &m.block
	b.stream, b.open, b.end, b.self = h.stream, true, h.has(flagEndStream), false
	b.bytes, b.pending = b.bytes[:0], false
	if h.has(flagPriority) {
		if len(p) < 5 {
			return connError(CodeFrameSize, "HEADERS without the priority that its flag announces")
		}
		b.self = binary.BigEndian.Uint32(p)&maxStream == h.stream
		p = p[5:]
	}
	return m.fragment(h, p)
}

func (m *Machine) continuation(h header, p []byte) error {
	if !m.block.open {
		return connError(CodeProtocol, "CONTINUATION without HEADERS")
	}
	return m.fragment(h, p)
}

// fragment takes in a part of a header block.
func (m *Machine) fragment(h header, p []byte) error {
	b := &m.block
	if !h.has(flagEndHeaders) || b.pending {
		if len(b.bytes)+len(p) > maxBlock {
			return connError(CodeCalm, "a header block is too long")
		}
		b.bytes, b.pending = append(b.bytes, p...), true
		if !h.has(flagEndHeaders) {
			return nil
		}
		p = b.bytes
	}
	b.open = false
	m.fields, m.size, m.tooLong = m.fields[:0], 0, false
	if _, err := m.dec.Write(p); err != nil {
		return connError(CodeCompression, "a header block cannot be decoded")
	}
	if err := m.dec.Close(); err != nil {
		return connError(CodeCompression, "a header block ends too early")
	}
	return m.message()
}

// message takes in a decoded header block.
func (m *Machine) message() error {
	b := &m.block
	s := m.streams[b.stream]
	switch {
	case s != nil:
		return m.further(s)
	case m.idle(b.stream):
		if m.client || b.stream&1 == 0 {
			return connError(CodeProtocol, "HEADERS on a stream that the peer may not begin")
		}
		m.last = b.stream
		return m.begin(b.stream)
	}
	switch lately, quiet := m.ended(b.stream); {
	case quiet:
		return nil
	case lately:
		return connError(CodeStreamClosed, "HEADERS on a stream that has ended")
	}
	return connError(CodeProtocol, "HEADERS on a stream below one begun later")
}

// begin opens a stream for the peer's request.
func (m *Machine) begin(id uint32) error {
	b := &m.block
	s := &Stream{ID: id, send: int64(m.peer.Window), recv: streamWindow, length: -1, final: true, remoteEnd: b.end}
	switch {
	case m.leaving:
		m.forget(s, true) // it was told that this stream is not served
		return nil
	case b.self:
		m.refuse(s, CodeProtocol)
		return nil
	case len(m.streams) >= int(m.own.Streams):
		m.refuse(s, CodeRefused)
		return nil
	case !s.expect(m.fields):
		m.refuse(s, CodeProtocol)
		return nil
	}
	m.streams[id] = s
	m.h.Headers(s, m.fields, b.end, m.tooLong)
	return nil
}

// further takes in a response, or trailers.
func (m *Machine) further(s *Stream) error {
	b := &m.block
	switch {
	case s.remoteEnd:
		m.fault(s, CodeStreamClosed)
		return nil
	case b.self, s.final && !b.end, s.final && pseudo(m.fields):
		m.fault(s, CodeProtocol)
		return nil
	case s.final: // trailers
		if s.length >= 0 && s.got != s.length {
			m.fault(s, CodeProtocol)
			return nil
		}
	case interim(m.fields):
		if b.end {
			m.fault(s, CodeProtocol)
			return nil
		}
		m.h.Headers(s, m.fields, false, m.tooLong)
		return nil
	default:
		s.final = true
		if !s.expect(m.fields) && s.length >= 0 {
			// Responses to HEAD, and 304, announce a body that does not come.
			s.length = -1
		}
	}
	s.remoteEnd = b.end
	m.h.Headers(s, m.fields, b.end, m.tooLong)
	m.finish(s)
	return nil
}

// expect notes the length of the body that fields announce. It is false when they
// contradict themselves or what follows.
func (s *Stream) expect(fields []Field) bool {
	for i := range fields {
		if fields[i].Name != "content-length" {
			continue
		}
		n, err := strconv.ParseUint(fields[i].Value, 10, 62)
		if err != nil || s.length >= 0 && s.length != int64(n) {
			return false
		}
		s.length = int64(n)
	}
	return !s.remoteEnd || s.length <= 0
}

// pseudo tells whether fields holds one that begins with a colon, which trailers
// must not (section 8.1).
func pseudo(fields []Field) bool {
	for i := range fields {
		if fields[i].IsPseudo() {
			return true
		}
	}
	return false
}

// interim tells whether fields are those of a 1xx response.
func interim(fields []Field) bool {
	return len(fields) > 0 && fields[0].Name == ":status" && len(fields[0].Value) == 3 && fields[0].Value[0] == '1'
}

func (m *Machine) data(h header, p []byte) error {
	if h.stream == 0 {
		return connError(CodeProtocol, "DATA on stream 0")
	}
	if m.idle(h.stream) {
		return connError(CodeProtocol, "DATA on a stream that was not begun")
	}
	size := int64(h.size)
	if size > m.recv {
		return connError(CodeFlowControl, "more DATA than the connection's window")
	}
	m.recv -= size
	body, err := h.unpad(p)
	if err != nil {
		return err
	}
	s := m.streams[h.stream]
	if s == nil || s.remoteEnd {
		m.Discard(int(size))
		if s != nil {
			m.fault(s, CodeStreamClosed)
		} else if _, quiet := m.ended(h.stream); !quiet {
			m.refuse(&Stream{ID: h.stream}, CodeStreamClosed)
		}
		return nil
	}
	s.recv -= size
	s.got += int64(len(body))
	end := h.has(flagEndStream)
	switch {
	case s.recv < 0:
		m.Discard(int(size))
		m.fault(s, CodeFlowControl)
		return nil
	case !s.final, s.length >= 0 && (s.got > s.length || end && s.got != s.length):
		m.Discard(int(size))
		m.fault(s, CodeProtocol)
		return nil
	}
	s.remoteEnd = end
	if padding := int(size) - len(body); padding > 0 {
		m.Consume(s, padding)
	}
	m.h.Data(s, body, end)
	m.finish(s)
	return nil
}

func (m *Machine) priority(h header, p []byte) error {
	switch {
	case h.stream == 0:
		return connError(CodeProtocol, "PRIORITY on stream 0")
	case len(p) != 5, binary.BigEndian.Uint32(p)&maxStream == h.stream:
		code := CodeProtocol
		if len(p) != 5 {
			code = CodeFrameSize
		}
		if s := m.streams[h.stream]; s != nil {
			m.fault(s, code)
			return nil
		}
		return connError(code, "PRIORITY is malformed")
	}
	return nil // priorities themselves are out of use (section 5.3)
}

func (m *Machine) reset(h header, p []byte) error {
	switch {
	case h.stream == 0:
		return connError(CodeProtocol, "RST_STREAM on stream 0")
	case len(p) != 4:
		return connError(CodeFrameSize, "RST_STREAM is not 4 bytes long")
	case m.idle(h.stream):
		return connError(CodeProtocol, "RST_STREAM on a stream that was not begun")
	}
	s := m.streams[h.stream]
	if s == nil {
		return nil
	}
	m.forget(s, false)
	m.resets++
	m.h.Reset(s, Code(binary.BigEndian.Uint32(p)))
	return nil
}

func (m *Machine) settings(h header, p []byte) error {
	switch {
	case h.stream != 0:
		return connError(CodeProtocol, "SETTINGS on a stream")
	case h.has(flagAck) && len(p) > 0:
		return connError(CodeFrameSize, "acknowledged SETTINGS are not empty")
	case len(p)%6 != 0:
		return connError(CodeFrameSize, "SETTINGS are not pairs")
	case h.has(flagAck):
		return nil
	}
	before := int64(m.peer.Window)
	if err := m.peer.apply(p); err != nil {
		return err
	}
	m.settled = true
	m.enc.SetMaxDynamicTableSizeLimit(unset().TableSize)
	m.enc.SetMaxDynamicTableSize(min(m.peer.TableSize, unset().TableSize))
	m.out = header{kind: frameSettings, flags: flagAck}.append(m.out)
	if change := int64(m.peer.Window) - before; change != 0 {
		for _, s := range m.streams {
			if s.send += change; s.send > maxWindow {
				return connError(CodeFlowControl, "a stream's window is above 2^31-1")
			}
		}
		m.h.Window(nil)
	}
	return nil
}

func (m *Machine) ping(h header, p []byte) error {
	switch {
	case h.stream != 0:
		return connError(CodeProtocol, "PING on a stream")
	case len(p) != 8:
		return connError(CodeFrameSize, "PING is not 8 bytes long")
	case !h.has(flagAck):
		m.out = appendPing(m.out, true, [8]byte(p))
	}
	return nil
}

func (m *Machine) goAway(h header, p []byte) error {
	switch {
	case h.stream != 0:
		return connError(CodeProtocol, "GOAWAY on a stream")
	case len(p) < 8:
		return connError(CodeFrameSize, "GOAWAY is shorter than 8 bytes")
	}
	m.gone = true
	m.h.GoAway(binary.BigEndian.Uint32(p)&maxStream, Code(binary.BigEndian.Uint32(p[4:])))
	return nil
}

func (m *Machine) window(h header, p []byte) error {
	if len(p) != 4 {
		return connError(CodeFrameSize, "WINDOW_UPDATE is not 4 bytes long")
	}
	n := int64(binary.BigEndian.Uint32(p) & maxWindow)
	if h.stream == 0 {
		if n == 0 {
			return connError(CodeProtocol, "WINDOW_UPDATE of nothing")
		}
		if m.send += n; m.send > maxWindow {
			return connError(CodeFlowControl, "the connection's window is above 2^31-1")
		}
		m.h.Window(nil)
		return nil
	}
	if m.idle(h.stream) {
		return connError(CodeProtocol, "WINDOW_UPDATE on a stream that was not begun")
	}
	s := m.streams[h.stream]
	if s == nil {
		return nil
	}
	s.send += n
	switch {
	case n == 0:
		m.fault(s, CodeProtocol)
	case s.send > maxWindow:
		m.fault(s, CodeFlowControl)
	default:
		m.h.Window(s)
	}
	return nil
}

// refuse answers a request that is not to be served.
func (m *Machine) refuse(s *Stream, code Code) {
	m.forget(s, true)
	m.out = appendUint32Frame(m.out, frameReset, s.ID, uint32(code))
}

// fault ends a stream for what the peer did on it.
func (m *Machine) fault(s *Stream, code Code) {
	known := m.streams[s.ID] != nil
	m.refuse(s, code)
	if known {
		m.resets++ // to make us take a request back is as cheap
		m.h.Reset(s, code)
	}
}
