//go:build amd64 || arm64

package loop

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pingd/proxy/exchange"
)

// said is a log that a test reads.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// TestOutOfDescriptors: a connection that cannot be accepted stays in the backlog
// and is reported for ever; the loops must not spin on it, tell what is wrong,
// and go on once there are descriptors.
func TestOutOfDescriptors(t *testing.T) {
	var log said
	gate := exchange.NewGate(2)
	l := newLab(t, 2, func(c *exchange.Config) {
		c.Gate, c.Logger = gate, slog.New(slog.NewTextHandler(&log, nil))
	}, echo(t))
	a, b := l.dial(), l.dial()
	until(t, "two clients", func() bool { return gate.Stats().Connections == 2 })
	waiting := []io.ReadWriter{l.dial(), l.dial()} // in the backlog

	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	low := old
	low.Cur = 3 // every number from here on is too high
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	restore := sync.OnceFunc(func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old) })
	defer restore()
	_ = a.Close()
	_ = b.Close()
	until(t, "the shortage to be told", func() bool { return strings.Contains(log.String(), "accept client") })
	before := cpuTime(t)
	<-time.After(500 * time.Millisecond)
	if used := cpuTime(t) - before; used > 400*time.Millisecond {
		t.Errorf("%v of processor time in 500 ms", used)
	}
	restore()
	for _, c := range waiting {
		_, _ = io.WriteString(c, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
		buf := make([]byte, 1000)
		if n, err := c.Read(buf); err != nil || !strings.HasSuffix(string(buf[:n]), "/x") {
			t.Errorf("served %q, %v", buf[:n], err)
		}
	}
}

// TestNoDescriptorForAServer: the client is told, the server is not blamed.
func TestNoDescriptorForAServer(t *testing.T) {
	l := newLab(t, 1, nil, echo(t))
	set := make(chan struct{})
	l.e.loops[0].post(func(l *loop) { l.e.most = 3; close(set) })
	<-set
	c := l.dial()
	_, _ = io.WriteString(c, "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if b, _ := io.ReadAll(c); !strings.Contains(string(b), "503 Service Unavailable: the proxy is out of file descriptors") {
		t.Errorf("told %q", b)
	}
	if s := l.set.Servers()[0]; s.ConnectErrors.Load() != 0 {
		t.Error("the server is blamed")
	}
}

// TestIdleLoopsSleep: with clients connected but silent nothing runs.
func TestIdleLoopsSleep(t *testing.T) {
	l := newLab(t, 2, nil)
	for range 100 {
		l.dial()
	}
	until(t, "all to be accepted", func() bool { return l.gate.Stats().Connections == 100 })
	best := time.Hour
	for range 3 { // somebody else's goroutine may run once
		before := cpuTime(t)
		<-time.After(300 * time.Millisecond)
		best = min(best, cpuTime(t)-before)
	}
	if best > 60*time.Millisecond {
		t.Errorf("%v of processor time in 300 ms", best)
	}
}
