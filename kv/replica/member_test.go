package replica

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"pingd/kv/engine"
	"pingd/kv/replica/bus"
)

// joining makes a cluster of one, and nodes that join it.
func joining(t *testing.T, n int) *cluster {
	c := newCluster(t, n, nil)
	for i, nd := range c.nodes {
		nd.cfg = func(cfg *Config) {
			cfg.Expect = 0
			if i == 0 {
				cfg.Join = nil
			}
		}
	}
	return c
}

func (c *cluster) voters(n int) {
	c.t.Helper()
	c.eventually(fmt.Sprintf("%d voters", n), func() bool {
		for _, nd := range c.nodes {
			if r := nd.replica(); r != nil && r.Status().Voters != n {
				return false
			}
		}
		return true
	})
}

func TestNodesJoinAClusterAndSurviveItsFirstNode(t *testing.T) {
	t.Parallel()
	c := joining(t, 3)
	c.nodes[2].start() // before there is anything to join
	pause(200 * time.Millisecond)
	c.nodes[0].start()
	c.eventually("first node", func() bool { _, err := c.nodes[0].do("SET", "k", "v"); return err == nil })
	c.nodes[1].start()
	c.voters(3)
	c.nodes[0].kill()
	c.eventually("a leader among the joined", func() bool {
		reply, err := c.nodes[2].do("GET", "k")
		return err == nil && reply == "$1\r\nv"
	})
	c.nodes[0].start()
	c.leader()
	c.sameDigest()
}

func TestANameInUseIsRefused(t *testing.T) {
	t.Parallel()
	c := joining(t, 2)
	c.nodes[0].start()
	c.leader0()
	twin := c.add("twin")
	twin.cfg = func(cfg *Config) { cfg.Name, cfg.Expect = "n1", 0 }
	twin.start()
	err := <-twin.done
	twin.done <- err
	if !errors.Is(err, ErrNameTaken) {
		t.Fatalf("Run returned %v", err)
	}
}

// leader0 waits until the first node leads.
func (c *cluster) leader0() {
	c.eventually("the first node to lead", func() bool { return c.nodes[0].replica().IsLeader() })
}

func TestRemovedNodeLeavesAndAWipedOneComesBack(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, nil)
	leader := c.form()
	c.voters(3)
	away := c.others(leader)[0]
	away.kill()
	// Another data directory under the same name: its votes are gone.
	dir := t.TempDir()
	old := away.cfg
	away.cfg = func(cfg *Config) { cfg.Dir = dir }
	away.start()
	c.eventually("the wiped node to hold the data", func() bool {
		var out engine.Replies
		_, _ = leader.do("SET", "k", "v") // a busy machine may be between two leaders
		err := away.replica().ReadLocal([]engine.Command{command("GET", "k")}, &out)
		return err == nil && string(out.Buf) == "$1\r\nv\r\n"
	})
	c.voters(3)
	away.cfg = old
	// Removed from a third node: the request travels to the leader.
	via := c.others(leader)[1]
	if err := via.replica().Remove(context.Background(), away.name); err != nil {
		t.Fatal(err)
	}
	err := <-away.done
	away.done <- err
	if !errors.Is(err, ErrRemoved) {
		t.Fatalf("Run of the removed node returned %v", err)
	}
	away.shut()
	c.voters(2)
	if err := via.replica().Remove(context.Background(), "nobody"); err == nil || !strings.Contains(err.Error(), ErrUnknown.Error()) {
		t.Fatalf("removing nobody: %v", err)
	}
	// A leader can be removed as well, from anywhere: it hands over first.
	if err := via.replica().Remove(context.Background(), c.leader().name); err != nil {
		t.Fatal(err)
	}
	var last *node
	c.eventually("the last node alone", func() bool {
		for _, nd := range []*node{via, leader} {
			if s := nd.replica().Status(); s.Voters == 1 && nd.replica().IsLeader() {
				last = nd
			}
		}
		return last != nil
	})
	last.must("SET", "k", "alone")
	if err := last.replica().Remove(context.Background(), last.name); !errors.Is(err, ErrLast) {
		t.Fatalf("removing the last: %v", err)
	}
}

func TestALeaderRemovesItself(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, nil)
	leader := c.form()
	c.voters(3)
	l := startLoad(c, 6)
	c.eventually("progress", func() bool { return l.count() > 50 })
	// The answer may be lost with the node.
	if err := leader.replica().Remove(context.Background(), leader.name); err != nil && !errors.Is(err, bus.ErrLost) {
		t.Fatal(err)
	}
	err := <-leader.done
	leader.done <- err
	if !errors.Is(err, ErrRemoved) {
		t.Fatalf("Run of the removed leader returned %v", err)
	}
	leader.shut()
	next := c.leaderBut(leader)
	before := l.count()
	c.eventually("progress without it", func() bool { return l.count() > before+50 })
	l.stop.Store(true)
	l.wg.Wait()
	l.end(t, next.counter())
	if s := next.replica().Status(); s.Voters != 2 || len(s.Members) != 2 {
		t.Errorf("%d voters, %d members", s.Voters, len(s.Members))
	}
}

func TestANodeMayMove(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, nil)
	leader := c.form()
	c.voters(3)
	moved := c.others(leader)[0]
	if err := moved.shut(); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	moved.addr = ln.Addr().String()
	c.net.name(moved.addr, moved.name)
	moved.cfg = func(cfg *Config) { cfg.Listener = ln }
	moved.start()
	c.eventually("the new address at the leader", func() bool {
		s, ok := leader.replica().server(moved.name)
		m, _ := leader.replica().machine.Member(moved.name)
		return ok && string(s.Address) == moved.addr && m.Raft == moved.addr
	})
	c.sameDigest()
	moved.must("SET", "k", "v")
	moved.cfg = nil
}

func TestWrongSecretIsRefused(t *testing.T) {
	t.Parallel()
	c := joining(t, 2)
	c.tune = func(cfg *Config) { cfg.Secret = "secret of " + cfg.Name }
	c.nodes[0].start()
	c.leader0()
	n := c.nodes[1]
	n.start()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := n.replica().askPeer(ctx, c.nodes[0].addr)
	if err == nil || !strings.Contains(err.Error(), "wrong cluster secret") {
		t.Fatalf("error %v", err)
	}
	if s := n.replica().Status(); s.State != "forming" {
		t.Fatalf("state %q", s.State)
	}
	c.nodes[0].must("SET", "k", "v")
}

func TestPublishReachesEveryNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, nil)
	got := make(chan string, 10)
	c.form()
	for _, nd := range c.nodes {
		nd.replica().OnPublish(func(channel, payload []byte) int64 {
			got <- nd.name + " " + string(channel) + " " + string(payload)
			return 2
		})
	}
	c.eventually("all three to hear", func() bool {
		n, err := c.nodes[1].replica().Publish(context.Background(), []byte("news"), []byte("hello"))
		return err == nil && n == 6
	})
	seen := map[string]bool{}
	for len(got) > 0 {
		seen[<-got] = true
	}
	for _, nd := range c.nodes {
		if !seen[nd.name+" news hello"] {
			t.Errorf("%s heard nothing", nd.name)
		}
	}
}

func TestKeysExpireByThemselvesOnEveryNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, nil)
	leader := c.form()
	leader.must("SET", "k", "v", "PX", "150")
	c.eventually("the key to go", func() bool {
		for _, nd := range c.nodes {
			if nd.replica().Engine().Version(0, []byte("k")) != 0 {
				return false
			}
		}
		return true
	})
}

func TestPipelinesMixReadsAndWrites(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, nil)
	c.form()
	for _, nd := range c.nodes {
		var out engine.Replies
		out.Buf = append(out.Buf, "kept\r\n"...)
		out.End()
		key := "k-" + nd.name
		err := nd.replica().Do(context.Background(), []engine.Command{
			command("GET", key), command("INCR", key), command("GET", key), command("INCR", key),
			command("GET", key), command("NOSUCH", key), command("DEL", key),
		}, &out)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range out.Len() {
			got = append(got, strings.TrimSpace(string(out.At(i))))
		}
		if s := strings.Join(got[:6], "|"); s != "kept|$-1|:1|$1\r\n1|:2|$1\r\n2" || len(got) != 8 || !strings.HasPrefix(got[6], "-ERR") || got[7] != ":1" {
			t.Fatalf("%s: %q", nd.name, got)
		}
	}
}

func TestCommandsTooLargeAreRefusedAndBigGroupsSplit(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1, func(cfg *Config) { cfg.Join, cfg.Expect, cfg.MaxCommand = nil, 0, 100_000 })
	n := c.nodes[0]
	n.start()
	if _, err := n.do("SET", "k", strings.Repeat("x", 100_001)); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("error %v", err)
	}
	var cmds []engine.Command
	for i := range 40 {
		cmds = append(cmds, command("SET", fmt.Sprint(i), strings.Repeat("x", 20_000)))
	}
	var out engine.Replies
	if err := n.replica().Do(context.Background(), cmds, &out); err != nil || out.Len() != 40 {
		t.Fatal(err, out.Len())
	}
}

// move gives a node that is down another address.
func (nd *node) move(addr string) {
	nd.addr = addr
	nd.c.net.name(addr, nd.name)
}

func TestAllNodesMayMoveAtOnceAndTakeEachOthersAddresses(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]func(c *cluster, i int) string{
		"to new addresses":  func(c *cluster, i int) string { return freeAddr(t) },
		"in a circle":       func(c *cluster, i int) string { return c.nodes[(i+1)%3].addr },
		"two change places": func(c *cluster, i int) string { return c.nodes[[]int{1, 0, 2}[i]].addr },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 3, nil)
			c.form()
			c.voters(3)
			c.nodes[0].must("SET", "k", "v")
			var addrs []string
			for i, nd := range c.nodes {
				addrs = append(addrs, where(c, i))
				_ = nd.shut()
			}
			for i, nd := range c.nodes {
				nd.move(addrs[i])
			}
			for _, nd := range c.nodes {
				nd.start()
			}
			c.leader()
			for _, nd := range c.nodes {
				if got := nd.must("GET", "k"); got != "$1\r\nv" {
					t.Fatal(got)
				}
			}
			c.eventually("everybody where it is now", func() bool {
				for _, nd := range c.nodes {
					for _, s := range nd.replica().servers() {
						i := slices.IndexFunc(c.nodes, func(o *node) bool { return o.name == string(s.ID) })
						if string(s.Address) != c.nodes[i].addr || nd.replica().roster.Addr(s) != string(s.Address) {
							return false
						}
					}
				}
				return true
			})
			c.sameDigest()
		})
	}
}

func TestANodeOfAnotherClusterIsRefused(t *testing.T) {
	t.Parallel()
	c := joining(t, 2)
	alone := c.add("alone")
	alone.cfg = func(cfg *Config) { cfg.Join, cfg.Expect = nil, 0 }
	c.nodes[0].start()
	c.nodes[1].start()
	c.voters(2)
	alone.start()
	alone.must("SET", "mine", "1")
	_ = alone.shut()
	// Its data stays where it is, and it says what to do.
	alone.cfg = func(cfg *Config) { cfg.Join, cfg.Expect = []string{c.nodes[0].addr}, 0 }
	alone.start()
	err := <-alone.done
	alone.done <- err
	if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "hint: ") {
		t.Fatalf("Run returned %v", err)
	}
	_ = alone.shut()
	if s := c.nodes[0].replica().Status(); s.Voters != 2 || len(s.Members) != 2 {
		t.Errorf("%d voters, %d members", s.Voters, len(s.Members))
	}
	alone.cfg = func(cfg *Config) { cfg.Join, cfg.Expect = nil, 0 }
	alone.start()
	if got := alone.must("GET", "mine"); got != "$1\r\n1" {
		t.Fatal(got)
	}
}

func TestAMemberThatIsDeadForGoodIsRemovedWhileEnoughRemain(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 4, func(cfg *Config) { cfg.RemoveDead = 1500 * time.Millisecond })
	leader := c.form()
	c.voters(4)
	dead := c.others(leader)[0]
	dead.kill()
	left := func(n int) bool {
		for _, nd := range c.nodes {
			if r := nd.replica(); r != nil && (r.Status().Voters != n || len(r.Members()) != n) {
				return false
			}
		}
		return true
	}
	c.eventually("it to be removed", func() bool { return left(3) })
	// It returns with a message, and by the same command with an empty directory.
	dead.start()
	err := <-dead.done
	dead.done <- err
	if !errors.Is(err, ErrRemoved) {
		t.Fatalf("Run of the removed node returned %v", err)
	}
	dead.shut()
	// The next one stays: three have to remain.
	next := c.others(c.leader())
	for _, nd := range next {
		if nd != dead {
			nd.kill()
			pause(3 * time.Second)
			if !left(3) {
				t.Error("a third voter was removed")
			}
			nd.start()
			break
		}
	}
	c.leader().must("SET", "k", "v")
}
