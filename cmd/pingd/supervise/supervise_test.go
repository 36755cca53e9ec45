package supervise

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// manager is the socket of a service manager.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return &manager{t, conn}
}

// next returns the lines of the next message.
func (m *manager) next() []string {
	m.t.Helper()
	b := make([]byte, 4096)
	_ = m.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	n, err := m.conn.Read(b)
	if err != nil {
		m.t.Fatalf("no message: %v", err)
	}
	return strings.Split(string(b[:n]), "\n")
}

// until returns the first message with the line.
func (m *manager) until(line string) []string {
	m.t.Helper()
	for {
		if got := m.next(); slices.Contains(got, line) {
			return got
		}
	}
}

// supervised runs until the test ends.
func supervise(t *testing.T, cfg Config) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, cfg) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// reasons are what a process waits for, changed by a test.
type reasons struct {
	mu  sync.Mutex
	all []string
}

func (r *reasons) get() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

func (r *reasons) set(all ...string) {
	r.mu.Lock()
	r.all = all
	r.mu.Unlock()
}

func TestReadyWhenAllIsWell(t *testing.T) {
	m, r := newManager(t), &reasons{all: []string{"store: no leader known"}}
	supervise(t, Config{Reasons: r.get, ReadyWait: time.Hour})
	if got := m.until("STATUS=waiting: store: no leader known"); slices.Contains(got, "READY=1") {
		t.Errorf("ready too early: %q", got)
	}
	r.set("store: no leader known", "proxy: no\nserver")
	m.until("STATUS=waiting: store: no leader known; proxy: no server")
	r.set()
	if got := m.until("READY=1"); !slices.Contains(got, "STATUS=serving") {
		t.Errorf("ready: %q", got)
	}
	r.set("store: no leader known")
	if got := m.until("STATUS=waiting: store: no leader known"); slices.Contains(got, "READY=1") {
		t.Errorf("ready twice: %q", got)
	}
}

// The first of three machines would otherwise hold up its start for ever.
func TestReadyAfterAWhile(t *testing.T) {
	m := newManager(t)
	supervise(t, Config{Reasons: func() []string { return []string{"alone"} }, ReadyWait: 100 * time.Millisecond})
	if got := m.until("READY=1"); !slices.Contains(got, "STATUS=waiting: alone") {
		t.Errorf("ready: %q", got)
	}
}

func TestStopping(t *testing.T) {
	m := newManager(t)
	Stopping()
	if got := m.next(); got[0] != "STOPPING=1" {
		t.Errorf("%q", got)
	}
}

func TestWatchdogIsFedWhileThereAreAnswers(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	stuck, asked := make(chan struct{}), make(chan struct{}, 1)
	var mu sync.Mutex
	block := false
	supervise(t, Config{Reasons: (&reasons{}).get, Answer: func() {
		mu.Lock()
		wait := block
		mu.Unlock()
		if wait {
			select {
			case asked <- struct{}{}:
			default:
			}
			<-stuck
		}
	}})
	for range 3 {
		m.until("WATCHDOG=1")
	}
	mu.Lock()
	block = true
	mu.Unlock()
	<-asked
	// What was sent before is read; then nothing more comes, though ten times the
	// watchdog's time passes.
	for {
		_ = m.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := m.conn.Read(make([]byte, 100)); err != nil {
			break
		}
	}
	mu.Lock()
	block = false
	mu.Unlock()
	close(stuck)
	m.until("WATCHDOG=1")
}

func TestWatchdogOfAnotherProcess(t *testing.T) {
	for _, env := range [][2]string{{"20000", "1"}, {"x", ""}, {"0", ""}, {"", ""}} {
		newManager(t)
		t.Setenv("WATCHDOG_USEC", env[0])
		t.Setenv("WATCHDOG_PID", env[1])
		s := &supervised{cfg: Config{Answer: func() { t.Error("asked") }, Logger: slog.New(slog.DiscardHandler)}}
		s.watch(t.Context()) // returns at once
	}
}

// Without a manager nothing is asked and nothing sent.
func TestNobodyToTell(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	supervise(t, Config{Reasons: func() []string { t.Error("asked"); return nil }})
	Stopping()
}

// A manager that is gone is no reason to fail.
func TestManagerIsGone(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	r := &reasons{}
	supervise(t, Config{Reasons: r.get})
	Stopping()
}
