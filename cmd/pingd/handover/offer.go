package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// patience bounds what the other process may take, but for its own start.
const (
	patience  = 5 * time.Second
	longStart = time.Minute
)

const (
	// maxListeners is how many descriptors one message takes (Linux: SCM_MAX_FD).
	maxListeners = 253
	// maxNames bounds the names that go with them.
	maxNames = 16 << 10
)

// goes is what the new process says when it serves.
const goes = "go\n"

// Offer is what a process hands over. Make it with NewOffer.
type Offer struct {
	ln    *net.UnixListener
	names []string

	mu  sync.Mutex
	fds []int // of names; nil once they are closed
}

// NewOffer offers listeners, by name. Close must be called when listening is to end: as
// long as an Offer is open, so are the sockets.
func NewOffer(listeners map[string]net.Listener) (*Offer, error) {
	o := &Offer{}
	for name, ln := range listeners {
		fd, err := duplicate(ln)
		if err != nil {
			o.Close()
			return nil, fmt.Errorf("offer listener %s: %w", name, err)
		}
		o.names, o.fds = append(o.names, name), append(o.fds, fd)
	}
	return o, nil
}

// Listen makes the Unix socket at path, in place of one that is there. Only those who
// may write to it, this user, can take what is offered.
func (o *Offer) Listen(path string) error {
	// Made beside and moved into place: at no time is there a path that nobody serves.
	beside := fmt.Sprintf("%s.%d", path, os.Getpid())
	_ = os.Remove(beside) // of a process that had this id and did not get so far
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: beside, Net: "unix"})
	if err != nil {
		return fmt.Errorf("listen for a successor: %w", err)
	}
	ln.SetUnlinkOnClose(false)
	o.ln = ln
	if err = os.Chmod(beside, 0o600); err == nil {
		err = os.Rename(beside, path)
	}
	if err != nil {
		_ = os.Remove(beside)
		return fmt.Errorf("listen for a successor: %w", err)
	}
	return nil
}

// Run answers successors until one serves, and then returns true; or until ctx ends,
// and returns false. Listen comes first.
func (o *Offer) Run(ctx context.Context) (taken bool) {
	stop := context.AfterFunc(ctx, func() { _ = o.ln.Close() })
	defer stop()
	for ctx.Err() == nil {
		conn, err := o.ln.AcceptUnix()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return false
			}
			select { // out of descriptors, say
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
			continue
		}
		err = o.serve(ctx, conn)
		_ = conn.Close()
		if err == nil {
			return true
		}
	}
	return false
}

// serve hands everything to a successor. It returns nil once that one serves.
func (o *Offer) serve(ctx context.Context, conn *net.UnixConn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	names, err := json.Marshal(o.names)
	if err != nil {
		return fmt.Errorf("encode names: %w", err)
	}
	_ = conn.SetDeadline(time.Now().Add(longStart))
	o.mu.Lock()
	_, _, err = conn.WriteMsgUnix(names, syscall.UnixRights(o.fds...), nil)
	o.mu.Unlock()
	if err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	answer := make([]byte, len(goes))
	if n, err := conn.Read(answer); err != nil || string(answer[:n]) != goes {
		return fmt.Errorf("successor did not get to serve: %w", err)
	}
	return nil
}

// Close ends the offer and closes the sockets as far as they are its own.
func (o *Offer) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, fd := range o.fds {
		_ = syscall.Close(fd) // a listener that others hold too
	}
	o.fds = nil
	if o.ln != nil {
		_ = o.ln.Close()
	}
}

// duplicate returns another descriptor of a listener, one that is not inherited by
// programs that this process starts.
func duplicate(ln net.Listener) (fd int, err error) {
	s, ok := ln.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("%T has no descriptor", ln)
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return -1, err
	}
	var failed error
	err = raw.Control(func(from uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if fd, failed = syscall.Dup(int(from)); failed == nil {
			syscall.CloseOnExec(fd)
		}
	})
	return fd, errors.Join(err, failed)
}
