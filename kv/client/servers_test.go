package client

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// redisServer is a real redis-server.
type redisServer struct {
	t    *testing.T
	addr string
	args []string
	cmd  *exec.Cmd
}

// startRedis starts a redis-server with keyspace events on a free port.
func startRedis(t *testing.T, args ...string) *redisServer {
	t.Helper()
	return startRedisAt(t, redisPath(t), freeAddr(t), args...)
}

func redisPath(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("PINGD_TEST_ALL") == "1" {
			t.Fatal("redis-server not found: install the Debian package redis-server")
		}
		t.Skip("redis-server not found: install the Debian package redis-server")
	}
	return path
}

// startRedisAt starts the program at path; addr has to be free.
func startRedisAt(t *testing.T, path, addr string, args ...string) *redisServer {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	r := &redisServer{t: t, addr: addr, args: append([]string{
		path, "--port", port, "--bind", host, "--save", "", "--appendonly", "no",
		"--notify-keyspace-events", "KEA", "--dir", t.TempDir(),
	}, args...)}
	r.start()
	t.Cleanup(r.kill)
	return r
}

// freeAddr returns an address that nobody listens on. Its host is one of its own
// in the loopback network: no client's port, nor another test's, takes it meanwhile.
func freeAddr(t *testing.T) string {
	t.Helper()
	n := rand.Uint32()
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+n%254, byte(n>>8), 1+n>>16%254))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (r *redisServer) start() {
	r.t.Helper()
	r.cmd = exec.Command(r.args[0], r.args[1:]...)
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, "redis-server listens", func() bool {
		conn, err := net.Dial("tcp", r.addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func (r *redisServer) kill() {
	if r.cmd.ProcessState != nil {
		return
	}
	_ = r.cmd.Process.Signal(syscall.SIGCONT)
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

func (r *redisServer) pause() { _ = r.cmd.Process.Signal(syscall.SIGSTOP) }

// fake is a node that answers as a test says.
type fake struct {
	addr     string
	listener net.Listener
	wg       sync.WaitGroup

	mu     sync.Mutex
	handle func(args []string) string
	calls  [][]string // without HELLO
	conns  map[net.Conn]struct{}
}

// Replies of a fake beside plain RESP.
const (
	hang = "hang" // never answer
	cut  = "cut"  // close the connection
)

// startFake starts a node. handle returns RESP, hang, cut, or nothing for a
// command it does not know; it is called by one goroutine at a time.
func startFake(t testing.TB, handle func(args []string) string) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{addr: l.Addr().String(), listener: l, handle: handle, conns: map[net.Conn]struct{}{}}
	f.wg.Go(f.accept)
	t.Cleanup(f.stop)
	return f
}

func (f *fake) stop() {
	f.listener.Close()
	f.mu.Lock()
	for c := range f.conns {
		c.Close()
	}
	f.mu.Unlock()
	f.wg.Wait()
}

func (f *fake) accept() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.conns[conn] = struct{}{}
		f.mu.Unlock()
		f.wg.Go(func() {
			f.serve(conn)
			conn.Close()
		})
	}
}

func (f *fake) serve(conn net.Conn) {
	r := bufio.NewReader(conn)
	for {
		args, err := readArgs(r)
		if err != nil {
			return
		}
		reply := "-ERR unknown command\r\n"
		if name := strings.ToUpper(args[0]); name != "HELLO" {
			f.mu.Lock()
			f.calls = append(f.calls, args)
			if answer := f.handle(args); answer != "" {
				reply = answer
			}
			f.mu.Unlock()
		}
		switch reply {
		case hang:
			_, _ = io.Copy(io.Discard, r)
			return
		case cut:
			return
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

// readArgs reads one RESP array of bulk strings.
func readArgs(r *bufio.Reader) ([]string, error) {
	number := func(kind byte) (int, error) {
		line, err := r.ReadString('\n')
		if err != nil || line[0] != kind {
			return 0, fmt.Errorf("line %q: %w", line, err)
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	n, err := number('*')
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		size, err := number('$')
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		args[i] = string(b[:size])
	}
	return args, nil
}

// seen returns how often the fake got the named command.
func (f *fake) seen(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if strings.EqualFold(c[0], name) {
			n++
		}
	}
	return n
}

// got reports whether the fake was sent exactly this command.
func (f *fake) got(words ...string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.calls, func(c []string) bool { return slices.Equal(c, words) })
}

func (f *fake) set(handle func(args []string) string) {
	f.mu.Lock()
	f.handle = handle
	f.mu.Unlock()
}

// says makes a handler that gives the same reply to everything but PINGD.
func says(reply string) func([]string) string {
	return func(args []string) string {
		if strings.EqualFold(args[0], "PINGD") {
			return ""
		}
		return reply
	}
}

// connect returns a client of the given nodes that is closed after the test.
func connect(t testing.TB, addrs ...string) *Client {
	t.Helper()
	return connectWith(t, Config{Addrs: addrs})
}

func connectWith(t testing.TB, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// within returns a context that ends after d.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// must runs a command that has to work.
func must(t *testing.T, c *Client, args ...any) any {
	t.Helper()
	reply, err := c.Do(within(t, 5*time.Second), args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return reply
}

// eventually polls a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within 10 s: %s", what)
		case <-tick.C:
		}
	}
}
