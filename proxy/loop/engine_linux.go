//go:build amd64 || arm64

package loop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/proxyproto"
)

// Supported tells whether this system has loops.
const Supported = true

// Engine serves clients with loops. Make it with New; Serve may be called once.
type Engine struct {
	cfg      Config
	loops    []*loop
	listener int32
	idleTime time.Duration
	most     int32 // descriptors from here on are not for us
	notices  chan shortage
	adopting sync.WaitGroup // connections on their way to Adopt

	admitting sync.RWMutex
	leaving   bool // Admit takes no more
}

// shortage is why nobody can be accepted for a while.
type shortage struct {
	err   error
	pause time.Duration
}

// errListener is returned for a listener that is not plain TCP.
var errListener = errors.New("not a TCP listener")

// New takes over ln, which it closes in favour of a descriptor of its own: Go's
// poller would wake up for every connection beside the loops. Its port stays
// bound. An Engine that never serves must be closed.
func New(cfg Config, ln net.Listener) (*Engine, error) {
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("listen with loops: %w", errListener)
	}
	e := &Engine{cfg: cfg, idleTime: defaultIdle, most: int32(max(descriptors()-reserve, reserve)), notices: make(chan shortage, 1)}
	e.cfg.Exchange = e.cfg.Exchange.WithDefaults()
	var err error
	if e.listener, err = duplicate(tcp); err != nil {
		return nil, fmt.Errorf("listen with loops: duplicate the listener: %w", err)
	}
	// Accepted sockets inherit it.
	_ = syscall.SetsockoptInt(int(e.listener), syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	for range cfg.Loops {
		l, err := newLoop(e)
		if err != nil {
			e.Close()
			return nil, fmt.Errorf("make a loop: %w", err)
		}
		e.loops = append(e.loops, l)
	}
	_ = ln.Close()
	e.cfg.Exchange.Gate.Notify(func() { e.each((*loop).listen) })
	for _, s := range cfg.Sets {
		s.Watch(func() { e.each((*loop).prune) })
	}
	return e, nil
}

// Close frees an Engine that never serves.
func (e *Engine) Close() {
	for _, l := range e.loops {
		l.close()
	}
	closeFD(e.listener, false)
}

// each has do called by every loop.
func (e *Engine) each(do func(*loop)) {
	for _, l := range e.loops {
		l.post(do)
	}
}

// Serve serves until ctx ends, which closes the listener, lets requests in flight
// and those that idle clients send within the parting time finish for the grace time
// with Connection: close, and then cuts what is left. It returns when the last loop has ended.
func (e *Engine) Serve(ctx context.Context) error {
	ended := make(chan struct{})
	var wg sync.WaitGroup
	e.each((*loop).listen)
	for _, l := range e.loops {
		wg.Go(l.run)
	}
	go func() { wg.Wait(); close(ended) }()
	e.watch(ctx)
	e.stop()
	e.part()
	e.admitting.Lock()
	e.leaving = true
	e.admitting.Unlock()
	e.each((*loop).stop)
	grace := time.NewTimer(e.cfg.Exchange.Timeouts.Grace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		e.each((*loop).cut)
		<-ended
	}
	e.adopting.Wait()
	for _, l := range e.loops {
		l.close()
	}
	return nil
}

// everybody is more than a backlog holds.
const everybody = 1 << 16

// stop closes the listener once no loop listens any more. Loops end only after
// that: until then they deal clients to one another.
func (e *Engine) stop() {
	var listening sync.WaitGroup
	listening.Add(len(e.loops))
	e.each(func(l *loop) {
		if l.listening { // those who knocked before are still let in
			l.admitUpTo(everybody)
		}
		l.deafen(0)
		l.retired, l.env.Stopping = true, true
		listening.Done()
	})
	listening.Wait()
	closeFD(e.listener, false)
}

// part lets clients that are idle send one more request, for as long as there are
// clients and the parting time is not over.
func (e *Engine) part() {
	over := time.NewTimer(exchange.Parting)
	defer over.Stop()
	look := time.NewTicker(exchange.Parting / 50)
	defer look.Stop()
	for {
		clients := int64(0)
		for _, l := range e.loops {
			clients += l.clients.Load()
		}
		if clients == 0 {
			return
		}
		select {
		case <-look.C:
		case <-over.C:
			return
		}
	}
}

// watch waits for the end of ctx and reports shortages.
func (e *Engine) watch(ctx context.Context) {
	for {
		select {
		case s := <-e.notices:
			e.cfg.Exchange.Logger.Warn("accept client", "err", s.err, "retry_in", s.pause)
		case <-ctx.Done():
			return
		}
	}
}

// notice has a shortage reported, if there is nothing to report yet.
func (e *Engine) notice(err error, pause time.Duration) {
	select {
	case e.notices <- shortage{os.NewSyscallError("accept", err), pause}:
	default:
	}
}

// adopt gives a connection to the engine that takes everything, beside the loop:
// it is made known to Go's poller, which takes a few system calls.
func (e *Engine) adopt(fd int32, early []byte, from *announced) {
	e.adopting.Go(func() {
		f := os.NewFile(uintptr(fd), "client")
		conn, err := net.FileConn(f)
		_ = f.Close()
		if err != nil {
			e.cfg.Exchange.Logger.Warn("hand over a client", "err", err)
			e.cfg.Exchange.Gate.Leave()
			return
		}
		if from != nil {
			conn = &proxyproto.Conn{Conn: conn, Header: from.Header}
		}
		e.cfg.Adopt(conn, early)
	})
}

// stop ends what is idle and lets the rest finish.
func (l *loop) stop() {
	l.stopping = true
	for fd := range l.slots {
		if c := l.slots[fd].client; c != nil {
			c.stop()
		}
	}
	for _, p := range l.pools {
		p.empty(l)
	}
}

// cut ends everything.
func (l *loop) cut() {
	for fd := range l.slots {
		c := l.slots[fd].client
		switch {
		case c == nil:
		case c.m == nil:
			c.close(true)
		default:
			c.m.Cut()
			c.drive()
		}
	}
}
