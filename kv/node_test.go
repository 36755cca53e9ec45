package kv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/kv/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen listens on a loopback host that nobody else is likely to use: who finds the
// port closed later does not find somebody else's.
func listen(t *testing.T) net.Listener {
	t.Helper()
	n := rand.Uint32()
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+n%254, byte(n>>8), 1+n>>16%254))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// alone is the configuration of a cluster of one node.
func alone(t *testing.T, dir string) Config {
	t.Helper()
	redis, raft := listen(t), listen(t)
	return Config{
		Name: "s1", Dir: dir, Redis: redis, Raft: raft, Reserve: -1,
		Advertised: Addresses{Redis: redis.Addr().String(), Raft: raft.Addr().String()},
	}
}

// started runs a node until stop is called, which returns what Run did.
func started(t *testing.T, cfg Config) (n *Node, stop func() error) {
	t.Helper()
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	stop = func() error { cancel(); return <-done }
	ready(t, n)
	return n, stop
}

// ready waits until the node serves.
func ready(t *testing.T, n *Node) {
	t.Helper()
	limit := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n.Ready() != nil {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("no leader after 30 s")
		}
	}
}

// dialled is a connection to a node.
type dialled struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, n *Node) *dialled {
	t.Helper()
	c, err := net.Dial("tcp", n.Addrs()["redis"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return &dialled{t, c, bufio.NewReader(c)}
}

// ask sends a line and returns the first line of the reply.
func (d *dialled) ask(line string) string {
	d.t.Helper()
	if _, err := io.WriteString(d, line+"\r\n"); err != nil {
		d.t.Fatal(err)
	}
	reply, err := d.r.ReadString('\n')
	if err != nil {
		d.t.Fatalf("%s: %v", line, err)
	}
	return strings.TrimSuffix(reply, "\r\n")
}

// TestStopAndStart walks through a node's life twice in one directory: what was
// acknowledged is there again, what it says of itself is true, and nothing stays behind.
func TestStopAndStart(t *testing.T) {
	dir := t.TempDir()
	for life := range 2 {
		n, stop := started(t, alone(t, dir))
		c := dial(t, n)
		if got, want := c.ask("INCR visits"), []string{":1", ":2"}[life]; got != want {
			t.Errorf("life %d: %s, want %s", life, got, want)
		}
		s, ok := n.Status().(Status)
		if !ok || !s.Raft.Ready || s.Data.Keys[0] != 1 || s.Data.Bytes == 0 {
			t.Errorf("life %d: status %+v", life, s)
		}
		if n.Replica() == nil || n.Addrs()["raft"] == "" {
			t.Errorf("life %d: addresses %v", life, n.Addrs())
		}
		if err := stop(); err != nil {
			t.Errorf("life %d: %v", life, err)
		}
		if _, err := c.r.ReadByte(); err == nil {
			t.Errorf("life %d: the connection outlived the node", life)
		}
		if extra, err := net.Dial("tcp", n.Addrs()["redis"]); err == nil {
			_ = extra.Close()
			t.Errorf("life %d: it still listens", life)
		}
	}
}

// TestInFlightIsAnswered holds the order of the package's drawing: the front stops first,
// and answers what clients have in flight while the log can still commit. So nobody is
// told of a log that is gone, and what was told is there afterwards.
func TestInFlightIsAnswered(t *testing.T) {
	dir := t.TempDir()
	n, stop := started(t, alone(t, dir))
	c := dial(t, n)
	const commands = 2000
	if _, err := io.WriteString(c, strings.Repeat("INCR n\r\n", commands)); err != nil {
		t.Fatal(err)
	}
	answered := 0
	next := func() bool {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return false
		}
		answered++
		if want := fmt.Sprintf(":%d\r\n", answered); line != want {
			t.Fatalf("answer %d: %q", answered, line)
		}
		return true
	}
	next() // they are being served
	if err := stop(); err != nil {
		t.Error(err)
	}
	for next() {
	}
	n, stop = started(t, alone(t, dir))
	var kept int
	if _, err := fmt.Sscanf(dial(t, n).ask("INCRBY n 0"), ":%d", &kept); err != nil || answered < 1 || kept < answered || kept > commands {
		t.Errorf("%d answered, %d kept of %d, %v", answered, kept, commands, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestAnEndedContext holds that a node told to stop before it began ends, in order.
func TestAnEndedContext(t *testing.T) {
	n, err := New(alone(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Ready(); !errors.Is(err, ErrNoLeader) {
		t.Errorf("before it runs: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestCloseWithoutRun(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second finds the directory free
		n, err := New(alone(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestNewFails holds that both listeners are closed where a part fails, and the
// directory is free again.
func TestNewFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken := t.TempDir()
	owner, err := New(alone(t, taken))
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	for name, spoil := range map[string]func(*Config){
		"a directory that is a file":    func(c *Config) { c.Dir = filepath.Join(file, "below") },
		"a directory that has an owner": func(c *Config) { c.Dir = taken },
		"a log store that there is not": func(c *Config) { c.LogStore = "paper" },
	} {
		cfg := alone(t, t.TempDir())
		spoil(&cfg)
		n, err := New(cfg)
		if err == nil {
			t.Errorf("%s: no error", name)
			_ = n.Close()
		}
		for _, l := range []net.Listener{cfg.Redis, cfg.Raft} {
			if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
				_ = c.Close()
				t.Errorf("%s: %s still listens", name, l.Addr())
			}
		}
	}
}

// TestDiscoverHostilePeers asks what is no node: each gives an error that names it, and
// none a peer.
func TestDiscoverHostilePeers(t *testing.T) {
	for name, answer := range map[string]string{
		"another JSON":  "$2\r\n[]\r\n",
		"no JSON":       "$3\r\n{,}\r\n",
		"a number":      ":1\r\n",
		"an error":      "-ERR unknown command 'PINGD'\r\n",
		"no protocol":   "HTTP/1.1 400 Bad Request\r\n\r\n",
		"a large claim": "$999999999999\r\nx",
		"nothing":       "",
	} {
		l := listen(t)
		var conns sync.WaitGroup
		conns.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				conns.Go(func() {
					defer c.Close()
					lines := bufio.NewScanner(c)
					for lines.Scan() {
						switch lines.Text() {
						case "PEER":
							_, _ = io.WriteString(c, answer)
							return
						case "HELLO", "CLIENT", "MEMBERS":
							_, _ = io.WriteString(c, "-ERR unknown command\r\n")
						}
					}
				})
			}
		})
		d := &discoverer{client.Config{TryTimeout: 5 * time.Second}}
		addr := l.Addr().String()
		peers, err := d.peers(t.Context(), addr)
		if err == nil || len(peers) > 0 || !strings.Contains(err.Error(), addr) {
			t.Errorf("%s: %v, %v", name, peers, err)
		}
		_ = l.Close()
		conns.Wait()
	}
}
