package resp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// A streamed string of RESP3 is a string whose length nobody knows beforehand:
//
//	$?  ;<n> n bytes  ;<n> n bytes  ...  ;0
//
// each of these followed by \r\n.

const (
	streamChunk    = 64 << 10 // bytes that StreamWriter gathers for one chunk
	streamMaxChunk = 16 << 20 // bytes of a chunk that StreamReader takes
)

// StreamWriter sends what is written to it as a streamed string, a chunk at a time.
// Not safe for concurrent use.
type StreamWriter struct {
	send func([]byte) error
	buf  []byte
	n    int64
	out  []byte
}

// NewStreamWriter returns one that hands each piece to send.
func NewStreamWriter(send func([]byte) error) *StreamWriter {
	return &StreamWriter{send: send, out: []byte("$?" + crlf)}
}

// Write takes p, and sends what was gathered once that makes a chunk.
func (w *StreamWriter) Write(p []byte) (int, error) {
	w.buf = append(w.buf, p...)
	if len(w.buf) < streamChunk {
		return len(p), nil
	}
	return len(p), w.flush()
}

func (w *StreamWriter) flush() error {
	if len(w.buf) > 0 {
		w.out = strconv.AppendInt(append(w.out, ';'), int64(len(w.buf)), 10)
		w.out = append(append(append(w.out, crlf...), w.buf...), crlf...)
	}
	w.n += int64(len(w.buf))
	w.buf = w.buf[:0]
	err := w.send(w.out)
	w.out = w.out[:0]
	return err
}

// Close sends the rest and the end. Without it the other side knows that the string
// is not whole.
func (w *StreamWriter) Close() error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.send([]byte(";0" + crlf))
}

// Bytes returns how many bytes of content were handed to send.
func (w *StreamWriter) Bytes() int64 { return w.n }

// StreamReader reads the content of a streamed string. It ends with io.EOF after
// the string's end, and with io.ErrUnexpectedEOF if the input ends before.
type StreamReader struct {
	r    *bufio.Reader
	left int  // of the present chunk
	open bool // the present chunk's line end is still to come
	done bool
}

// NewStreamReader reads the head of the reply in r: the start of a streamed string,
// or an error reply, which is returned as a ReplyError.
func NewStreamReader(r *bufio.Reader) (*StreamReader, error) {
	line, err := readLine(r)
	switch {
	case err != nil:
		return nil, err
	case line == "$?":
		return &StreamReader{r: r}, nil
	case len(line) > 0 && line[0] == '-':
		return nil, ReplyError(line[1:])
	}
	return nil, fmt.Errorf("read streamed string: it begins with %.40q", line)
}

// ReplyError is the text of an error reply.
type ReplyError string

// Error returns the text.
func (e ReplyError) Error() string { return string(e) }

// ReadLine reads one reply that is a line: a status, or an error reply, which is
// returned as a ReplyError.
func ReadLine(r *bufio.Reader) (string, error) {
	line, err := readLine(r)
	if err == nil && len(line) > 0 && line[0] == '-' {
		err = ReplyError(line[1:])
	}
	return line, err
}

// readLine reads a line without its end.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return "", err // bufio.ErrBufferFull: no line of this protocol
	}
	if len(line) < 2 || line[len(line)-2] != '\r' {
		return "", fmt.Errorf("read reply: line %.40q has no end", line)
	}
	return string(line[:len(line)-2]), nil
}

// Read returns content.
func (s *StreamReader) Read(p []byte) (int, error) {
	for s.left == 0 {
		if s.done {
			return 0, io.EOF
		}
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n, err := s.r.Read(p[:min(len(p), s.left)])
	s.left -= n
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next reads the head of the next chunk.
func (s *StreamReader) next() error {
	if s.open {
		if line, err := readLine(s.r); err != nil || line != "" {
			return errors.Join(errBadChunk, err)
		}
		s.open = false
	}
	line, err := readLine(s.r)
	if err != nil {
		return err
	}
	if len(line) < 2 || line[0] != ';' {
		return errBadChunk
	}
	n, ok := parseInt([]byte(line[1:]))
	if !ok || n < 0 || n > streamMaxChunk {
		return errBadChunk
	}
	s.left, s.open, s.done = int(n), n > 0, n == 0
	return nil
}

var errBadChunk = errors.New("read streamed string: malformed chunk")
