//go:build amd64 || arm64

package loop

import (
	"net/netip"
	"syscall"
	"unsafe"
)

// The system calls of a loop are raw: on descriptors that do not block they
// return at once, and telling Go's scheduler about each of them costs more than
// the parser does. Only the wait for events that finds none is told.

const (
	readable  = syscall.EPOLLIN
	writable  = syscall.EPOLLOUT
	broken    = syscall.EPOLLERR | syscall.EPOLLHUP
	exclusive = 1 << 28 // EPOLLEXCLUSIVE: wake one loop, not all
)

// event is one report; data holds descriptor and generation.
type event = syscall.EpollEvent

// wait returns how many events there are, waiting for ms milliseconds (-1: for
// ever) if there are none. told tells Go's scheduler about the wait, which a long
// one demands: until then it keeps one of Go's processors.
func wait(ep int32, events []event, ms int, told bool) (int, syscall.Errno) {
	call := syscall.RawSyscall6
	if told {
		call = syscall.Syscall6
	}
	n, _, errno := call(syscall.SYS_EPOLL_PWAIT, uintptr(ep), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(ms), 0, 0)
	if errno != 0 { // EINTR
		return 0, errno
	}
	return int(n), 0
}

func control(ep int32, op int, fd int32, gen, mask uint32) error {
	ev := event{Events: mask, Fd: fd, Pad: int32(gen)}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, uintptr(ep), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// read returns (0, 0) at the end of what the peer sends.
func read(fd int32, p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return 0, errno
		}
		return int(n), 0
	}
}

// write writes a and then b as far as the socket takes them.
func write(fd int32, a, b []byte) (n int, errno syscall.Errno) {
	if len(a) == 0 {
		a, b = b, nil
	}
	for {
		var r uintptr
		if len(b) == 0 {
			r, _, errno = syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(a))), uintptr(len(a)), syscall.MSG_NOSIGNAL, 0, 0)
		} else {
			v := [2]syscall.Iovec{{Base: &a[0], Len: uint64(len(a))}, {Base: &b[0], Len: uint64(len(b))}}
			r, _, errno = syscall.RawSyscall(syscall.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&v[0])), 2)
		}
		switch errno {
		case 0:
			return int(r), 0
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return 0, 0
		}
		return 0, errno
	}
}

// quiet reports whether fd is open and has nothing to read.
func quiet(fd int32) bool {
	var b [1]byte
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), 1, syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	return errno == syscall.EAGAIN
}

// accept takes a connection from a listener that does not block.
func accept(fd int32) (conn int32, from netip.Addr, errno syscall.Errno) {
	var sa syscall.RawSockaddrAny
	size := uint32(unsafe.Sizeof(sa))
	r, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)),
		syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, netip.Addr{}, errno
	}
	switch sa.Addr.Family {
	case syscall.AF_INET:
		from = netip.AddrFrom4((*syscall.RawSockaddrInet4)(unsafe.Pointer(&sa)).Addr)
	case syscall.AF_INET6:
		from = netip.AddrFrom16((*syscall.RawSockaddrInet6)(unsafe.Pointer(&sa)).Addr).Unmap()
	}
	return int32(r), from, 0
}

// connect begins a connection to addr without waiting for it. What becomes of
// it, failure included, is told by epoll, unless the process itself cannot.
func connect(addr netip.AddrPort) (fd int32, err error) {
	family, sa := syscall.AF_INET, syscall.Sockaddr(nil)
	if ip := addr.Addr(); ip.Is4() {
		sa = &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: ip.As4()}
	} else {
		family = syscall.AF_INET6
		sa = &syscall.SockaddrInet6{Port: int(addr.Port()), Addr: ip.As16()}
	}
	s, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, errLocal
	}
	_ = syscall.SetsockoptInt(s, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	switch err := syscall.Connect(s, sa); err {
	case nil, syscall.EINPROGRESS, syscall.EINTR:
		return int32(s), nil
	case syscall.EADDRNOTAVAIL, syscall.EAGAIN, syscall.ENOBUFS: // no local port
		_ = syscall.Close(s)
		return -1, errLocal
	default:
		_ = syscall.Close(s)
		return -1, err
	}
}

// fault returns the pending error of a socket.
func fault(fd int32) error {
	n, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err == nil && n != 0 {
		err = syscall.Errno(n)
	}
	return err
}

func closeFD(fd int32, reset bool) {
	if reset {
		_ = syscall.SetsockoptLinger(int(fd), syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	}
	syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0)
}

func halfClose(fd int32) {
	syscall.RawSyscall(syscall.SYS_SHUTDOWN, uintptr(fd), syscall.SHUT_WR, 0)
}
