//go:build !386 && !s390x

package wire

import (
	"io"
	"os"
	"syscall"
	"unsafe"
)

const rawCalls = true

// rawRead is called by the runtime's poller until it returns true. A raw
// system call does not give the processor away, which is right for one that
// cannot block.
func (c *Conn) rawRead(fd uintptr) bool {
	if c.in.lease != nil {
		c.in.buf = c.in.lease.Take()
	}
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd,
			uintptr(unsafe.Pointer(unsafe.SliceData(c.in.buf))), uintptr(len(c.in.buf)))
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			if c.in.lease != nil {
				c.in.buf = nil
				c.in.lease.Return()
			}
			return false
		case errno != 0:
			c.in.err = os.NewSyscallError("read", errno)
		case n == 0 && len(c.in.buf) > 0:
			c.in.err = io.EOF
		default:
			c.in.n = int(n)
		}
		return true
	}
}

func (c *Conn) rawWrite(fd uintptr) bool {
	for c.out.n < len(c.out.buf) {
		rest := c.out.buf[c.out.n:]
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, fd,
			uintptr(unsafe.Pointer(unsafe.SliceData(rest))), uintptr(len(rest)))
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			return false
		case errno != 0:
			c.out.err = os.NewSyscallError("write", errno)
			return true
		default:
			c.out.n += int(n)
		}
	}
	return true
}

// Quiet reports whether the connection is open and has nothing to read: what a
// kept connection to a backend must be before a request is put on it. No other
// goroutine may call it at the same time.
func (c *Conn) Quiet() bool {
	if c.raw == nil {
		return true
	}
	c.quiet = false
	err := c.raw.Control(c.peek)
	return err == nil && c.quiet
}

func (c *Conn) rawPeek(fd uintptr) {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&c.peeked[0])), 1,
		syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	c.quiet = errno == syscall.EAGAIN
}
