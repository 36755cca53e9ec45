// Package hangup notices that a client has gone while nobody reads what it sends.
package hangup

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// Every is how often is looked.
const Every = 500 * time.Millisecond

// Watch looks at a connection, the one below TLS, until it has ended or leaving
// reports true, and then calls gone; or until stop is called, which waits for it.
// Input that nobody reads hides the end behind it.
func Watch(nc net.Conn, leaving func() bool, gone func()) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(Every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if leaving() || over(nc) {
				gone()
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// over reports whether a connection is closed, or its other side has ended it.
func over(nc net.Conn) bool {
	s, ok := nc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return true
	}
	ended := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		ended = n == 0 && err == nil || err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
	})
	return ended || err != nil
}
