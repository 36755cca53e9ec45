package wire

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

var tunnelBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// Tunnel passes bytes both ways between a and b, until both sides have ended, one
// fails, both are silent for too long, or one does not take for stall what the other
// sent. A side that ends first is told to the other, which may still speak. It returns
// how much came from a and from b.
func Tunnel(a, b *Conn, silence, stall time.Duration) (fromA, fromB int64) {
	var last atomic.Int64
	last.Store(int64(Now()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		fromA = oneWay(b, a, &last, silence, stall)
	}()
	fromB = oneWay(a, b, &last, silence, stall)
	<-done
	return fromA, fromB
}

// oneWay copies from src to dst and returns how much.
func oneWay(dst, src *Conn, last *atomic.Int64, silence, stall time.Duration) (n int64) {
	buf := tunnelBuffers.Get().(*[32 << 10]byte)
	defer tunnelBuffers.Put(buf)
	for {
		m, err := src.Read(buf[:], Instant(last.Load()).After(silence))
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) && Instant(last.Load()).After(silence) > Now() {
				continue // the other direction was alive
			}
			if errors.Is(err, io.EOF) {
				_ = dst.CloseWrite()
				return n
			}
			break
		}
		last.Store(int64(Now()))
		n += int64(m)
		if dst.Write(buf[:m], stall) != nil {
			break
		}
	}
	dst.Abort() // nobody is to take what came so far for all there is
	src.Abort()
	return n
}
