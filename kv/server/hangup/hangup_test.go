package hangup

import (
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both sides of a connection.
func pair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if far, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

func TestEndsAreNoticed(t *testing.T) {
	for name, end := range map[string]func(near, far net.Conn){
		"closed there": func(_, far net.Conn) { _ = far.Close() },
		"reset":        func(_, far net.Conn) { _, _ = far.(*net.TCPConn).SetLinger(0), far.Close() },
		"half closed":  func(_, far net.Conn) { _ = far.(*net.TCPConn).CloseWrite() },
		"closed here":  func(near, _ net.Conn) { _ = near.Close() },
	} {
		near, far := pair(t)
		gone := make(chan struct{})
		stop := Watch(near, func() bool { return false }, func() { close(gone) })
		end(near, far)
		select {
		case <-gone:
		case <-time.After(30 * time.Second):
			t.Errorf("%s: not noticed", name)
		}
		stop()
	}
}

func TestWhoStaysIsLeftAlone(t *testing.T) {
	near, far := pair(t)
	if over(near) {
		t.Error("an open connection has ended")
	}
	if _, err := far.Write([]byte("PING\r\n")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 6)
	if n, err := near.Read(b[:1]); n != 1 || err != nil {
		t.Fatal(err)
	}
	if over(near) {
		t.Error("one with input has ended")
	}
	if n, err := near.Read(b); n != 5 || err != nil {
		t.Errorf("looking took bytes away: %q, %v", b[:n], err)
	}
	pipe, other := net.Pipe()
	_ = other.Close()
	if over(pipe) {
		t.Error("nothing is known of what is no socket")
	}
	Watch(near, func() bool { return false }, func() { t.Error("gone") })()
	left := make(chan struct{})
	stop := Watch(near, func() bool { return true }, func() { close(left) })
	<-left
	stop()
}
