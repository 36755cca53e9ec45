// Package past remembers what a process said of itself: its status, a second each,
// for an hour. A monitor that was not there, or could not reach the process, learns
// from it what it missed.
//
// Each second is a line, "<unix seconds> <JSON>", and a minute of lines is one
// compressed block: successive statuses are so alike that a second takes a few
// hundred bytes.
package past

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
)

const (
	blockSpan = 60 // seconds a block
	blocks    = 61 // an hour, and the running minute
	maxBytes  = 8 << 20
	// large is the size from which a status is not remembered each second: memory
	// is bounded, and half an hour is better than a minute.
	large = 64 << 10
)

// Keeper remembers. Create it with New. Safe for concurrent use.
type Keeper struct {
	status func() ([]byte, error)

	mu     sync.Mutex
	done   []block // oldest first
	bytes  int     // of done
	open   block
	buf    bytes.Buffer
	flater *flate.Writer
}

// block holds the lines of the seconds from..to.
type block struct {
	from, to int64
	packed   []byte
}

// New makes a keeper of what status returns, one line of JSON.
func New(status func() ([]byte, error)) *Keeper { return &Keeper{status: status} }

// Run remembers each whole second until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		now := time.Now()
		next := now.Truncate(time.Second).Add(time.Second)
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if b, err := k.status(); err == nil {
			k.Take(next.Unix(), b)
		}
	}
}

// Take remembers the status of unix second t, which is after that of the call before.
func (k *Keeper) Take(t int64, status []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open.to >= t && k.open.from != 0 || len(status) > large && t%10 != 0 {
		return
	}
	if k.open.from != 0 && t/blockSpan != k.open.from/blockSpan {
		k.seal()
	}
	if k.open.from == 0 {
		k.open.from = t
		k.buf.Reset()
		if k.flater == nil {
			k.flater, _ = flate.NewWriter(&k.buf, 3) // only a wrong level fails
		} else {
			k.flater.Reset(&k.buf)
		}
	}
	k.open.to = t
	line := append(strconv.AppendInt(nil, t, 10), ' ')
	line = append(append(line, bytes.ReplaceAll(status, []byte("\n"), nil)...), '\n')
	_, _ = k.flater.Write(line) // a bytes.Buffer takes everything
}

// seal ends the open block, and drops what is too old or too much.
func (k *Keeper) seal() {
	_ = k.flater.Close()
	k.open.packed = bytes.Clone(k.buf.Bytes())
	k.done = append(k.done, k.open)
	k.bytes += len(k.open.packed)
	k.open = block{}
	for len(k.done) > blocks || k.bytes > maxBytes {
		k.bytes -= len(k.done[0].packed)
		k.done = append(k.done[:0], k.done[1:]...)
	}
}

// Write writes the lines of the seconds from..to, oldest first.
func (k *Keeper) Write(w io.Writer, from, to int64) error {
	for _, b := range k.blocks(from, to) {
		lines := bufio.NewReaderSize(flate.NewReader(bytes.NewReader(b.packed)), 64<<10)
		for {
			line, err := lines.ReadSlice('\n')
			whole := line
			for err == bufio.ErrBufferFull { // longer than the buffer
				whole = bytes.Clone(whole)
				line, err = lines.ReadSlice('\n')
				whole = append(whole, line...)
			}
			if err != nil {
				break // the open block has no end yet
			}
			number, _, _ := bytes.Cut(whole, []byte{' '})
			t, err := strconv.ParseInt(string(number), 10, 64)
			if err != nil || t < from || t > to {
				continue
			}
			if _, err := w.Write(whole); err != nil {
				return fmt.Errorf("write the past: %w", err)
			}
		}
	}
	return nil
}

// blocks are those that hold any of the seconds from..to, the open one included.
func (k *Keeper) blocks(from, to int64) []block {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []block
	for _, b := range k.done {
		if b.to >= from && b.from <= to {
			out = append(out, b)
		}
	}
	if b := k.open; b.from != 0 && b.to >= from && b.from <= to {
		_ = k.flater.Flush() // a bytes.Buffer takes everything
		b.packed = bytes.Clone(k.buf.Bytes())
		out = append(out, b)
	}
	return out
}

// Size is about how many bytes are remembered.
func (k *Keeper) Size() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.bytes + k.buf.Len()
}
