//go:build amd64 || arm64

package loop

import (
	"net/netip"
	"syscall"
	"time"
)

// listen makes the loop hear of new connections.
func (l *loop) listen() {
	if l.listening || l.retired {
		return
	}
	l.add(l.e.listener, nil, nil)
	l.limit(l.e.listener, 0)
	err := l.interest(l.e.listener, readable|exclusive, true)
	if err == syscall.EINVAL { // before Linux 4.5: all loops wake up
		err = l.interest(l.e.listener, readable, true)
	}
	if err == nil {
		l.listening = true
		return
	}
	l.limit(l.e.listener, l.env.Now.After(time.Second)) // the kernel is short of memory
}

// deafen stops listening. With a pause above 0 it is resumed after that.
func (l *loop) deafen(pause time.Duration) {
	if !l.listening {
		return
	}
	l.listening = false
	_ = l.interest(l.e.listener, 0, true)
	l.forget(l.e.listener)
	if pause > 0 {
		l.add(l.e.listener, nil, nil)
		l.limit(l.e.listener, l.env.Now.After(pause))
	}
}

// accept takes a new connection and deals it out. One at a time: epoll reports
// the next together with what clients have sent, and a second call would mostly
// find nobody.
func (l *loop) accept() { l.admitUpTo(1) }

func (l *loop) admitUpTo(n int) {
	gate := l.e.cfg.Exchange.Gate
	for range n {
		if !gate.TryEnter() {
			l.deafen(0) // Engine.room resumes
			return
		}
		fd, from, errno := accept(l.e.listener)
		switch errno {
		case 0:
			l.pause = 0
			gate.Accepted()
			l.deal(fd, from)
			continue
		case syscall.EAGAIN:
			gate.Cancel()
			return
		case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM:
			// The connection stays in the backlog and would be reported for ever.
			gate.Cancel()
			l.pause = min(max(2*l.pause, 5*time.Millisecond), time.Second)
			l.deafen(l.pause)
			l.e.notice(errno, l.pause)
			return
		}
		gate.Cancel() // a client gone before it was accepted
	}
}

// deal gives a client to the loop with the fewest, unless it is hardly worth the
// way: to another thread it costs two system calls and a wake-up.
func (l *loop) deal(fd int32, from netip.Addr) {
	to, own := l, l.clients.Load()
	fewest := own - own/8 - 1
	for _, other := range l.e.loops {
		if n := other.clients.Load(); n < fewest {
			to, fewest = other, n
		}
	}
	to.clients.Add(1)
	if to == l {
		l.admit(fd, from, nil)
		return
	}
	to.post(func(to *loop) { to.admit(fd, from, nil) })
}
