package http1

// Chunked finds the end of a chunked body (RFC 9112 section 7.1) in bytes that
// pass by: sizes, extensions, line ends and trailer fields are checked, nothing
// is copied or changed. The zero value scans a request's body.
type Chunked struct {
	state  chunkState
	resp   bool
	digits uint8
	left   int64 // data bytes left of the current chunk
	line   int   // bytes of the current extension or trailer section
	colon  bool  // the current trailer line has its colon
	part   extPart
	name   int // bytes of its name
	word   [17]byte
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkExt
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	trailerStart
	trailerLine
	trailerLF
	trailerEndLF
	chunkDone
)

const (
	maxChunkLine = 4 << 10  // extensions of one chunk
	maxTrailer   = 16 << 10 // whole trailer section
)

// Reset prepares c for the next body; response tells whose fault an error is.
func (c *Chunked) Reset(response bool) { *c = Chunked{resp: response} }

// Done reports whether the whole body, trailer section included, has passed.
func (c *Chunked) Done() bool { return c.state == chunkDone }

// Scan goes over p and returns how many of its bytes belong to the body: all
// of them until the body is done. On an error the first n bytes are sound.
func (c *Chunked) Scan(p []byte) (n int, done bool, err *Error) {
	for n < len(p) && c.state != chunkDone {
		m, _, err := c.Next(p[n:])
		n += m
		if err != nil {
			return n, false, err
		}
	}
	return n, c.state == chunkDone, nil
}

// Next consumes n bytes of p: framing up to and including the first run of
// chunk data, which it returns as part of p. It consumes at least one byte of a
// non-empty p unless the body is done or an error is met.
func (c *Chunked) Next(p []byte) (n int, data []byte, err *Error) {
	for n < len(p) {
		if c.state == chunkData {
			m := int64(len(p) - n)
			if m > c.left {
				m = c.left
			}
			data = p[n : n+int(m)]
			if c.left -= m; c.left == 0 {
				c.state = chunkDataCR
			}
			return n + int(m), data, nil
		}
		if c.state == chunkDone {
			return n, nil, nil
		}
		if err := c.step(p[n]); err != nil {
			return n, nil, err
		}
		n++
	}
	return n, nil, nil
}

func (c *Chunked) step(b byte) *Error {
	switch c.state {
	case chunkSize:
		return c.size(b)
	case chunkExt:
		return c.ext(b)
	case chunkSizeLF:
		if b != '\n' {
			return faultChunkSize.of(c.resp)
		}
		c.digits, c.line = 0, 0
		if c.state = chunkData; c.left == 0 {
			c.state = trailerStart
		}
	case chunkDataCR:
		if b != '\r' {
			return faultChunkEnd.of(c.resp)
		}
		c.state = chunkDataLF
	case chunkDataLF:
		if b != '\n' {
			return faultChunkEnd.of(c.resp)
		}
		c.state = chunkSize
	default:
		return c.trailer(b)
	}
	return nil
}

func (c *Chunked) size(b byte) *Error {
	switch {
	case class[b]&isHex != 0:
		if c.digits == 15 { // 60 bits: cannot overflow
			return faultChunkSize.of(c.resp)
		}
		c.digits++
		c.left = c.left<<4 | int64(hexValue(b))
	case c.digits == 0:
		return faultChunkSize.of(c.resp)
	case b == '\r':
		c.state = chunkSizeLF
	case b == ';', b == ' ', b == '\t':
		// White space only before a semicolon (BWS): a size followed by spaces
		// alone is not in the grammar, and ext refuses it.
		if c.state, c.line, c.part = chunkExt, 1, extBefore; b == ';' {
			c.part = extName0
		}
	default:
		return faultChunkSize.of(c.resp)
	}
	return nil
}

// extPart is where in *( BWS ";" BWS name [ BWS "=" BWS value ] ) a chunk
// extension is.
type extPart uint8

const (
	extBefore extPart = iota // white space that a semicolon must follow
	extName0                 // the name begins
	extName
	extAfterName // white space after it
	extValue0    // the value begins
	extToken
	extQuoted
	extEscaped
	extAfterValue // white space after it, or the end of a quoted value
)

func (c *Chunked) ext(b byte) *Error {
	if c.line++; c.line > maxChunkLine || !c.extByte(b) {
		return faultChunkExt.of(c.resp)
	}
	return nil
}

// extByte moves on by one byte of an extension; what it means is nobody's
// business here, but where it ends is.
func (c *Chunked) extByte(b byte) bool {
	white, token := b == ' ' || b == '\t', class[b]&isToken != 0
	switch c.part {
	case extQuoted:
		switch b {
		case '"':
			c.part = extAfterValue
		case '\\':
			c.part = extEscaped
		}
		return class[b]&isValue != 0
	case extEscaped:
		c.part = extQuoted
		return class[b]&isValue != 0
	case extName0:
		if token {
			c.part = extName
		}
		return token || white
	case extValue0:
		switch {
		case token:
			c.part = extToken
		case b == '"':
			c.part = extQuoted
		}
		return token || white || b == '"'
	}
	switch {
	case b == ';':
		c.part = extName0
	case b == '\r' && c.part != extBefore:
		c.state = chunkSizeLF
	case white:
		switch c.part {
		case extName:
			c.part = extAfterName
		case extToken:
			c.part = extAfterValue
		}
	case b == '=' && (c.part == extName || c.part == extAfterName):
		c.part = extValue0
	default:
		return token && (c.part == extName || c.part == extToken)
	}
	return true
}

func (c *Chunked) trailer(b byte) *Error {
	if c.line++; c.line > maxTrailer {
		return faultTrailer.of(c.resp)
	}
	switch c.state {
	case trailerStart:
		if b == '\r' {
			c.state = trailerEndLF
			return nil
		}
		c.state, c.colon, c.name = trailerLine, false, 0
		return c.trailerByte(b)
	case trailerLine:
		if b == '\r' && c.colon {
			c.state = trailerLF
			return nil
		}
		return c.trailerByte(b)
	}
	if b != '\n' {
		return faultTrailer.of(c.resp)
	}
	if c.state == trailerEndLF {
		c.state = chunkDone
	} else {
		c.state = trailerStart
	}
	return nil
}

// trailerByte checks a trailer field like a header field, and that it does not
// pretend to be one that frames or routes the message (RFC 9110 section 6.5.1).
func (c *Chunked) trailerByte(b byte) *Error {
	switch {
	case c.colon:
		if class[b]&isValue == 0 {
			return faultTrailer.of(c.resp)
		}
	case b == ':' && c.name > 0:
		c.colon = true
		if c.pretends() {
			return faultTrailer.of(c.resp)
		}
	case class[b]&isToken == 0:
		return faultTrailer.of(c.resp)
	default:
		if c.name < len(c.word) {
			c.word[c.name] = b
		}
		c.name++
	}
	return nil
}

// pretends reports whether the trailer field named in c.word frames, routes or
// belongs to one connection, or tells the backend who the client is: backends
// exist that merge trailers into the header section, where the proxy would have
// replaced it.
func (c *Chunked) pretends() bool {
	id := identify(c.word[:min(c.name, len(c.word))])
	switch id {
	case nameForwarded, nameForwardedFor, nameForwardedHost, nameForwardedProto:
		return !c.resp // the family's longer names begin like these
	}
	if c.name > len(c.word) {
		return false
	}
	switch id {
	case nameContentLength, nameTransferEncoding, nameHost:
		return true
	case nameIdempotencyKey, nameExpect:
		return !c.resp
	}
	return id.hop()
}

func hexValue(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return b | 0x20 - 'a' + 10
}
