//go:build amd64 || arm64

package loop

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"go.uber.org/goleak"

	"pingd/proxy/wire"
)

func TestMain(m *testing.M) {
	// Loops count among Go's processors; see Config.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2)
	goleak.VerifyTestMain(m)
}

// TestIdleClientIsSmall: an idle connection costs its struct, a slot and a
// deadline, and must stay far below the kibibyte that is promised.
func TestIdleClientIsSmall(t *testing.T) {
	size := unsafe.Sizeof(client{}) + unsafe.Sizeof(slot{}) + unsafe.Sizeof(wire.Instant(0))
	if size > 256 {
		t.Errorf("%d bytes per idle client", size)
	}
}

func newTable(t *testing.T) *table {
	t.Helper()
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(ep) })
	return &table{ep: int32(ep), next: never}
}

func newPipe(t *testing.T) (r, w int32) {
	t.Helper()
	var p [2]int
	if err := syscall.Pipe2(p[:], syscall.O_NONBLOCK|syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	return int32(p[0]), int32(p[1])
}

// TestReusedDescriptor: an event that was asked for the socket which had the
// descriptor before must find nobody.
func TestReusedDescriptor(t *testing.T) {
	tab := newTable(t)
	a, aw := newPipe(t)
	defer closeFD(aw, false)
	first, second := new(client), new(client)
	tab.add(a, first, nil)
	if err := tab.interest(a, readable, false); err != nil {
		t.Fatal(err)
	}
	_, _ = syscall.Write(int(aw), []byte("x"))
	events := make([]event, 8)
	if n, errno := wait(tab.ep, events, 1000, true); n != 1 {
		t.Fatalf("%d events, %v", n, errno)
	}
	if s := tab.find(&events[0]); s == nil || s.client != first {
		t.Fatal("the event does not find its client")
	}
	// Within the same batch of events the socket is closed and another one gets
	// its descriptor.
	tab.forget(a)
	closeFD(a, false)
	if tab.find(&events[0]) != nil {
		t.Error("an event finds a closed socket")
	}
	r, w := newPipe(t)
	defer closeFD(w, false)
	defer closeFD(r, false)
	if r != a {
		t.Skipf("the kernel gave descriptor %d, not %d", r, a)
	}
	tab.add(r, second, nil)
	if tab.find(&events[0]) != nil {
		t.Error("the old event finds the new socket")
	}
	tab.gen = ^uint32(0)
	tab.add(r, second, nil)
	if tab.slots[r].gen == 0 {
		t.Error("generation 0 means nobody")
	}
}

func TestInterest(t *testing.T) {
	tab := newTable(t)
	r, w := newPipe(t)
	defer closeFD(r, false)
	tab.add(r, nil, nil)
	events := make([]event, 8)
	heard := func() int { n, _ := wait(tab.ep, events, 0, false); return n }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(tab.interest(r, readable, true))
	must(tab.interest(r, readable, true)) // nothing to do
	_, _ = syscall.Write(int(w), []byte("x"))
	for range 2 {
		if heard() != 1 {
			t.Error("not level-triggered")
		}
	}
	must(tab.interest(r, 0, false))
	if heard() != 0 {
		t.Error("heard without interest")
	}
	closeFD(w, false)
	if heard() != 1 || events[0].Events&broken == 0 {
		t.Error("the end of the peer goes unnoticed")
	}
	must(tab.interest(r, 0, true))
	must(tab.interest(r, 0, true))
	if heard() != 0 {
		t.Error("heard although unlisted")
	}
	must(tab.interest(r, readable, true))
	if heard() != 1 {
		t.Error("not listed again")
	}
}

func TestDeadlines(t *testing.T) {
	tab := newTable(t)
	for fd := range int32(5) {
		tab.add(fd, nil, nil)
	}
	tab.limit(1, 100)
	tab.limit(2, 50)
	tab.limit(3, 70)
	if tab.next != 50 {
		t.Errorf("next is %d", tab.next)
	}
	var got []int32
	expire := func(fd int32) {
		got = append(got, fd)
		if fd == 2 {
			tab.limit(4, 60) // set while sweeping
		}
	}
	tab.expired(70, expire)
	if len(got) != 3 || got[0] != 2 || got[1] != 3 || got[2] != 4 || tab.next != 100 {
		t.Errorf("expired %v, next %d", got, tab.next)
	}
	tab.limit(1, 0)
	tab.expired(1000, expire)
	if len(got) != 3 || tab.next != never {
		t.Errorf("expired %v, next %d", got, tab.next)
	}
	tab.limit(3, 10)
	tab.forget(3)
	if tab.expired(1000, expire); len(got) != 3 {
		t.Error("a forgotten descriptor expires")
	}
}

func TestQuiet(t *testing.T) {
	p, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(os.NewSyscallError("socketpair", err))
	}
	a, b := int32(p[0]), int32(p[1])
	defer closeFD(a, false)
	if !quiet(a) {
		t.Error("open and silent is not quiet")
	}
	if n, errno := write(b, []byte("a"), []byte("bc")); n != 3 || errno != 0 {
		t.Errorf("wrote %d, %v", n, errno)
	}
	if quiet(a) {
		t.Error("quiet with something to read")
	}
	buf := make([]byte, 8)
	if n, errno := read(a, buf); string(buf[:n]) != "abc" || errno != 0 {
		t.Errorf("read %q, %v", buf[:n], errno)
	}
	if n, errno := read(a, buf); n != 0 || errno != syscall.EAGAIN {
		t.Errorf("read %d, %v", n, errno)
	}
	closeFD(b, false)
	if quiet(a) {
		t.Error("quiet at the end")
	}
	if n, errno := read(a, buf); n != 0 || errno != 0 {
		t.Errorf("at the end: %d, %v", n, errno)
	}
	if _, errno := write(a, []byte("x"), nil); errno != syscall.EPIPE {
		t.Errorf("write to nobody: %v", errno)
	}
}
