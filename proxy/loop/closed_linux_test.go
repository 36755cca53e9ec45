//go:build amd64 || arm64

package loop

import (
	"context"
	"net"
	"syscall"
	"testing"

	"pingd/proxy/exchange"
	"pingd/proxy/upstream"
)

// TestNothingIsWrittenAfterTheEnd: changes of the members, and room in the gate, come
// also after the loops have ended, when the numbers of their descriptors may be those of
// a client's connection or of a file.
func TestNothingIsWrittenAfterTheEnd(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	set := upstream.NewSet(upstream.Config{})
	gate := exchange.NewGate(1)
	e, err := New(Config{Loops: 1, Sets: []*upstream.Set{set}, Exchange: exchange.Config{Router: exchange.To(set), Gate: gate}}, ln)
	if err != nil {
		t.Fatal(err)
	}
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_NONBLOCK|syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(pipe[0])
	defer syscall.Close(pipe[1])
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := e.Serve(ctx); err != nil {
		t.Fatal(err)
	}
	reused := int(e.loops[0].mail.fd)
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(reused), syscall.F_GETFD, 0); errno != syscall.EBADF {
		t.Skip("something else has the number already")
	}
	if err := syscall.Dup3(pipe[1], reused, syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(reused)
	set.Update(nil)
	gate.TryEnter()
	gate.TryEnter() // finds it full
	gate.Cancel()
	if n, err := syscall.Read(pipe[0], make([]byte, 64)); n > 0 || err != syscall.EAGAIN {
		t.Errorf("%d bytes were written to somebody else's descriptor (%v)", n, err)
	}
}
