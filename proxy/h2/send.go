package h2

import "golang.org/x/net/http2/hpack"

// Field adds a field to the message that Headers sends next. name is in lower
// case.
func (m *Machine) Field(name, value string, sensitive bool) {
	// Writing to a buffer does not fail.
	_ = m.enc.WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: sensitive})
}

// Headers sends the fields that were added as a message on s, or as its trailers.
// end tells that nothing follows.
func (m *Machine) Headers(s *Stream, end bool) {
	block := m.encoded.Bytes()
	h := header{kind: frameHeaders, stream: s.ID}
	if end {
		h.flags = flagEndStream
	}
	for {
		n := min(len(block), int(m.peer.Frame), maxFrame)
		h.size = n
		if n == len(block) {
			h.flags |= flagEndHeaders
		}
		m.out = append(h.append(m.out), block[:n]...)
		if block = block[n:]; len(block) == 0 {
			break
		}
		h.kind, h.flags = frameContinuation, 0
	}
	m.encoded.Reset()
	m.sent(s, end)
}

// Data sends as much of p as the windows and the room for output allow and
// returns how much. end tells that nothing follows p: once all of it is sent, the
// stream is at its end.
func (m *Machine) Data(s *Stream, p []byte, end bool) int {
	sent := 0
	for len(p) > sent {
		n := int(min(int64(len(p)-sent), s.send, m.send, int64(m.peer.Frame), maxFrame, int64(Room-len(m.out))))
		if n <= 0 {
			return sent
		}
		h := header{size: n, kind: frameData, stream: s.ID}
		last := end && sent+n == len(p)
		if last {
			h.flags = flagEndStream
		}
		m.out = append(h.append(m.out), p[sent:sent+n]...)
		s.send -= int64(n)
		m.send -= int64(n)
		sent += n
		if last {
			m.sent(s, true)
			return sent
		}
	}
	if end { // with nothing of its own, for which no window is needed
		m.out = header{kind: frameData, flags: flagEndStream, stream: s.ID}.append(m.out)
		m.sent(s, true)
	}
	return sent
}

// sent notes that s may have come to its end.
func (m *Machine) sent(s *Stream, end bool) {
	if end {
		s.sentEnd = true
		m.finish(s)
	}
}

// Consume tells the peer, before long, that n bytes of s have been taken and as
// many more may come.
func (m *Machine) Consume(s *Stream, n int) {
	m.Discard(n)
	if s.consumed += int64(n); s.consumed >= streamWindow/2 && !s.remoteEnd && m.streams[s.ID] == s {
		m.out = appendUint32Frame(m.out, frameWindow, s.ID, uint32(s.consumed))
		s.recv += s.consumed
		s.consumed = 0
	}
}

// Discard is Consume for a stream that is no longer of interest: the connection
// alone gets the bytes back.
func (m *Machine) Discard(n int) {
	if m.consumed += int64(n); m.consumed >= connWindow/2 {
		m.out = appendUint32Frame(m.out, frameWindow, 0, uint32(m.consumed))
		m.recv += m.consumed
		m.consumed = 0
	}
}

// Reset ends s at once. It does nothing when s has ended.
func (m *Machine) Reset(s *Stream, code Code) {
	if m.streams[s.ID] == s {
		m.refuse(s, code)
	}
}

// Open begins a stream for a request, whose fields Headers sends next. It returns
// nil when the peer takes none now.
func (m *Machine) Open() *Stream {
	if !m.Opens() || len(m.streams) >= int(m.peer.Streams) {
		return nil
	}
	s := &Stream{ID: m.next, send: int64(m.peer.Window), recv: streamWindow, length: -1}
	m.next += 2
	m.streams[s.ID] = s
	return s
}

// Leave announces the end. The first call still lets in what the peer may have
// sent in the meantime; the second refuses what comes later (RFC 9113 section
// 6.8).
func (m *Machine) Leave(final bool) {
	if m.leaving {
		return
	}
	last := uint32(maxStream)
	if final {
		last, m.leaving = m.last, true
	}
	m.out = appendGoAway(m.out, last, CodeNone, "")
}

// Ping asks the peer for a sign of life.
func (m *Machine) Ping(data [8]byte) { m.out = appendPing(m.out, false, data) }

// Opens reports whether Open may still give a stream, now or later.
func (m *Machine) Opens() bool {
	return !m.leaving && !m.gone && m.err == nil && m.next <= maxStream
}

// Settled reports whether the peer has told its settings.
func (m *Machine) Settled() bool { return m.settled }

// Left reports whether no new stream is let in any more.
func (m *Machine) Left() bool { return m.leaving }
