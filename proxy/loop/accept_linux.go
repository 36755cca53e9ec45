//go:build amd64 || arm64

package loop

import (
	"net/netip"
	"syscall"
	"time"
)

// greedy is how many connections a loop accepts before it looks at its clients
// again.
const greedy = 64

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

// accept takes new connections and deals them to the loops with the fewest.
func (l *loop) accept() {
	gate := l.e.cfg.Exchange.Gate
	for range greedy {
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

func (l *loop) deal(fd int32, from netip.Addr) {
	to := l
	for _, other := range l.e.loops {
		if other.clients.Load() < to.clients.Load() {
			to = other
		}
	}
	to.clients.Add(1)
	if to == l {
		l.admit(fd, from)
		return
	}
	to.post(func(to *loop) { to.admit(fd, from) })
}
