package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/kv/engine"
	"pingd/kv/replica"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loneStore is a Store over an engine without any log: one node, always right.
type loneStore struct {
	mu      sync.Mutex // serializes Do as the log would
	engine  *engine.Engine
	deliver func(channel, payload []byte) int64
	follows atomic.Bool // not the leader
	changed chan replica.Status
	dos     atomic.Int64                                           // calls of Do
	wait    func(ctx context.Context) int                          // unless nil, is WaitReplicas
	before  func(ctx context.Context, cmds []engine.Command) error // unless nil, decides about each Do
}

func newLoneStore() *loneStore {
	return &loneStore{engine: engine.New(engine.Options{}), changed: make(chan replica.Status, 1)}
}

func (s *loneStore) Do(ctx context.Context, cmds []engine.Command, out *engine.Replies) error {
	s.dos.Add(1)
	if s.before != nil {
		if err := s.before(ctx, cmds); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	stamp := engine.Stamp{UnixMilli: now.UnixMilli(), Seed: uint64(now.UnixNano())}
	if reads(cmds) {
		s.engine.Apply(stamp, nil, &engine.Replies{}) // keys end with the log
		s.engine.Read(now.UnixMilli(), cmds, out)
		return nil
	}
	s.engine.Apply(stamp, cmds, out)
	return nil
}

// reads reports whether nothing of cmds has to go into a log.
func reads(cmds []engine.Command) bool {
	for i := range cmds {
		if c := &cmds[i]; c.Txn != nil {
			if !reads(c.Txn.Cmds) {
				return false
			}
		} else if spec := engine.Lookup(c.Args[0]); spec != nil && spec.Flags&engine.Write != 0 {
			return false
		}
	}
	return true
}

func (s *loneStore) ReadLocal(cmds []engine.Command, out *engine.Replies) error {
	s.engine.Read(time.Now().UnixMilli(), cmds, out)
	return nil
}

func (s *loneStore) Engine() *engine.Engine { return s.engine }

func (s *loneStore) Publish(_ context.Context, channel, payload []byte) (int64, error) {
	return s.deliver(channel, payload), nil
}
func (s *loneStore) OnPublish(fn func(channel, payload []byte) int64) { s.deliver = fn }

func (s *loneStore) Backup(context.Context, bool) (replica.Point, io.ReadCloser, error) {
	snap := s.engine.Snapshot()
	defer snap.Close()
	var buf bytes.Buffer
	_, err := snap.WriteTo(&buf)
	return replica.Point{Node: "n1", Index: 7}, io.NopCloser(&buf), err
}

func (s *loneStore) IsLeader() bool { return !s.follows.Load() }

func (s *loneStore) Members() []replica.Member {
	return []replica.Member{
		{Name: "n1", Redis: "127.0.0.1:7001", Voter: true, Leader: !s.follows.Load(), Alive: true},
		{Name: "n2", Redis: "127.0.0.1:7002", Voter: true, Leader: s.follows.Load(), Alive: true},
	}
}

func (s *loneStore) Leader() (replica.Member, bool) {
	for _, m := range s.Members() {
		if m.Leader {
			return m, true
		}
	}
	return replica.Member{}, false
}

func (s *loneStore) Status() replica.Status { return replica.Status{} }

func (s *loneStore) Changes(ctx context.Context) <-chan replica.Status {
	ch := make(chan replica.Status)
	go func() {
		defer close(ch)
		for {
			select {
			case <-ctx.Done():
				return
			case st := <-s.changed:
				select {
				case ch <- st:
				case <-ctx.Done():
				}
			}
		}
	}()
	return ch
}

func (s *loneStore) Transfer(context.Context, string) error { return nil }

func (s *loneStore) Remove(_ context.Context, name string) error {
	if name != "n2" {
		return errors.New("ERR no such node " + name)
	}
	return nil
}
func (s *loneStore) Peer() []byte { return []byte(`{"name":"n1"}`) }
func (s *loneStore) WaitReplicas(ctx context.Context, n int) int {
	if s.wait != nil {
		return s.wait(ctx)
	}
	return min(n, 1)
}

// stepDown makes the store a follower and tells the server.
func (s *loneStore) stepDown() {
	s.follows.Store(true)
	s.changed <- replica.Status{}
}

// running is a server under test.
type running struct {
	*Server
	t     testing.TB
	store *loneStore
	addr  string
	stop  func() // ends Run and waits for it
}

// start runs a server on a free port until the test ends.
func start(t testing.TB, change func(*Config)) *running {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	store := newLoneStore()
	cfg := Config{Listener: l, Store: store, Name: "n1"}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return &running{Server: s, t: t, store: store, addr: l.Addr().String(), stop: stop}
}

// peer is a raw connection whose every reply is compared byte by byte.
type peer struct {
	t  testing.TB
	nc net.Conn
	br *bufio.Reader
}

func (r *running) dial() *peer {
	r.t.Helper()
	nc, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	return &peer{t: r.t, nc: nc, br: bufio.NewReader(nc)}
}

func (p *peer) send(s string) {
	p.t.Helper()
	if _, err := io.WriteString(p.nc, s); err != nil {
		p.t.Fatal(err)
	}
}

// want reads exactly what is expected.
func (p *peer) want(s string) {
	p.t.Helper()
	b := make([]byte, len(s))
	n, err := io.ReadFull(p.br, b)
	if string(b[:n]) != s {
		more := make([]byte, p.br.Buffered())
		p.br.Read(more)
		p.t.Fatalf("got  %q (%v)\nwant %q", string(b[:n])+string(more), err, s)
	}
}

// talk sends s and expects reply.
func (p *peer) talk(s, reply string) {
	p.t.Helper()
	p.send(s + "\r\n")
	p.want(reply)
}

// closed expects the server to close the connection without another byte.
func (p *peer) closed() {
	p.t.Helper()
	if b, err := p.br.ReadByte(); err == nil {
		p.t.Fatalf("still open, got %q", b)
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
		p.t.Fatal("not closed in time")
	}
}

// wait polls until ok or fails the test.
func wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute) // a busy machine is no reason to fail
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited in vain for " + what)
		}
	}
}

// program returns the path of a program that a test needs.
func program(t testing.TB, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("PINGD_TEST_ALL") == "1" {
			t.Fatalf("install the Debian package %s", debianPackage)
		}
		t.Skipf("install the Debian package %s", debianPackage)
	}
	return path
}
