package compress

import (
	"compress/gzip"
	"fmt"
	"sync"
	"sync/atomic"
)

// Compressor compresses responses. Make it with New; safe for concurrent use.
type Compressor struct {
	o    Options
	free sync.Pool
	busy atomic.Int64
	sums sums
}

type sums struct{ responses, in, out, passed atomic.Int64 }

// Stats are sums over all responses.
type Stats struct {
	Responses int64 // compressed
	In, Out   int64 // bytes of their bodies before and after
	Passed    int64 // passed as they are since as many as allowed were at work
	Busy      int64 // being compressed now
}

// New returns a Compressor.
func New(o Options) (*Compressor, error) {
	c := &Compressor{o: o.withDefaults()}
	if _, err := gzip.NewWriterLevel(nil, c.o.Level); err != nil {
		return nil, fmt.Errorf("compress at level %d: %w", c.o.Level, err)
	}
	return c, nil
}

// Stats returns the current sums.
func (c *Compressor) Stats() Stats {
	s := &c.sums
	return Stats{s.responses.Load(), s.in.Load(), s.out.Load(), s.passed.Load(), c.busy.Load()}
}

// Writer compresses one body. What it made is taken with Take; it is to be released.
// Not safe for concurrent use.
type Writer struct {
	c   *Compressor
	z   *gzip.Writer
	out output
	in  int64
}

type output []byte

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	*o = append(*o, p...)
	return len(p), nil
}

// Writer returns one, or nil when as many as allowed are at work.
func (c *Compressor) Writer() *Writer {
	if c.busy.Add(1) > int64(c.o.Streams) {
		c.busy.Add(-1)
		c.sums.passed.Add(1)
		return nil
	}
	w, ok := c.free.Get().(*Writer)
	if !ok {
		w = &Writer{c: c}
		w.z, _ = gzip.NewWriterLevel(&w.out, c.o.Level) // the level is one: New has tried it
	}
	return w
}

// Write compresses p, a part of the body.
func (w *Writer) Write(p []byte) {
	w.in += int64(len(p))
	_, _ = w.z.Write(p) // an output takes everything
}

// Flush has Take return all that was written so far.
func (w *Writer) Flush() { _ = w.z.Flush() }

// Close ends the body: only then what Take returned makes a whole.
func (w *Writer) Close() { _ = w.z.Close() }

// Size is how much there is to be taken.
func (w *Writer) Size() int { return len(w.out) }

// Take returns what is ready, valid until the next call of another method.
func (w *Writer) Take() []byte {
	p := w.out
	w.out = w.out[:0]
	w.c.sums.out.Add(int64(len(p)))
	return p
}

// Release gives the Writer back, wherever in the body it is.
func (w *Writer) Release() {
	c := w.c
	c.sums.responses.Add(1)
	c.sums.in.Add(w.in)
	w.in, w.out = 0, w.out[:0]
	w.z.Reset(&w.out)
	c.free.Put(w)
	c.busy.Add(-1)
}
