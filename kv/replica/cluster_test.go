package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/kv/engine"
)

// A leader that is deposed in the middle of a leadership transfer leaves two of Raft's
// goroutines behind, and the one that waits for the outcome.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/hashicorp/raft.(*Raft).leadershipTransfer"),
		goleak.IgnoreAnyFunction("github.com/hashicorp/raft.(*Raft).leaderLoop.func2"),
		goleak.IgnoreAnyFunction("pingd/kv/replica.(*Replica).await.func1"),
	)
}

// cluster is a set of nodes in this process, with a network that breaks on
// demand.
type cluster struct {
	t     testing.TB
	dir   string
	net   *network
	tune  func(*Config)
	nodes []*node
}

// node is one of them; r is nil while it is down.
type node struct {
	c    *cluster
	name string
	addr string
	cfg  func(*Config)

	// hangs says that the node's Raft cannot end, for its disk does not answer. Of any
	// other, all goroutines are shown.
	hangs bool

	mu   sync.Mutex
	r    *Replica
	stop context.CancelFunc
	done chan error
}

func newCluster(t testing.TB, n int, tune func(*Config)) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir(), net: newNetwork(), tune: tune}
	for i := range n {
		c.add(fmt.Sprintf("n%d", i+1))
	}
	t.Cleanup(func() {
		c.net.healAll()
		for _, nd := range c.nodes {
			nd.shut()
		}
	})
	return c
}

// freeAddr returns an address on a host of its own in the loopback network: while
// nobody listens there, no client's port, nor another test's, takes its place.
func freeAddr(t testing.TB) string {
	n := rand.Uint32()
	ln, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+n%254, byte(n>>8), 1+n>>16%254))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// add makes a node that is down.
func (c *cluster) add(name string) *node {
	nd := &node{c: c, name: name, addr: freeAddr(c.t)}
	c.net.name(nd.addr, name)
	c.nodes = append(c.nodes, nd)
	return nd
}

// addrs lists all bus addresses: what --join would lead to.
func (c *cluster) addrs() []string {
	var list []string
	for _, nd := range c.nodes {
		list = append(list, nd.addr)
	}
	return list
}

// form starts all nodes with --expect and waits for a leader.
func (c *cluster) form() *node {
	c.t.Helper()
	for _, nd := range c.nodes {
		nd.start()
	}
	return c.leader()
}

func (nd *node) config() Config {
	cfg := Config{
		Name: nd.name, Dir: filepath.Join(nd.c.dir, nd.name),
		Self: Member{Raft: nd.addr, Redis: "redis-of-" + nd.name},
		Join: nd.c.addrs(), Expect: len(nd.c.nodes),
		Dial: nd.c.net.dialer(nd.name),
	}
	if os.Getenv("PINGD_TEST_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if nd.c.tune != nil {
		nd.c.tune(&cfg)
	}
	if nd.cfg != nil {
		nd.cfg(&cfg)
	}
	return cfg
}

// tryStart starts the node and returns New's error.
func (nd *node) tryStart() error {
	nd.c.t.Helper()
	cfg := nd.config()
	if cfg.Listener == nil {
		ln, err := net.Listen("tcp", nd.addr)
		if err != nil {
			return err
		}
		cfg.Listener = ln
	}
	r, err := New(cfg)
	if err != nil {
		_ = cfg.Listener.Close()
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	nd.mu.Lock()
	nd.r, nd.stop, nd.done = r, stop, done
	nd.mu.Unlock()
	go func() { done <- r.Run(ctx) }()
	return nil
}

func (nd *node) start() {
	nd.c.t.Helper()
	if err := nd.tryStart(); err != nil {
		nd.c.t.Fatalf("start %s: %v", nd.name, err)
	}
}

func (nd *node) replica() *Replica {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	return nd.r
}

// shut stops the node in order and returns Run's error.
func (nd *node) shut() error {
	nd.mu.Lock()
	r, stop, done := nd.r, nd.stop, nd.done
	nd.r = nil
	nd.mu.Unlock()
	if r == nil {
		return nil
	}
	stop()
	err := <-done
	if err != nil && strings.Contains(err.Error(), "does not answer") && !nd.hangs {
		buf := make([]byte, 8<<20)
		panic(string(buf[:runtime.Stack(buf, true)]))
	}
	return err
}

// kill cuts the node off at once and then stops it: nothing it does afterwards
// is seen by anybody, and what it had not written is not written.
func (nd *node) kill() {
	nd.c.net.isolate(nd.name)
	nd.c.net.cut(nd.name)
	nd.mu.Lock()
	r := nd.r
	nd.mu.Unlock()
	if r != nil {
		r.fail(errKilled)
	}
	_ = nd.shut()
	nd.c.net.heal(nd.name)
}

var errKilled = errors.New("killed")

// leader waits until a majority agrees on a leader that is up.
func (c *cluster) leader() *node {
	c.t.Helper()
	var found *node
	c.eventually("a leader", func() bool {
		count := map[string]int{}
		for _, nd := range c.nodes {
			if r := nd.replica(); r != nil && !c.net.isIsolated(nd.name) {
				count[r.route().Name]++
			}
		}
		for _, nd := range c.nodes {
			if r := nd.replica(); r != nil && r.IsLeader() && count[nd.name] > len(c.nodes)/2 {
				found = nd
				return true
			}
		}
		return false
	})
	return found
}

func (c *cluster) others(than *node) []*node {
	var list []*node
	for _, nd := range c.nodes {
		if nd != than {
			list = append(list, nd)
		}
	}
	return list
}

func (c *cluster) eventually(what string, ok func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			c.t.Fatalf("waited in vain for %s", what)
		}
		pause(5 * time.Millisecond)
	}
}

// pause waits for d: the clock of a real cluster cannot be faked.
func pause(d time.Duration) { <-time.After(d) }

// do runs one command and returns its reply.
func (nd *node) do(words ...string) (string, error) {
	r := nd.replica()
	if r == nil {
		return "", ErrClosed
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var out engine.Replies
	if err := r.Do(ctx, []engine.Command{command(words...)}, &out); err != nil {
		return "", err
	}
	if out.Len() != 1 {
		return "", fmt.Errorf("%d replies", out.Len())
	}
	return strings.TrimSuffix(string(out.At(0)), "\r\n"), nil
}

// must is do for a command that has to succeed. A busy machine may be without a
// leader for a while: what was surely not done, or may be done twice, is tried again.
func (nd *node) must(words ...string) string {
	nd.c.t.Helper()
	for end := time.Now().Add(15 * time.Second); ; {
		reply, err := nd.do(words...)
		again := errors.Is(err, ErrNoLeader) || errors.Is(err, ErrUncertain) && words[0] != "INCR"
		if err != nil && (!again || time.Now().After(end)) {
			nd.c.t.Fatalf("%s: %v: %v", nd.name, words, err)
		}
		if err == nil {
			return reply
		}
	}
}

func command(words ...string) engine.Command {
	c := engine.Command{Proto: 2}
	for _, w := range words {
		c.Args = append(c.Args, []byte(w))
	}
	return c
}

// network knows which node is where and who may reach whom.
type network struct {
	mu       sync.Mutex
	names    map[string]string // by address
	isolated map[string]bool
	changed  chan struct{} // closed at each change
	conns    map[*link]struct{}
}

func newNetwork() *network {
	return &network{names: map[string]string{}, isolated: map[string]bool{}, changed: make(chan struct{}), conns: map[*link]struct{}{}}
}

func (n *network) name(addr, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[addr] = name
}

func (n *network) set(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	close(n.changed)
	n.changed = make(chan struct{})
}

// isolate lets no byte pass from or to a node; connections stay open.
func (n *network) isolate(name string) { n.set(func() { n.isolated[name] = true }) }

func (n *network) heal(name string) { n.set(func() { delete(n.isolated, name) }) }

func (n *network) healAll() { n.set(func() { clear(n.isolated) }) }

// cut closes all connections of a node.
func (n *network) cut(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for l := range n.conns {
		if l.from == name || l.to == name {
			_ = l.Conn.Close()
		}
	}
}

func (n *network) isIsolated(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.isolated[name]
}

// broken returns whether a link is, and a channel for the next change.
func (n *network) broken(from, to string) (bool, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.isolated[from] || n.isolated[to], n.changed
}

func (n *network) dialer(from string) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		n.mu.Lock()
		to := n.names[addr]
		n.mu.Unlock()
		for {
			bad, change := n.broken(from, to)
			if !bad {
				break
			}
			select {
			case <-change:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		l := &link{Conn: c, n: n, from: from, to: to, closed: make(chan struct{})}
		n.mu.Lock()
		n.conns[l] = struct{}{}
		n.mu.Unlock()
		return l, nil
	}
}

// link is a connection that stalls while its nodes are isolated.
type link struct {
	net.Conn
	n        *network
	from, to string
	once     sync.Once
	closed   chan struct{}

	mu       sync.Mutex
	deadline time.Time
}

// pass waits until the link works, the link is closed or its deadline passes.
func (l *link) pass() error {
	for {
		bad, change := l.n.broken(l.from, l.to)
		if !bad {
			return nil
		}
		l.mu.Lock()
		d := l.deadline
		l.mu.Unlock()
		var late <-chan time.Time
		if !d.IsZero() {
			t := time.NewTimer(time.Until(d))
			defer t.Stop()
			late = t.C
		}
		select {
		case <-change:
		case <-l.closed:
			return net.ErrClosed
		case <-late:
			return os.ErrDeadlineExceeded
		}
	}
}

func (l *link) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if err != nil {
		return n, err
	}
	return n, l.pass()
}

func (l *link) Write(b []byte) (int, error) {
	if err := l.pass(); err != nil {
		return 0, err
	}
	return l.Conn.Write(b)
}

func (l *link) set(t time.Time) {
	l.mu.Lock()
	l.deadline = t
	l.mu.Unlock()
}

func (l *link) SetDeadline(t time.Time) error      { l.set(t); return l.Conn.SetDeadline(t) }
func (l *link) SetReadDeadline(t time.Time) error  { l.set(t); return l.Conn.SetReadDeadline(t) }
func (l *link) SetWriteDeadline(t time.Time) error { l.set(t); return l.Conn.SetWriteDeadline(t) }

func (l *link) Close() error {
	l.once.Do(func() { close(l.closed) })
	l.n.mu.Lock()
	delete(l.n.conns, l)
	l.n.mu.Unlock()
	return l.Conn.Close()
}
