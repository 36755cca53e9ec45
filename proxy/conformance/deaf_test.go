package conformance

import (
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// silent is a server that accepts connections until it is filled, and then
// neither accepts nor refuses any.
type silent struct {
	t     *testing.T
	addr  string
	full  atomic.Bool
	ended chan struct{} // closed when it accepts no more
	held  []net.Conn
}

// deaf starts one on a loopback host of its own, with the shortest backlog.
func deaf(t *testing.T) *silent {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "listener")
	defer f.Close()
	n := rand.Uint32()
	host := [4]byte{127, byte(1 + n%254), byte(n >> 8), byte(1 + n>>16%254)}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: host}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	ln, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	s := &silent{t: t, addr: ln.Addr().String(), ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		for !s.full.Load() {
			_ = ln.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Millisecond))
			if c, err := ln.Accept(); err == nil {
				_ = c.Close()
			}
		}
	}()
	t.Cleanup(func() {
		s.full.Store(true)
		<-s.ended
		_ = ln.Close()
		for _, c := range s.held {
			_ = c.Close()
		}
	})
	return s
}

// fill stops accepting and connects until a connection waits.
func (s *silent) fill() {
	s.t.Helper()
	s.full.Store(true)
	<-s.ended
	until(s.t, "the backlog to be full", func() bool {
		c, err := net.DialTimeout("tcp", s.addr, time.Second)
		if err != nil {
			return true
		}
		s.held = append(s.held, c)
		return len(s.held) > 50
	})
	if len(s.held) > 50 {
		s.t.Skipf("the backlog of %s does not end", s.addr)
	}
}
