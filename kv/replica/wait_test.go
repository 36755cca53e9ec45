package replica

import (
	"context"
	"testing"
	"time"
)

func TestWaitCountsNobodyWhoLacksWhatWasWrittenOverAFollower(t *testing.T) {
	t.Parallel()
	// A follower hears of a commit that late.
	c := newCluster(t, 3, func(cfg *Config) { cfg.CommitTimeout = 200 * time.Millisecond })
	leader := c.form()
	f, cut := c.others(leader)[0], c.others(leader)[1]
	f.must("SET", "k", "0")
	c.eventually("all to be level", func() bool {
		seen, ok := f.replica().prober.Last(cut.name)
		commit := leader.replica().commitIndex()
		return ok && seen.State.Applied >= commit && f.replica().commitIndex() == commit
	})
	c.net.isolate(cut.name)
	c.net.cut(cut.name)
	f.must("SET", "k", "1")
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if n := f.replica().WaitReplicas(ctx, 2); n != 1 {
		t.Errorf("WAIT 2 told of %d other nodes, one of which hears nothing", n)
	}
}

// A leader that has just been elected may not know yet that what others acknowledged
// is committed: backups and WAIT must not go by its commit index.
func TestAFreshLeaderTellsNoIndexBeforeItKnowsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, func(cfg *Config) { cfg.CommitTimeout, cfg.RouteWait = 3*time.Second, time.Second })
	disks := withDisks(c)
	old := c.form()
	c.voters(3)
	old.must("SET", "k", "1")
	acknowledged := old.replica().commitIndex()
	left := c.others(old)
	c.eventually("all to have the write", func() bool {
		for _, nd := range left {
			if nd.replica().raftNode().LastIndex() < acknowledged {
				return false
			}
		}
		return true
	})
	disks[left[0]].hang() // one of two that are left: nothing is committed any more
	old.kill()
	told := func(nd *node) (uint64, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		return nd.replica().leaderIndex(ctx)
	}
	for range 4 {
		for _, nd := range left {
			if index, err := told(nd); err == nil && index < acknowledged {
				t.Fatalf("%s is told of index %d, acknowledged was %d", nd.name, index, acknowledged)
			}
			pause(50 * time.Millisecond)
		}
	}
	disks[left[0]].thaw()
	for _, nd := range left {
		c.eventually("an index from a leader that knows", func() bool {
			index, err := told(nd)
			return err == nil && index >= acknowledged
		})
	}
}
