package wire

import (
	"net"
	"os"
	"testing"
	"time"
)

// once is a connection like one of TLS: a write that runs into its deadline is its last.
type once struct {
	net.Conn
	deadline time.Time
	written  []time.Time // the deadlines of the writes
	most     int         // bytes of one write
	late     bool        // the next write runs into its deadline, behind its first byte
}

func (o *once) SetWriteDeadline(t time.Time) error { o.deadline = t; return nil }

func (o *once) Write(p []byte) (int, error) {
	o.written, o.most = append(o.written, o.deadline), max(o.most, len(p))
	if o.late {
		n := 1
		if len(o.written) > 1 {
			n = 0
		}
		return n, os.ErrDeadlineExceeded
	}
	return len(p), nil
}

// TestDeadlineOfEachWrite: a TLS connection cannot go on after a write that ran into its
// deadline. So every write, and every part of a large one, has a deadline of its own: a
// client that is read slowly for longer than the stall time is not cut off.
func TestDeadlineOfEachWrite(t *testing.T) {
	o := &once{}
	c := New(o)
	const stall = time.Hour
	for _, size := range []int{1, 1, 100 << 10} {
		began, before := time.Now(), len(o.written)
		if err := c.Write(make([]byte, size), stall); err != nil {
			t.Fatal(err)
		}
		for i, d := range o.written[before:] {
			if d.Before(began.Add(stall)) {
				t.Errorf("%d bytes: write %d has %v left of %v", size, i, d.Sub(began), stall)
			}
		}
	}
	if len(o.written) < 5 || o.most > piece {
		t.Errorf("%d writes of up to %d bytes: a slow client has too little time", len(o.written), o.most)
	}
}

// TestNoWriteAfterTheLast: what will never succeed is not tried until time is up.
func TestNoWriteAfterTheLast(t *testing.T) {
	o := &once{late: true}
	if err := New(o).Write(make([]byte, 100), time.Hour); err == nil || len(o.written) != 2 {
		t.Errorf("%v after %d writes", err, len(o.written))
	}
}
