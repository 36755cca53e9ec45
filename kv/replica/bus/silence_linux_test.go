package bus

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// patience returns for how long the kernel lets c's peer not take what was sent.
func patience(t *testing.T, c net.Conn) (ms int) {
	t.Helper()
	raw, err := below(c).(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		ms, failed = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return ms
}

// Three hosts of a network of namespaces, and a rule that dropped what the follower's
// existing connections sent to the leader: the follower served again after 5.5 s, and
// after 14.9 s without this.
func TestNoConnectionWaitsForLongForAPeerThatTakesNothing(t *testing.T) {
	a, _ := start(t, Identity{Name: "a"}, "secret")
	b, addr := start(t, Identity{Name: "b"}, "secret")
	c, _, err := a.Dial(bounded(t), addr, Control)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := patience(t, c.(*tracked).Conn); got != 5000 {
		t.Errorf("the dialer's end: %d ms", got)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for taken := range b.conns {
		if got := patience(t, taken); got != 5000 {
			t.Errorf("the listener's end: %d ms", got)
		}
	}
	if len(b.conns) != 1 {
		t.Errorf("%d connections", len(b.conns))
	}
}
