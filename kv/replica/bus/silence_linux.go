package bus

import (
	"net"

	"golang.org/x/sys/unix"
)

// bound makes a connection fail when what was sent is not taken for as long as
// silence: the other end's address may lead nowhere any more (its container moved, a
// firewall forgot the connection), and the kernel alone would go on for 15 minutes.
// It does its best: a connection that is none of TCP stays as it is.
func bound(c net.Conn) {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
	})
}
