package replica

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pingd/kv/engine"
)

// bestOf tries what a busy machine may spoil up to three times.
func bestOf(t *testing.T, what string, try func() bool) {
	t.Helper()
	for range 3 {
		if try() {
			return
		}
	}
	t.Errorf("three times in vain: %s", what)
}

func TestANodeThatWasAwayDeposesNobody(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, nil)
	c.form()
	c.voters(3)
	bestOf(t, "the term is what it was", func() bool {
		leader := c.leader()
		before := leader.replica().Status().Term
		away := c.others(leader)[0]
		c.net.isolate(away.name)
		pause(1200 * time.Millisecond) // several election timeouts: it asks in vain
		c.net.heal(away.name)
		c.eventually("the node to follow again", func() bool { return away.replica().Status().Leader == c.leader().name })
		leader.must("INCR", "k")
		return leader.replica().IsLeader() && leader.replica().Status().Term == before
	})
}

func (nd *node) readLocal(words ...string) (string, error) {
	var out engine.Replies
	err := nd.replica().ReadLocal([]engine.Command{command(words...)}, &out)
	return string(out.Buf), err
}

func TestLocalReadsAreNoOlderThanTheirBound(t *testing.T) {
	t.Parallel()
	const bound = time.Second
	c := newCluster(t, 3, func(cfg *Config) { cfg.StaleBound = bound })
	leader := c.form()
	c.voters(3)
	leader.must("SET", "k", "v")
	for _, nd := range c.nodes {
		c.eventually("the value on "+nd.name, func() bool {
			got, err := nd.readLocal("GET", "k")
			return err == nil && got == "$1\r\nv\r\n"
		})
	}
	// Neither a follower nor a leader that is cut off answers for longer than that.
	for _, nd := range []*node{c.others(leader)[0], leader} {
		c.net.isolate(nd.name)
		pause(bound + 100*time.Millisecond)
		if got, err := nd.readLocal("GET", "k"); !errors.Is(err, ErrStale) {
			t.Errorf("%s, cut off, answers %q, %v", nd.name, got, err)
		}
		c.net.heal(nd.name)
		c.eventually(nd.name+" to answer again", func() bool { _, err := nd.readLocal("GET", "k"); return err == nil })
		c.leader()
	}
}

func TestLocalReadsWaitUntilTheNodeHasCaughtUp(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, func(cfg *Config) { cfg.StaleBound = time.Hour })
	disks := withDisks(c)
	leader := c.form()
	c.voters(3)
	late := c.others(leader)[0]
	late.kill()
	leader.must("SET", "k", "new")
	// It hears of its leader all the time, but its data is as old as its disk is full.
	disks[late].free.Store(1 << 20)
	late.start()
	c.eventually("the node to hear of the leader", func() bool { return late.replica().Status().Leader != "" })
	pause(time.Second)
	if got, err := late.readLocal("GET", "k"); !errors.Is(err, ErrStale) {
		t.Fatalf("answers %q, %v", got, err)
	}
	disks[late].free.Store(plenty)
	c.eventually("the new value", func() bool { got, err := late.readLocal("GET", "k"); return err == nil && got == "$3\r\nnew\r\n" })
}

func TestTransfersUnderLoadSucceed(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.form()
	c.voters(3)
	l := startLoad(c, 12)
	var gaps []time.Duration
	for i := range 6 {
		before := l.count()
		c.eventually("progress", func() bool { return l.count() > before+100 })
		to := c.others(c.leader())[i%2]
		at := time.Now()
		if err := to.replica().Transfer(context.Background(), to.name); err != nil {
			t.Logf("transfer %d: %v", i, err)
			continue
		}
		c.eventually("the node to lead", func() bool { return to.replica().IsLeader() })
		gaps = append(gaps, time.Since(at))
	}
	l.stop.Store(true)
	l.wg.Wait()
	l.end(t, c.counter())
	c.sameDigest()
	slices.Sort(gaps)
	t.Logf("transfers: %v", gaps)
	if len(gaps) < 3 {
		t.Errorf("%d of 6 transfers succeeded", len(gaps))
	}
}

// crash ends a node as the end of its process does: its connections are closed and
// new ones refused.
func (nd *node) crash() {
	r := nd.replica()
	r.bus.Shut()
	r.fail(errKilled)
	_ = nd.shut()
}

func TestALeaderWhoseProcessEndsIsReplacedWithoutATimeout(t *testing.T) {
	t.Parallel()
	const timeout = 1500 * time.Millisecond
	c := newCluster(t, 3, func(cfg *Config) { cfg.ElectionTimeout = timeout })
	c.form()
	c.voters(3)
	bestOf(t, "another leader in half the time", func() bool {
		leader := c.leader()
		leader.must("INCR", "n")
		c.eventually("the others to know that it leads", func() bool {
			for _, nd := range c.others(leader) {
				if _, ok := nd.replica().followed(); !ok {
					return false
				}
			}
			return true
		})
		at := time.Now()
		leader.crash()
		next := c.leaderBut(leader)
		took := time.Since(at)
		next.must("INCR", "n")
		leader.start()
		c.voters(3)
		t.Logf("another leader after %v", took)
		return took < timeout/2
	})
	c.leader()
	c.sameDigest()
}

func TestALeaderThatReadsOnLeaseIsLeftToItsTimeout(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, func(cfg *Config) { cfg.LeaseReads = true })
	leader := c.form()
	c.voters(3)
	pause(2 * time.Second) // they have asked it more than once
	for _, nd := range c.others(leader) {
		if l, ok := nd.replica().followed(); ok {
			t.Errorf("%s would stand against %+v", nd.name, l)
		}
	}
}
