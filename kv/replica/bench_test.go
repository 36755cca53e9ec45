package replica

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pingd/kv/engine"
)

// BenchmarkDo measures INCR and GET on three nodes of this process, each with
// its own log on disk and real fsync.
func BenchmarkDo(b *testing.B) {
	for _, store := range []string{"wal", "bolt"} {
		c := newCluster(b, 3, func(cfg *Config) { cfg.LogStore = store })
		leader := c.form()
		follower := c.others(leader)[0]
		for _, bench := range []struct {
			name     string
			at       *node
			clients  int
			pipeline int
			words    []string
		}{
			{"incr", leader, 1, 1, []string{"INCR", "k"}},
			{"incr", leader, 50, 1, []string{"INCR", "k"}},
			{"incr", leader, 200, 1, []string{"INCR", "k"}},
			{"incr", leader, 50, 16, []string{"INCR", "k"}},
			{"incr-follower", follower, 1, 1, []string{"INCR", "k"}},
			{"incr-follower", follower, 50, 1, []string{"INCR", "k"}},
			{"incr-follower", follower, 200, 1, []string{"INCR", "k"}},
			{"incr-follower", follower, 50, 16, []string{"INCR", "k"}},
			{"get", leader, 1, 1, []string{"GET", "k"}},
			{"get", leader, 50, 1, []string{"GET", "k"}},
			{"get", leader, 50, 16, []string{"GET", "k"}},
			{"get-follower", follower, 50, 1, []string{"GET", "k"}},
		} {
			b.Run(fmt.Sprintf("%s/%s/clients=%d/pipeline=%d", store, bench.name, bench.clients, bench.pipeline), func(b *testing.B) {
				cmds := make([]engine.Command, bench.pipeline)
				for i := range cmds {
					cmds[i] = command(bench.words...)
				}
				var left atomic.Int64
				left.Store(int64(b.N))
				var wg sync.WaitGroup
				b.ReportAllocs()
				b.ResetTimer()
				for range bench.clients {
					wg.Go(func() {
						var out engine.Replies
						for left.Add(-int64(bench.pipeline)) > -int64(bench.pipeline) {
							out.Reset()
							if err := bench.at.replica().Do(context.Background(), cmds, &out); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
			})
		}
		for _, nd := range c.nodes {
			nd.shut()
		}
	}
}

// BenchmarkFollowerLag measures how late an idle follower applies a write: what
// Config.CommitTimeout buys.
func BenchmarkFollowerLag(b *testing.B) {
	for _, timeout := range []time.Duration{5, 10, 20, 50} {
		c := newCluster(b, 3, func(cfg *Config) { cfg.CommitTimeout = timeout * time.Millisecond })
		leader := c.form()
		follower := c.others(leader)[0].replica()
		b.Run(fmt.Sprintf("commit-timeout=%dms", timeout), func(b *testing.B) {
			var sum time.Duration
			for range b.N {
				leader.must("INCR", "k")
				index, _ := leader.replica().machine.Applied()
				at := time.Now()
				if err := follower.machine.Wait(context.Background(), index, 0); err != nil {
					b.Fatal(err)
				}
				sum += time.Since(at)
			}
			b.ReportMetric(float64(sum.Microseconds())/float64(b.N), "lag-us")
		})
		for _, nd := range c.nodes {
			nd.shut()
		}
	}
}
