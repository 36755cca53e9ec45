package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"pingd/kv/engine"
	"pingd/kv/replica/bus"
	"pingd/kv/replica/entry"
	"pingd/kv/replica/machine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// log is what all nodes of a test write to: one engine stands for the cluster.
type log struct {
	mu      sync.Mutex
	machine *machine.Machine
	engine  *engine.Engine
	index   uint64
	entries [][]byte
}

func newLog() *log {
	l := &log{engine: engine.New(engine.Options{})}
	l.machine = machine.New(machine.Config{
		Engine: l.engine, Logger: slog.New(slog.DiscardHandler), Changed: func() {}, Failed: func(error) {},
	})
	return l
}

func (l *log) apply(data []byte) any {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.index++
	l.entries = append(l.entries, data)
	return l.machine.Apply(&raft.Log{Index: l.index, Term: 1, Data: data})
}

// batches returns how many commands each entry had; entries without any are left
// out.
func (l *log) batches(t *testing.T) []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []int
	for _, b := range l.entries {
		var d entry.Decoder
		e, err := d.Entry(b)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, g := range e.Groups {
			n += len(g.Cmds)
		}
		if n > 0 {
			list = append(list, n)
		}
	}
	return list
}

// node is what an outbox of a test belongs to.
type node struct {
	log    *log
	outbox *Outbox
	bus    *bus.Bus
	wg     sync.WaitGroup

	mu       sync.Mutex
	route    Route
	apply    func(data []byte) (any, error) // nil: into the log
	settled  bool                           // an entry of this term is applied
	failures []error
	received []uint64 // numbers of the groups that others sent
	answer   func(body []byte, reply func(byte, []byte)) bool
	dial     func(addr string) (net.Conn, error)
}

func (n *node) set(f func()) {
	n.mu.Lock()
	f()
	n.mu.Unlock()
	n.outbox.Nudge()
}

func (n *node) Route() Route { n.mu.Lock(); defer n.mu.Unlock(); return n.route }

func (n *node) Apply(data []byte) (any, error) {
	n.mu.Lock()
	apply := n.apply
	n.mu.Unlock()
	if apply != nil {
		return apply(data)
	}
	n.mu.Lock()
	n.settled = true
	n.mu.Unlock()
	return n.log.apply(data), nil
}

func (n *node) Opening() bool          { n.mu.Lock(); defer n.mu.Unlock(); return !n.settled }
func (n *node) NextDue() (int64, bool) { return 0, false }
func (n *node) LogTime() int64         { return n.log.engine.Now() }
func (n *node) Spawn(f func()) bool    { n.wg.Go(f); return true }

func (n *node) Fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failures = append(n.failures, err)
}

func (n *node) Read(_ context.Context, body []byte) (*engine.Replies, error) {
	var d entry.Decoder
	cmds, err := d.Commands(body)
	if err != nil {
		return nil, err
	}
	out := new(engine.Replies)
	n.log.engine.Read(time.Now().UnixMilli(), cmds, out)
	return out, nil
}

func (n *node) Connect(ctx context.Context, addr string) (*bus.Client, error) {
	return n.bus.Connect(ctx, addr, bus.Forward)
}

// start runs a node over a log inside a synctest bubble.
func start(t *testing.T, l *log, name string) *node {
	t.Helper()
	n := &node{log: l}
	n.outbox = New(Config{
		Name: name, Incarnation: 7, RouteWait: 3 * time.Second, AnswerWait: 10 * time.Second, MaxCommand: 1 << 20, Logger: slog.New(slog.DiscardHandler), LevelOf: engine.LevelOf,
	}, n)
	ln := &listener{conns: make(chan net.Conn), done: make(chan struct{})}
	n.bus = bus.New(bus.Config{
		Listener: ln, Self: func() bus.Identity { return bus.Identity{Cluster: "c", Name: name, Instance: name} },
		Handler: n.handle, Dial: func(_ context.Context, addr string) (net.Conn, error) { return n.dial(addr) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	n.wg.Go(func() { n.outbox.Run(ctx) })
	n.wg.Go(func() {
		if err := n.bus.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); n.wg.Wait() })
	n.dial = ln.dial
	return n
}

func (n *node) handle(_ context.Context, _ bus.Peer, _ byte, body []byte, reply func(byte, []byte)) {
	var d entry.Decoder
	if g, err := d.Group(body); err == nil {
		n.mu.Lock()
		n.received = append(n.received, g.Origin.Number)
		n.mu.Unlock()
	}
	n.mu.Lock()
	answer := n.answer
	n.mu.Unlock()
	if answer != nil && answer(body, reply) {
		return
	}
	if !n.Route().Self || !n.outbox.Accept(body, 1, reply) {
		reply(StatusAgain, nil)
	}
}

// listener and its dial are a network without wires, which synctest understands.
type listener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

func (l *listener) dial(string) (net.Conn, error) {
	a, b := net.Pipe()
	select {
	case l.conns <- b:
		return a, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// call is one Do under way.
type call struct {
	out   engine.Replies
	local bool
	err   error
	done  bool
	at    time.Time // when it was done
}

func (n *node) do(ctx context.Context, read bool, cmds ...engine.Command) *call {
	c := &call{}
	n.wg.Go(func() {
		c.local, c.err = n.outbox.Do(ctx, cmds, &c.out, read)
		c.done, c.at = true, time.Now()
	})
	return c
}

func incr(key string) engine.Command {
	return engine.Command{Proto: 2, Args: [][]byte{[]byte("INCR"), []byte(key)}}
}

func get(key string) engine.Command {
	return engine.Command{Proto: 2, Args: [][]byte{[]byte("GET"), []byte(key)}}
}

func (c *call) reply() string {
	if !c.done {
		return "(waits)"
	}
	if c.err != nil {
		return c.err.Error()
	}
	return strings.TrimSpace(string(c.out.Buf))
}

func (c *call) want(t *testing.T, reply string) {
	t.Helper()
	if got := c.reply(); got != reply {
		t.Fatalf("got %q, want %q", got, reply)
	}
}

// pass lets time pass and everybody come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// bubble runs f where time passes only when everybody waits.
func bubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

func TestWhatWaitsWhileAnEntryIsUnderWayIsTheNextEntry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLog()
		n := start(t, l, "a")
		gate := make(chan struct{})
		n.set(func() {
			n.route, n.settled = Route{Self: true, Name: "a"}, true
			n.apply = func(data []byte) (any, error) { <-gate; return l.apply(data), nil }
		})
		first := n.do(t.Context(), false, incr("k"))
		synctest.Wait()
		var rest []*call
		for range 20 {
			rest = append(rest, n.do(t.Context(), false, incr("k")))
		}
		synctest.Wait()
		gate <- struct{}{}
		gate <- struct{}{}
		synctest.Wait()
		first.want(t, ":1")
		seen := map[string]bool{}
		for _, c := range rest {
			if c.err != nil || !c.local {
				t.Fatal(c.err, c.local)
			}
			seen[c.reply()] = true
		}
		if len(seen) != 20 || fmt.Sprint(l.batches(t)) != "[1 20]" {
			t.Fatalf("replies %v, entries %v", seen, l.batches(t))
		}
		close(gate)
	})
}

func TestWithoutALeaderNothingIsDoneAndThatIsSaid(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := start(t, newLog(), "a")
		began := time.Now()
		w, r := n.do(t.Context(), false, incr("k")), n.do(t.Context(), true, get("k"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		impatient := n.do(ctx, false, incr("k"))
		pass(4 * time.Second)
		w.want(t, ErrNoLeader.Error())
		r.want(t, ErrNoLeader.Error())
		impatient.want(t, ErrCanceled.Error())
		if d := time.Since(began); d != 4*time.Second {
			t.Fatal(d)
		}
	})
}

func TestRefusalsThatAreSureAreTriedAgainAndThoseThatAreNotAreSaidSo(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"not the leader":     {raft.ErrNotLeader, ErrNoLeader.Error()},
		"never accepted":     {raft.ErrEnqueueTimeout, ErrNoLeader.Error()},
		"leadership lost":    {raft.ErrLeadershipLost, ErrUncertain.Error()},
		"the disk failed":    {errors.New("input/output error"), ErrUncertain.Error()},
		"transfer under way": {raft.ErrLeadershipTransferInProgress, ErrNoLeader.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				n := start(t, newLog(), "a")
				tries := 0
				n.set(func() {
					n.route, n.settled = Route{Self: true, Name: "a"}, true
					n.apply = func([]byte) (any, error) { tries++; return nil, c.err }
				})
				w := n.do(t.Context(), false, incr("k"))
				pass(4 * time.Second)
				w.want(t, c.want)
				if tries < 100 {
					t.Errorf("tried %d times in 3 s", tries)
				}
			})
		})
	}
}

func TestALostEntryIsSentAgainAndAppliedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLog()
		n := start(t, l, "a")
		tries := 0
		n.set(func() {
			n.route, n.settled = Route{Self: true, Name: "a"}, true
			n.apply = func(data []byte) (any, error) {
				out := l.apply(data)
				if tries++; tries == 1 {
					return nil, raft.ErrLeadershipLost // it was applied all the same
				}
				return out, nil
			}
		})
		n.do(t.Context(), false, incr("k"))
		pass(time.Second)
		again := n.do(t.Context(), false, incr("k"))
		pass(time.Second)
		again.want(t, ":2")
		if tries != 3 {
			t.Errorf("%d tries", tries)
		}
	})
}

func TestATransferThatRefusesForEverEndsTheNode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := start(t, newLog(), "a")
		n.set(func() {
			n.route, n.settled = Route{Self: true, Name: "a"}, true
			n.apply = func([]byte) (any, error) { return nil, raft.ErrLeadershipTransferInProgress }
		})
		stop := time.Now().Add(8 * time.Second)
		for time.Now().Before(stop) {
			n.do(t.Context(), false, incr("k"))
			pass(500 * time.Millisecond)
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if len(n.failures) == 0 || !errors.Is(n.failures[0], raft.ErrLeadershipTransferInProgress) {
			t.Fatalf("failures %v", n.failures)
		}
	})
}

// two starts a follower whose outbox forwards to a leader over a bus.
func two(t *testing.T) (l *log, leader, follower *node) {
	l = newLog()
	leader, follower = start(t, l, "a"), start(t, l, "b")
	leader.set(func() { leader.route, leader.settled = Route{Self: true, Name: "a"}, true })
	to := leader.dial
	follower.set(func() {
		follower.dial = to
		follower.route = Route{Name: "a", Addr: "a:1"}
	})
	return l, leader, follower
}

func TestAFollowerForwardsWritesAndReads(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, leader, follower := two(t)
		leader.answer = func(body []byte, reply func(byte, []byte)) bool {
			out, err := leader.Read(t.Context(), body)
			if err != nil {
				return false // a group of writes
			}
			reply(bus.StatusOK, entry.AppendReplies(nil, out))
			return true
		}
		w := follower.do(t.Context(), false, incr("k"))
		synctest.Wait()
		w.want(t, ":1")
		if w.local {
			t.Error("applied by this node as leader")
		}
		r := follower.do(t.Context(), true, get("k"))
		synctest.Wait()
		r.want(t, "$1\r\n1")
	})
}

func TestAFrameKeepsItsNumberUntilItIsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, leader, follower := two(t)
		answers := []byte{StatusAgain, StatusMaybe}
		leader.set(func() {
			leader.answer = func(_ []byte, reply func(byte, []byte)) bool {
				if len(answers) == 0 {
					return false
				}
				reply(answers[0], nil)
				answers = answers[1:]
				return true
			}
		})
		w := follower.do(t.Context(), false, incr("k"))
		pass(time.Second)
		w.want(t, ":1")
		if fmt.Sprint(leader.received) != "[1 1 1]" || fmt.Sprint(l.batches(t)) != "[1]" {
			t.Fatalf("received %v, entries %v", leader.received, l.batches(t))
		}
	})
}

func TestTheLeadersRefusalReachesTheClient(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, leader, follower := two(t)
		leader.set(func() {
			leader.answer = func(_ []byte, reply func(byte, []byte)) bool {
				reply(StatusRefused, []byte("MISCONF no room"))
				return true
			}
		})
		w := follower.do(t.Context(), false, incr("k"))
		synctest.Wait()
		w.want(t, "MISCONF no room")
		if !errors.Is(w.err, ErrRefused) {
			t.Error("not ErrRefused")
		}
	})
}

func TestALeaderThatIsHeldUpByItsDiskGoesOnThroughTheNextOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLog()
		next, old := start(t, l, "a"), start(t, l, "b")
		hang := make(chan struct{})
		to := next.dial
		old.set(func() {
			old.dial = to
			old.route, old.settled = Route{Self: true, Name: "b"}, true
			old.apply = func(data []byte) (any, error) {
				<-hang
				return nil, raft.ErrLeadershipLost
			}
		})
		w := old.do(t.Context(), false, incr("k"))
		waiting := old.do(t.Context(), false, incr("k"))
		synctest.Wait()
		w.want(t, "(waits)")
		// Another node leads now; this one's Raft still waits for its disk.
		next.set(func() { next.route, next.settled = Route{Self: true, Name: "a"}, true })
		old.set(func() { old.route = Route{Name: "a", Addr: "a:1"} })
		pass(time.Second)
		if !w.done || !waiting.done {
			t.Fatalf("%q, %q", w.reply(), waiting.reply())
		}
		if got := w.reply() + waiting.reply(); got != ":1:2" && got != ":2:1" {
			t.Fatal(got)
		}
		close(hang) // the disk answers after all: nothing is counted again
		pass(time.Second)
		last := old.do(t.Context(), false, incr("k"))
		synctest.Wait()
		last.want(t, ":3")
		// It leads again, and its entries go through Raft again.
		old.set(func() { old.route, old.apply = Route{Self: true, Name: "b"}, nil })
		last = old.do(t.Context(), false, incr("k"))
		pass(time.Second)
		last.want(t, ":4")
	})
}

func TestTheEndOfTheNodeLeavesNobodyWaiting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := &node{log: newLog()}
		n.outbox = New(Config{Name: "a", RouteWait: 3 * time.Second, AnswerWait: 10 * time.Second, MaxCommand: 1 << 20, Logger: slog.New(slog.DiscardHandler), LevelOf: engine.LevelOf}, n)
		ctx, cancel := context.WithCancel(t.Context())
		hang := make(chan struct{})
		n.route, n.settled = Route{Self: true, Name: "a"}, true
		n.apply = func([]byte) (any, error) { <-hang; return nil, raft.ErrRaftShutdown }
		n.wg.Go(func() { n.outbox.Run(ctx) })
		flying := n.do(t.Context(), false, incr("k"))
		synctest.Wait()
		waiting := n.do(t.Context(), false, incr("k"))
		synctest.Wait()
		if n.outbox.Idle() {
			t.Error("idle while an entry is under way")
		}
		cancel()
		synctest.Wait()
		close(hang)
		n.wg.Wait()
		flying.want(t, ErrUncertain.Error())
		waiting.want(t, ErrClosed.Error())
		if _, err := n.outbox.Do(t.Context(), []engine.Command{incr("k")}, &engine.Replies{}, false); !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
		if err := n.outbox.Extra(t.Context(), entry.KindForget, nil); !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	})
}

func TestExtrasAreTheLeadersAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLog()
		n := start(t, l, "a")
		if err := n.outbox.Extra(t.Context(), entry.KindForget, []byte("x")); !errors.Is(err, ErrNoLeader) {
			t.Fatal(err)
		}
		n.set(func() { n.route, n.settled = Route{Self: true, Name: "a"}, true })
		if err := n.outbox.Extra(t.Context(), entry.KindForget, []byte("x")); err != nil || len(l.entries) != 1 {
			t.Fatal(err, len(l.entries))
		}
	})
}

func TestLargeGroupsAreSplitAndTooLargeCommandsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLog()
		n := start(t, l, "a")
		n.outbox.cfg.MaxCommand = 10_000
		n.set(func() { n.route, n.settled = Route{Self: true, Name: "a"}, true })
		big := strings.Repeat("x", 6_000)
		set := func(v string) engine.Command {
			return engine.Command{Proto: 2, Args: [][]byte{[]byte("SET"), []byte("k"), []byte(v)}}
		}
		many := n.do(t.Context(), false, set(big), set(big), set(big))
		synctest.Wait()
		many.want(t, "+OK\r\n+OK\r\n+OK")
		if len(l.batches(t)) < 2 {
			t.Errorf("entries %v", l.batches(t))
		}
		huge := n.do(t.Context(), false, set(strings.Repeat("x", 10_001)))
		synctest.Wait()
		huge.want(t, ErrTooLarge.Error())
	})
}

// An answer that does not come, though its leader stays what it is, is not waited for
// for ever: what had been sent is of unknown outcome, the rest surely not done.
func TestAnAnswerThatDoesNotComeIsNotWaitedForForEver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLog()
		leader, follower := start(t, l, "a"), start(t, l, "b")
		hang := make(chan struct{})
		leader.set(func() {
			leader.route, leader.settled = Route{Self: true, Name: "a"}, true
			leader.apply = func(data []byte) (any, error) { <-hang; return l.apply(data), nil }
		})
		follower.set(func() { follower.dial, follower.route = leader.dial, Route{Name: "a", Addr: "a:1"} })
		sent := leader.do(t.Context(), false, incr("k"))
		synctest.Wait()
		waits := leader.do(t.Context(), false, incr("k"))
		forwarded := follower.do(t.Context(), false, incr("k"))
		began := time.Now()
		pass(11 * time.Second)
		for _, c := range []struct {
			*call
			want error
		}{{sent, ErrUncertain}, {waits, ErrNoLeader}, {forwarded, ErrUncertain}} {
			if took := c.at.Sub(began); !c.done || !errors.Is(c.err, c.want) || took < 9*time.Second {
				t.Errorf("done %v, %v, after %v; want %v", c.done, c.err, took, c.want)
			}
		}
		// What was of unknown outcome is done in the end, once, and all goes on.
		leader.set(func() { leader.apply = nil })
		close(hang)
		pass(time.Second)
		last := follower.do(t.Context(), false, incr("k"))
		synctest.Wait()
		last.want(t, ":3")
		if !leader.outbox.Idle() || !follower.outbox.Idle() {
			t.Error("something is left")
		}
	})
}

// deaf is a connection that loses what is written to it, once on is set.
type deaf struct {
	net.Conn
	on *atomic.Bool
}

func (d deaf) Write(b []byte) (int, error) {
	if d.on.Load() {
		return len(b), nil
	}
	return d.Conn.Write(b)
}

func TestAConnectionThatLeadsNowhereIsGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLog()
		leader, follower := start(t, l, "a"), start(t, l, "b")
		leader.set(func() { leader.route, leader.settled = Route{Self: true, Name: "a"}, true })
		var lost atomic.Bool
		var dials atomic.Int32
		follower.set(func() {
			follower.route = Route{Name: "a", Addr: "a:1"}
			follower.dial = func(addr string) (net.Conn, error) {
				c, err := leader.dial(addr)
				if dials.Add(1) <= 2 && err == nil { // of writes and of reads
					c = deaf{c, &lost}
				}
				return c, err
			}
		})
		first := follower.do(t.Context(), false, incr("k"))
		pass(time.Second)
		first.want(t, ":1")
		lost.Store(true)
		second := follower.do(t.Context(), false, incr("k"))
		pass(9 * time.Second)
		third := follower.do(t.Context(), false, incr("k"))
		pass(2 * time.Second)
		second.want(t, ErrUncertain.Error())
		third.want(t, ":2") // sent again, over another connection
		if dials.Load() != 3 {
			t.Errorf("%d dials", dials.Load())
		}
	})
}
