package http1

import "bytes"

// Limits bounds a message head. The zero value means the defaults.
type Limits struct {
	// Head is the largest head in bytes, first line and final empty line
	// included (default 32 KiB, at most 65,535). More is answered with 431.
	Head int
	// Lines is the largest number of field lines (default and maximum 200).
	// More is answered with 431.
	Lines int
	// Target is the longest request target in bytes (default 16 KiB). More is
	// answered with 414. RFC 9112 section 3 asks for at least 8,000.
	Target int
}

const (
	maxHead      = 1<<16 - 1
	maxLines     = 200
	maxNominated = 32
)

func (l Limits) orDefault() Limits {
	if l.Head <= 0 {
		l.Head = 32 << 10
	}
	if l.Lines <= 0 {
		l.Lines = maxLines
	}
	if l.Target <= 0 {
		l.Target = 16 << 10
	}
	l.Head = min(l.Head, maxHead)
	l.Lines = min(l.Lines, maxLines)
	return l
}

// span is a piece of the buffer. A head never exceeds 65,535 bytes.
type span struct{ from, to uint16 }

func (s span) of(buf []byte) []byte { return buf[s.from:s.to] }

// field is one field line: [start, end) with its CRLF, value without OWS.
type field struct {
	start, nameEnd, end uint16
	value               span
	id                  name
	spaced              bool // white space before the colon
}

// BodyKind is how the end of a message body is found (RFC 9112 section 6.3).
type BodyKind uint8

// The four ways a body can be framed.
const (
	// NoBody means that the message ends with its head.
	NoBody BodyKind = iota
	// Length means Content-Length bytes follow.
	Length
	// ChunkedBody means that Chunked finds the end.
	ChunkedBody
	// UntilClose means that the body ends with the connection; responses only.
	UntilClose
)

// head is what requests and responses share: the field lines and their
// framing. Its parse is resumable at line borders.
type head struct {
	lim      Limits
	response bool
	started  bool // the first line has been parsed
	pos      int  // start of the first line not parsed yet
	scan     int  // where the search for the next LF goes on

	minor     uint8 // of the HTTP version 1.minor; above 1 is kept as 1
	first     span  // first line without CRLF
	bodyAt    int   // length of the head once it is complete
	fields    [maxLines]field
	count     int
	length    int64 // Content-Length, -1 when there is none
	chunked   bool
	nominated int // Connection options that are not close, keep-alive, upgrade
	close     bool
	keepAlive bool
	upgrade   bool // Connection: upgrade
	upgradeTo int  // index of the first Upgrade field, -1 when there is none
	hasDate   bool
}

func (h *head) reset(lim Limits, response bool) {
	h.lim, h.response, h.started = lim.orDefault(), response, false
	h.pos, h.scan, h.bodyAt, h.count = 0, 0, 0, 0
	h.length, h.chunked, h.nominated = -1, false, 0
	h.close, h.keepAlive, h.upgrade, h.upgradeTo = false, false, false, -1
	h.hasDate = false
}

// line returns the next line without its CRLF and moves on, or ok=false when
// it is not complete yet.
func (h *head) line(buf []byte) (s span, ok bool, err *Error) {
	window := buf
	if len(window) > h.lim.Head {
		window = window[:h.lim.Head]
	}
	i := bytes.IndexByte(window[h.scan:], '\n')
	if i < 0 {
		h.scan = len(window)
		if len(window) == h.lim.Head {
			return s, false, faultTooLong.of(h.response)
		}
		return s, false, nil
	}
	end := h.scan + i // of the LF
	if end == h.pos || window[end-1] != '\r' {
		return s, false, faultBareLF.of(h.response)
	}
	s = span{uint16(h.pos), uint16(end - 1)}
	h.pos, h.scan = end+1, end+1
	return s, true, nil
}

// parseFields reads field lines up to and including the empty line. done is
// false when more bytes are needed.
func (h *head) parseFields(buf []byte) (done bool, err *Error) {
	for {
		s, ok, err := h.line(buf)
		if !ok || err != nil {
			return false, err
		}
		if s.from == s.to {
			h.bodyAt = h.pos
			return true, nil
		}
		if h.count >= h.lim.Lines {
			return false, faultTooMany.of(h.response)
		}
		if err := h.parseField(buf, s); err != nil {
			return false, err
		}
	}
}

func (h *head) parseField(buf []byte, s span) *Error {
	line := s.of(buf)
	i := 0
	for i < len(line) && class[line[i]]&isToken != 0 {
		i++
	}
	name := i
	if h.response && name > 0 {
		// RFC 9112 section 5.1: a proxy removes it.
		for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
			i++
		}
	}
	if i == len(line) {
		return faultNoColon.of(h.response)
	}
	if line[i] != ':' || i == 0 {
		if i == 0 && (line[0] == ' ' || line[0] == '\t') {
			return faultFold.of(h.response)
		}
		return faultFieldName.of(h.response)
	}
	from, to := i+1, len(line)
	for from < to && (line[from] == ' ' || line[from] == '\t') {
		from++
	}
	for to > from && (line[to-1] == ' ' || line[to-1] == '\t') {
		to--
	}
	value := line[from:to]
	if !all(value, isValue) {
		return faultFieldValue.of(h.response)
	}
	f := &h.fields[h.count]
	f.start, f.nameEnd, f.end = s.from, s.from+uint16(name), s.to+2
	f.spaced = i > name
	f.value = span{s.from + uint16(from), s.from + uint16(to)}
	f.id = identify(line[:name])
	h.count++
	if f.id == nameOther {
		return nil
	}
	return h.note(f.id, value)
}

// note takes down what a field means for framing and persistence.
func (h *head) note(id name, value []byte) *Error {
	switch id {
	case nameContentLength:
		if h.length >= 0 {
			return faultTwoLengths.of(h.response)
		}
		n, ok := parseLength(value)
		if !ok {
			return faultLength.of(h.response)
		}
		h.length = n
	case nameTransferEncoding:
		return h.noteCoding(value)
	case nameConnection:
		return h.noteConnection(value)
	case nameUpgrade:
		if h.upgradeTo < 0 {
			h.upgradeTo = h.count - 1
		}
	case nameDate:
		h.hasDate = true
	case nameLookalike:
		if !h.response {
			return errLookalike
		}
	}
	return nil
}

// noteCoding accepts "chunked" once and nothing else: every other list of
// codings has been read differently by different servers.
func (h *head) noteCoding(value []byte) *Error {
	if h.chunked || !all(value, isToken) || !foldEqual(value, "chunked") {
		if !h.response && !h.chunked && endsInChunked(value) {
			return errCoding
		}
		return faultCoding.of(h.response)
	}
	h.chunked = true
	return nil
}

// endsInChunked tells "gzip, chunked" (not implemented: 501, RFC 9112 section
// 6.1) from a list whose end nobody can find (400, section 6.3).
func endsInChunked(value []byte) bool {
	var chunked, other int
	for more := true; more; {
		var token []byte
		token, value, more = nextToken(value)
		switch {
		case len(token) == 0 || !all(token, isToken):
			return false
		case foldEqual(token, "chunked"):
			if chunked++; more {
				return false
			}
		default:
			other++
		}
	}
	return chunked == 1 && other > 0
}

func (h *head) noteConnection(value []byte) *Error {
	for more := true; more; {
		var token []byte
		token, value, more = nextToken(value)
		switch {
		case len(token) == 0 || !all(token, isToken):
		case foldEqual(token, "close"):
			h.close = true
		case foldEqual(token, "keep-alive"):
			h.keepAlive = true
		case foldEqual(token, "upgrade"):
			h.upgrade = true
		default:
			// Each option is compared with each field when forwarding.
			if h.nominated++; h.nominated > maxNominated {
				return faultNominated.of(h.response)
			}
		}
	}
	return nil
}

// nominates reports whether a Connection option names the field.
func (h *head) nominates(buf []byte, f *field) bool {
	if h.nominated == 0 || !f.id.nominable() {
		return false
	}
	want := buf[f.start:f.nameEnd]
	for i := range h.fields[:h.count] {
		c := &h.fields[i]
		if c.id != nameConnection {
			continue
		}
		list := c.value.of(buf)
		for more := true; more; {
			var token []byte
			token, list, more = nextToken(list)
			if bytes.EqualFold(token, want) {
				return true
			}
		}
	}
	return false
}

// value returns the value of the first field with this number.
func (h *head) value(buf []byte, id name) ([]byte, bool) {
	for i := range h.fields[:h.count] {
		if h.fields[i].id == id {
			return h.fields[i].value.of(buf), true
		}
	}
	return nil, false
}

// parseLength reads 1*DIGIT (RFC 9110 section 8.6), up to 18 digits so that it
// cannot overflow.
func parseLength(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if class[c]&isDigit == 0 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
