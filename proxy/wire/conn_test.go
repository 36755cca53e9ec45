package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both ends of a connection.
func pair(t *testing.T) (*Conn, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	return New(a), b.(*net.TCPConn)
}

func soon(d time.Duration) Instant { return Now().After(d) }

func TestReadWriteAndEnd(t *testing.T) {
	c, peer := pair(t)
	go func() { _, _ = io.Copy(peer, peer); _ = peer.CloseWrite() }()
	want := bytes.Repeat([]byte("0123456789"), 1<<17)
	go func() {
		if err := c.Write(want, time.Second); err != nil {
			t.Error(err)
		}
		_ = c.CloseWrite()
	}()
	var got []byte
	buf := make([]byte, 50_000)
	for {
		n, err := c.Read(buf, soon(5*time.Second))
		got = append(got, buf[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes", len(got), len(want))
	}
}

// TestLimits: a limit strikes in time, an earlier one that is still set does
// not, and a later read works after one that timed out.
func TestLimits(t *testing.T) {
	c, peer := pair(t)
	buf := make([]byte, 8)
	for _, d := range []time.Duration{300, 20, 60} {
		began := time.Now()
		_, err := c.Read(buf, soon(d*time.Millisecond))
		if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took < d*time.Millisecond {
			t.Errorf("%v after %v, want %v ms", err, took, int(d))
		}
	}
	if _, err := peer.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(buf, soon(time.Second)); n != 1 || err != nil {
		t.Error(n, err)
	}
}

func TestWriteStalls(t *testing.T) {
	c, _ := pair(t)
	began := time.Now()
	err := c.Write(make([]byte, 64<<20), 50*time.Millisecond)
	if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

func TestInterrupt(t *testing.T) {
	c, peer := pair(t)
	buf := make([]byte, 8)
	got := make(chan error)
	go func() { _, err := c.Read(buf, soon(time.Minute)); got <- err }()
	c.Interrupt()
	if err := <-got; err != ErrInterrupted {
		t.Error(err)
	}
	if _, err := c.Read(buf, soon(time.Minute)); err != ErrInterrupted {
		t.Error("not sticky:", err)
	}
	c.Resume()
	_, _ = peer.Write([]byte("ab"))
	if n, err := c.Read(buf, soon(time.Second)); n != 2 || err != nil {
		t.Error(n, err)
	}
}

type lease struct{ taken, returned int }

func (l *lease) Take() []byte { l.taken++; return make([]byte, 8) }
func (l *lease) Return()      { l.returned++ }

func TestLeaseHoldsNothingWhileWaiting(t *testing.T) {
	c, peer := pair(t)
	var l lease
	if _, err := c.ReadLeased(&l, soon(20*time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) || l.taken != l.returned {
		t.Error(err, l)
	}
	_, _ = peer.Write([]byte("abc"))
	if n, err := c.ReadLeased(&l, soon(time.Second)); n != 3 || err != nil || l.taken != l.returned+1 {
		t.Error(n, err, l)
	}
}

func TestQuiet(t *testing.T) {
	c, peer := pair(t)
	if !c.Quiet() {
		t.Error("an open connection is not quiet")
	}
	_, _ = peer.Write([]byte("x"))
	waitNot := func() {
		t.Helper()
		for deadline := time.Now().Add(2 * time.Second); c.Quiet(); {
			if time.Now().After(deadline) {
				t.Fatal("still quiet")
			}
		}
	}
	waitNot()
	buf := make([]byte, 8)
	_, _ = c.Read(buf, soon(time.Second))
	if !c.Quiet() {
		t.Error("not quiet after the read")
	}
	_ = peer.Close()
	waitNot()
}

func TestAbortIsAReset(t *testing.T) {
	c, peer := pair(t)
	c.Abort()
	if _, err := io.ReadAll(peer); err == nil {
		t.Error("looks like a proper end")
	}
}

func TestPlainConnection(t *testing.T) {
	a, b := net.Pipe()
	c := New(a)
	go func() { _, _ = b.Write([]byte("abc")); _, _ = io.ReadFull(b, make([]byte, 2)); _ = b.Close() }()
	var l lease
	// It waits with room for one byte; the rest is for the next Read.
	if n, err := c.ReadLeased(&l, soon(time.Second)); n != 1 || err != nil || !c.Quiet() {
		t.Error(n, err)
	}
	if n, err := c.Read(make([]byte, 10), soon(time.Second)); n != 2 || err != nil {
		t.Error(n, err)
	}
	if err := c.Write([]byte("xy"), time.Second); err != nil {
		t.Error(err)
	}
	_ = c.CloseWrite()
	c.Abort()
}
