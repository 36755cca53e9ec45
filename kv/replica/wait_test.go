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
