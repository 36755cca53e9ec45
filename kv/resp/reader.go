package resp

import (
	"bytes"
	"errors"
	"io"
)

// Reader turns a byte stream into Redis commands: RESP arrays of bulk strings
// and inline commands (Redis protocol specification, "Sending commands to a
// Redis server"). It remembers how far it has parsed, so that a command arriving
// in many small pieces is looked at once; its memory follows the bytes received
// and not the lengths a peer announces. It is not safe for concurrent use.
type Reader struct {
	src io.Reader
	lim Limits

	// buf[start:end] are the received bytes of the command being parsed and of
	// those after it. Everything before start belongs to commands handed out.
	buf   []byte
	start int
	pos   int // next byte to parse
	scan  int // bytes before it hold no line end
	end   int

	left  int    // bulk strings of the array still missing; 0 = before its header
	bulk  int    // announced size of the current bulk string; noBulk before its header
	spans []span // arguments found so far, as offsets from start

	args  [][]byte // arguments handed out since Release, command after command
	ready int      // arguments at the end of args that make the next command
	full  bool     // the last read filled buf: a busy pipeline
	held  bool     // args points into buf, which must not be moved
	err   error    // sticky
}

type span struct{ from, to int }

const (
	noBulk      = -1
	smallBuffer = 4 << 10  // what an idle connection keeps
	busyBuffer  = 16 << 10 // what one that fills its buffer grows to (Redis PROTO_IOBUF_LEN)
	largeBuffer = 64 << 10 // the most kept between passes; also the unconditional growth step
	keptArgs    = 4096     // argument slots kept between passes
)

// ErrTooLarge is returned for a command beyond Limits.MaxTotal. Redis closes
// such a connection without a reply (client-query-buffer-limit).
var ErrTooLarge = errors.New("resp: command exceeds the query buffer limit")

// NewReader returns a Reader on r. Fields of l that are zero take their defaults.
func NewReader(r io.Reader, l Limits) *Reader {
	return &Reader{src: r, lim: l.withDefaults(), bulk: noBulk}
}

// SetLimits replaces the limits for every header that has not been parsed yet.
func (r *Reader) SetLimits(l Limits) { r.lim = l.withDefaults() }

// ReadCommand blocks until one command is complete and returns its arguments, at
// least one. They stay valid until Release. Empty commands (*0, *-1, a blank
// line) are skipped. The error is a *ProtocolError with the text to reply before
// closing, ErrTooLarge, io.EOF between two commands, io.ErrUnexpectedEOF within
// one, or what the underlying reader returned. Protocol errors and ErrTooLarge
// are final; a read error such as a timeout is not, parsing goes on where it
// stopped.
func (r *Reader) ReadCommand() ([][]byte, error) {
	for !r.Buffered() {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	if r.ready == 0 {
		return nil, r.err
	}
	n := len(r.args)
	args := r.args[n-r.ready : n : n]
	r.ready = 0
	return args, nil
}

// Buffered reports whether ReadCommand would return without reading: a whole
// further command, or a protocol error, is already in memory.
func (r *Reader) Buffered() bool {
	if r.ready > 0 || r.err != nil {
		return true
	}
	done, err := r.parse()
	if err != nil {
		r.err = err
		return true
	}
	return done
}

// Release declares that the arguments handed out so far are no longer needed, so
// that their memory is used again. A command that Buffered has found stays.
func (r *Reader) Release() {
	if r.ready > 0 {
		// The next command is already cut out of buf: only older slots go.
		n := copy(r.args, r.args[len(r.args)-r.ready:])
		clear(r.args[n:])
		r.args = r.args[:n]
		return
	}
	r.held = false
	if cap(r.args) > keptArgs {
		r.args = nil
	} else {
		clear(r.args)
		r.args = r.args[:0]
	}
	if r.start == r.end {
		r.start, r.pos, r.scan, r.end = 0, 0, 0, 0
	}
	if len(r.buf) > largeBuffer && r.end-r.start <= smallBuffer {
		r.move(make([]byte, 2*smallBuffer))
	}
}

// fill reads once into buf, making room for it first.
func (r *Reader) fill() error {
	if r.end-r.start > r.lim.MaxTotal {
		r.err = ErrTooLarge
		return r.err
	}
	r.makeRoom()
	for range 100 {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		switch {
		case n > 0:
			r.full = r.end == len(r.buf)
			return nil // a lasting error comes back with the next Read
		case err == io.EOF && r.end > r.start:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom leaves free space behind end. It moves bytes only when at least as
// many have been consumed or received since the last move, so that the total
// work is linear in the bytes received.
func (r *Reader) makeRoom() {
	used := r.end - r.start
	if used == 0 && !r.held && len(r.buf) < busyBuffer && r.full {
		r.full = false
		r.move(make([]byte, busyBuffer))
	}
	if len(r.buf)-r.end > 0 {
		return
	}
	if !r.held && used <= len(r.buf)/2 && len(r.buf) > 0 {
		r.move(r.buf)
		return
	}
	size := max(2*used, smallBuffer)
	if need := r.pos - r.start + r.bulk + len(crlf); r.bulk != noBulk && need > size {
		// Jump to the announced size as far as that is cheap for us.
		size = max(size, min(need, largeBuffer))
	}
	r.move(make([]byte, size))
}

// move puts the unconsumed bytes at the front of dst, which becomes the buffer.
func (r *Reader) move(dst []byte) {
	copy(dst, r.buf[r.start:r.end])
	r.buf = dst
	r.pos -= r.start
	r.scan -= r.start
	r.end -= r.start
	r.start = 0
	r.held = false
}

// parse advances over buffered bytes until one command is complete (true) or the
// bytes run out (false).
func (r *Reader) parse() (bool, error) {
	for r.pos < r.end {
		if r.left > 0 {
			return r.parseBulks()
		}
		var done bool
		var err error
		if r.buf[r.pos] == '*' {
			done, err = r.parseArrayHead()
		} else {
			done, err = r.parseInline()
		}
		if err != nil || !done {
			return false, err
		}
		if r.ready > 0 {
			return true, nil
		}
	}
	return false, nil
}

// line returns the next line without its end and steps over it; ok is false when
// its end has not arrived. Only the bytes that are new are searched.
func (r *Reader) line(eol byte, tooLong *ProtocolError) (line []byte, ok bool, err error) {
	from := max(r.scan, r.pos)
	i := bytes.IndexByte(r.buf[from:r.end], eol)
	if i < 0 || (eol == '\r' && from+i+1 == r.end) {
		r.scan = r.end
		if i >= 0 {
			r.scan = from + i // the \n after this \r is still to come
		}
		if r.end-r.pos > r.lim.MaxInline {
			return nil, false, tooLong
		}
		return nil, false, nil
	}
	line = r.buf[r.pos : from+i]
	r.pos = from + i + 1
	if eol == '\r' {
		r.pos++ // like Redis, whatever byte it is
	}
	r.scan = r.pos
	return line, true, nil
}

func (r *Reader) parseArrayHead() (bool, error) {
	line, ok, err := r.line('\r', errBigCount)
	if !ok {
		return false, err
	}
	n, ok := parseInt(line[1:])
	switch {
	case !ok || n > max(defaultMaxArgs, int64(r.lim.MaxArgs)):
		return false, errMultibulkLength
	case n > int64(r.lim.MaxArgs):
		return false, r.lim.pick(errMultibulkLength, errUnauthMultibulk)
	case n <= 0:
		r.start = r.pos
		return true, nil
	}
	r.left, r.bulk = int(n), noBulk
	return true, nil
}

func (r *Reader) parseBulks() (bool, error) {
	for r.left > 0 {
		if r.bulk == noBulk {
			if ok, err := r.parseBulkHead(); !ok {
				return false, err
			}
		}
		if r.end-r.pos < r.bulk+len(crlf) {
			return false, nil
		}
		from := r.pos - r.start
		r.spans = append(r.spans, span{from, from + r.bulk})
		// Like Redis, the two bytes after the string are not looked at.
		r.pos += r.bulk + len(crlf)
		r.scan = r.pos
		r.bulk = noBulk
		r.left--
	}
	r.handOut()
	return true, nil
}

func (r *Reader) parseBulkHead() (bool, error) {
	if r.pos == r.end {
		return false, nil
	}
	line, ok, err := r.line('\r', errBigBulkCount)
	if !ok {
		return false, err
	}
	if len(line) == 0 || line[0] != '$' {
		got := byte('\r')
		if len(line) > 0 {
			got = line[0]
		}
		return false, errExpectedBulk(got)
	}
	n, ok := parseInt(line[1:])
	switch {
	case !ok || n < 0 || n > max(defaultMaxBulk, int64(r.lim.MaxBulk)):
		return false, errBulkLength
	case n > int64(r.lim.MaxBulk):
		return false, r.lim.pick(errBulkLength, errUnauthBulk)
	}
	r.bulk = int(n)
	return true, nil
}

func (r *Reader) parseInline() (bool, error) {
	if r.end-r.pos > 1 && r.buf[r.pos] == 0x16 && r.buf[r.pos+1] == 3 { // RFC 8446, section 5.1
		return false, ErrTLS
	}
	line, ok, err := r.line('\n', errBigInline)
	if !ok {
		return false, err
	}
	from := r.pos - 1 - len(line) - r.start
	if r.spans, err = splitInline(line, from, r.spans[:0]); err != nil {
		return false, err
	}
	r.handOut()
	return true, nil
}

// handOut turns the found spans into arguments of a ready command.
func (r *Reader) handOut() {
	for _, s := range r.spans {
		from, to := r.start+s.from, r.start+s.to
		r.args = append(r.args, r.buf[from:to:to])
	}
	r.ready = len(r.spans)
	r.held = r.held || r.ready > 0
	if cap(r.spans) > keptArgs {
		r.spans = nil
	} else {
		r.spans = r.spans[:0]
	}
	r.start = r.pos
}
