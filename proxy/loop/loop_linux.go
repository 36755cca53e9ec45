//go:build amd64 || arm64

package loop

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"pingd/proxy/exchange"
	"pingd/proxy/flow"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

const (
	bodySize = 64 << 10 // one read
	headSize = 16 << 10 // one read of a client between requests
	batch    = 256      // events taken at once
	spares   = 256      // machines and client structs kept for reuse

	sweepEvery = 10 * time.Millisecond // at most this often
)

// loop serves its share of the clients on one thread. Its fields, but for the
// mailbox and clients, belong to that thread.
type loop struct {
	table
	e   *Engine
	env flow.Env
	buf []byte // what was read last

	pipe   pipe   // of the client that speaks TLS whose turn it is
	plain  []byte // what it said, in clear
	cipher []byte // memory for what it is told
	rec    exchange.Recorder

	listening bool
	retired   bool          // never to listen again
	pause     time.Duration // of the last shortage
	pickers   map[*upstream.Set]*upstream.Picker
	pools     map[*upstream.Server]*pool
	machines  []*flow.Machine
	structs   []*client
	stopping  bool
	swept     wire.Instant
	quiet     int // brief waits in a row that ended without an event

	clients atomic.Int64
	mail    mailbox
}

// mailbox holds what other goroutines ask a loop to do.
type mailbox struct {
	mu     sync.Mutex // held for a moment only, by whoever posts or empties
	todo   []func(*loop)
	closed bool
	asked  atomic.Bool // the eventfd has been written and not read
	fd     int32
}

func newLoop(e *Engine) (*loop, error) {
	l := &loop{
		e: e, buf: make([]byte, bodySize), pickers: map[*upstream.Set]*upstream.Picker{}, pools: map[*upstream.Server]*pool{},
		env: flow.Env{Config: &e.cfg.Exchange, Keys: exchange.NewKeys(), IDs: exchange.NewIDs(), Jitter: rand.Int64N},
	}
	l.rec = plain(e.cfg.Exchange.Record)
	if e.cfg.Recorder != nil {
		l.rec = e.cfg.Recorder()
	}
	l.next = never
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	l.ep = int32(ep)
	fd, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		_ = syscall.Close(ep)
		return nil, errno
	}
	l.mail.fd = int32(fd)
	l.add(l.mail.fd, nil, nil)
	if err := l.interest(l.mail.fd, readable, false); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// close frees the descriptors of a loop that has ended.
func (l *loop) close() {
	l.mail.mu.Lock()
	defer l.mail.mu.Unlock()
	if l.mail.closed {
		return
	}
	l.mail.closed = true
	closeFD(l.mail.fd, false)
	closeFD(l.ep, false)
}

// post has do called by the loop's thread, unless that has ended. It may be called by
// any goroutine.
func (l *loop) post(do func(*loop)) {
	l.mail.mu.Lock()
	defer l.mail.mu.Unlock()
	if l.mail.closed { // the descriptor is somebody else's now
		return
	}
	l.mail.todo = append(l.mail.todo, do)
	if !l.mail.asked.Swap(true) {
		one := uint64(1)
		syscall.RawSyscall(syscall.SYS_WRITE, uintptr(l.mail.fd), uintptr(unsafe.Pointer(&one)), 8)
	}
}

func (l *loop) emptyMailbox() {
	var n [8]byte
	syscall.RawSyscall(syscall.SYS_READ, uintptr(l.mail.fd), uintptr(unsafe.Pointer(&n[0])), 8)
	l.mail.asked.Store(false)
	l.mail.mu.Lock()
	todo := l.mail.todo
	l.mail.todo = nil
	l.mail.mu.Unlock()
	for _, do := range todo {
		l.env.Now = wire.Now()
		do(l)
	}
}

// run serves until stop has been posted and the last client is gone.
func (l *loop) run() {
	events := make([]event, batch)
	expire := l.expire // bound once
	for !l.stopping || l.clients.Load() > 0 {
		n := l.wait(events)
		for i := range events[:n] {
			l.env.Now = wire.Now()
			l.event(&events[i])
		}
		if n == 0 {
			l.env.Now = wire.Now()
		}
		if now := l.env.Now; now >= l.next && now >= l.swept.After(sweepEvery) {
			l.swept = now
			l.expired(now, expire)
		}
	}
	l.emptyMailbox() // slots handed over to those who are gone
	l.rec.Flush()
	for _, p := range l.pools {
		p.empty(l)
	}
}

const (
	// briefly is how many milliseconds a loop waits for events without telling Go's
	// scheduler. Telling it costs more than a request's parsing: the scheduler's
	// monitor takes the processor away from a thread that waits, gives it to another,
	// and sleeps in steps of 20 us as long as that goes on. A thread that it does need
	// in the meantime, to collect garbage, it interrupts by a signal.
	briefly = 8
	// calm is after how many such waits without an event it is told.
	calm = 8
)

// wait returns how many events there are, waiting until the next deadline if there
// are none. 0 is returned before that, too.
func (l *loop) wait(events []event) int {
	ms := l.patience()
	if uint(ms) <= briefly {
		n, _ := wait(l.ep, events, ms, false)
		return n
	}
	told := l.quiet >= calm
	if !told {
		ms = briefly
	}
	n, errno := wait(l.ep, events, ms, told)
	switch {
	case errno != 0:
	case n > 0:
		l.quiet = 0
	default:
		l.quiet++
		l.rec.Flush()
		// As if it had just begun to run: the monitor looks at how long that is.
		runtime.Gosched()
	}
	return n
}

// patience is how long to wait for events, in milliseconds.
func (l *loop) patience() int {
	if l.next == never {
		return -1
	}
	at := max(l.next, l.swept.After(sweepEvery))
	d := at.Sub(wire.Now())
	if d <= 0 {
		return 0
	}
	return int(min(d/time.Millisecond, 1<<30)) + 1
}

func (l *loop) event(ev *event) {
	s := l.find(ev)
	switch {
	case s == nil:
	case s.client != nil:
		s.client.event(ev.Events)
	case s.server != nil:
		s.server.event(ev.Events)
	case ev.Fd == l.mail.fd:
		l.emptyMailbox()
	default:
		l.accept()
	}
}

// expire acts on a deadline.
func (l *loop) expire(fd int32) {
	switch s := &l.slots[fd]; {
	case s.client != nil:
		s.client.expired()
	case s.server != nil:
		s.server.end(l) // kept for long enough
	case fd == l.e.listener:
		l.listen()
	}
}

func (l *loop) picker(set *upstream.Set) *upstream.Picker {
	p := l.pickers[set]
	if p == nil {
		p = set.NewPicker()
		l.pickers[set] = p
	}
	return p
}

func (l *loop) machine() *flow.Machine {
	if n := len(l.machines); n > 0 {
		m := l.machines[n-1]
		l.machines = l.machines[:n-1]
		return m
	}
	return new(flow.Machine)
}

func (l *loop) giveBack(m *flow.Machine) {
	if len(l.machines) < spares {
		m.Trim()
		l.machines = append(l.machines, m)
	}
}

// prune closes connections kept to servers that have left.
func (l *loop) prune() {
	for s, p := range l.pools {
		if s.Gone() {
			p.empty(l)
			delete(l.pools, s)
		}
	}
}
