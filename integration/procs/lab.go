package procs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
)

// ErrClosed is returned for anything asked of a Lab after Close.
var ErrClosed = errors.New("lab is closed")

// Lab owns processes, their directory and their ports. Its methods may be
// called from any goroutine.
type Lab struct {
	dir    string
	log    *slog.Logger
	ports  *ports
	starts chan func() // run by the launcher, one at a time
	stop   chan struct{}
	done   chan struct{} // closed when the launcher has ended

	mu     sync.Mutex
	procs  []*Process
	closed bool
}

// NewLab makes a Lab whose processes keep their files below dir, which must
// exist and which stays when the Lab is closed. A nil logger discards.
func NewLab(dir string, log *slog.Logger) (*Lab, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("resolve lab directory: %w", err)
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("open lab directory: %w", err)
	}
	p, err := claimPorts(os.TempDir())
	if err != nil {
		return nil, err
	}
	l := &Lab{
		dir: dir, log: log.With("component", "lab"), ports: p,
		starts: make(chan func()), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go l.launch()
	return l, nil
}

// launch starts every process from one thread. The kernel sends a child its
// parent-death signal when the thread that made it ends, not the process, and
// Go ends threads as it likes: so the thread is kept, and it ends only when the
// Lab is closed or the caller dies.
func (l *Lab) launch() {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	defer close(l.done)
	for {
		select {
		case f := <-l.starts:
			f()
		case <-l.stop:
			return
		}
	}
}

// onLauncher runs f on the launcher's thread and waits for it.
func (l *Lab) onLauncher(f func() error) error {
	result := make(chan error, 1)
	select {
	case l.starts <- func() { result <- f() }:
		return <-result
	case <-l.stop:
		return ErrClosed
	}
}

// Dir returns a directory of the Lab for name, made if absent.
func (l *Lab) Dir(name string) (string, error) {
	dir := filepath.Join(l.dir, name)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("make directory: %w", err)
	}
	return dir, nil
}

// Port returns a loopback port that no other Lab on this machine hands out and
// that nothing listens on now.
func (l *Lab) Port() (int, error) { return l.ports.next() }

// Addr returns 127.0.0.1 with a port from Port.
func (l *Lab) Addr() (string, error) {
	port, err := l.Port()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", port), nil
}

// Start starts a process and returns as soon as it exists: ask Poll for its
// readiness. The Lab ends it when it is closed.
func (l *Lab) Start(ctx context.Context, spec Spec) (*Process, error) {
	p, err := newProcess(l, spec)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.procs = append(l.procs, p)
	}
	l.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	if err := p.start(); err != nil {
		return nil, err
	}
	return p, nil
}

// WriteTails writes the last lines of every process's output to w.
func (l *Lab) WriteTails(w io.Writer, lines int) {
	l.mu.Lock()
	procs := slices.Clone(l.procs)
	l.mu.Unlock()
	for _, p := range procs {
		fmt.Fprintf(w, "--- %s (%s)\n%s\n", p.Name(), p.state(), p.Tail(lines))
	}
}

// Close kills every process still running, waits for them, and frees the
// ports. It may be called more than once.
func (l *Lab) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		<-l.done
		return nil
	}
	l.closed = true
	procs := slices.Clone(l.procs)
	l.mu.Unlock()

	// The launcher first: after it nothing new can start behind the kills.
	close(l.stop)
	<-l.done
	var errs []error
	for _, p := range slices.Backward(procs) {
		errs = append(errs, p.Kill())
	}
	errs = append(errs, l.ports.release())
	return errors.Join(errs...)
}
