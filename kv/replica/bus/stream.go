package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
)

// Stream opens the bus to Raft connections after a wait and returns them as the
// stream layer of a raft.NetworkTransport that announces itself as addr. It is
// called once.
func (b *Bus) Stream(addr string, wait time.Duration) raft.StreamLayer {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.raft = &stream{bus: b, addr: advertised(addr), in: make(chan net.Conn), done: make(chan struct{})}
	b.raftAt = time.Now().Add(wait)
	if b.closed {
		b.raft.stop()
	}
	return b.raft
}

// handOver gives an accepted connection to Raft.
func (b *Bus) handOver(c net.Conn) bool {
	b.mu.Lock()
	s := b.raft
	b.mu.Unlock()
	if s == nil {
		return false
	}
	select {
	case s.in <- &tracked{Conn: c, bus: b}:
		return true
	case <-s.done:
		return false
	}
}

// stream implements raft.StreamLayer.
type stream struct {
	bus  *Bus
	addr advertised
	in   chan net.Conn
	once sync.Once
	done chan struct{}
}

func (s *stream) stop() { s.once.Do(func() { close(s.done) }) }

// Accept waits for a connection whose handshake is over.
func (s *stream) Accept() (net.Conn, error) {
	select {
	case c := <-s.in:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept. The bus goes on.
func (s *stream) Close() error {
	s.stop()
	return nil
}

// Addr is the advertised address: other nodes reach this one there.
func (s *stream) Addr() net.Addr { return s.addr }

// Target is an address for Dial of a Stream: the node of that name, at addr, and
// nobody else who may have taken its place there. Raft counts answers by whom it
// asked: one node that answered for two would be two votes.
func Target(name, addr string) raft.ServerAddress { return raft.ServerAddress(name + "@" + addr) }

// ErrOther says that another node than the one that was meant is at an address.
var ErrOther = errors.New("another node is at that address now")

// Dial opens a Raft connection to a Target.
func (s *stream) Dial(target raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	name, addr := "", string(target)
	if i := strings.LastIndexByte(addr, '@'); i >= 0 {
		name, addr = addr[:i], addr[i+1:]
	}
	// raft.StreamLayer has no context: that of Serve ends the dial instead.
	s.bus.mu.Lock()
	ctx := s.bus.ctx
	s.bus.mu.Unlock()
	if ctx == nil {
		return nil, net.ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, peer, err := s.bus.Dial(ctx, addr, Raft)
	if err == nil && peer.Name != name {
		_ = c.Close()
		return nil, fmt.Errorf("dial %s at %s: %w: %s", name, addr, ErrOther, peer.Name)
	}
	return c, err
}

// advertised is a host:port whose host may be a name, kept as it is.
type advertised string

// Network returns "tcp".
func (a advertised) Network() string { return "tcp" }

// String returns the address as it was given.
func (a advertised) String() string { return string(a) }

func isTransient(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ECONNABORTED) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}
