package replica

import (
	"fmt"
	"testing"
)

func TestSingleNodeStartsAClusterOfItsOwnAndRemembersIt(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"wal", "bolt"} {
		t.Run(kind, func(t *testing.T) {
			c := newCluster(t, 1, func(cfg *Config) { cfg.Join, cfg.Expect, cfg.LogStore = nil, 0, kind })
			n := c.nodes[0]
			n.start()
			for i := 1; i <= 3; i++ {
				if got := n.must("INCR", "k"); got != fmt.Sprintf(":%d", i) {
					t.Fatalf("INCR %d: %q", i, got)
				}
			}
			id := n.r.Status().Cluster
			if err := n.shut(); err != nil {
				t.Fatal(err)
			}
			n.start()
			if got := n.must("INCR", "k"); got != ":4" {
				t.Fatalf("after restart: %q", got)
			}
			if n.r.Status().Cluster != id {
				t.Fatal("another cluster after restart")
			}
		})
	}
}

func TestThreeNodesFormOneClusterInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 3, nil)
			for _, i := range order {
				c.nodes[i].start()
				pause(150e6)
			}
			c.leader()
			n := 0
			for range 3 {
				for _, nd := range c.nodes {
					n++
					if got := nd.must("INCR", "k"); got != fmt.Sprintf(":%d", n) {
						t.Fatalf("INCR on %s: %q, want %d", nd.name, got, n)
					}
					if got := nd.must("GET", "k"); got != fmt.Sprintf("$1\r\n%d", n) {
						t.Fatalf("GET on %s: %q, want %d", nd.name, got, n)
					}
				}
			}
			defer func() {
				if t.Failed() {
					for _, nd := range c.nodes {
						t.Logf("%+v", nd.r.Status())
					}
				}
			}()
			c.eventually("all members on all nodes", func() bool {
				for _, nd := range c.nodes {
					s := nd.r.Status()
					if len(s.Members) != 3 || s.Voters != 3 {
						return false
					}
					for _, m := range s.Members {
						if !m.Alive || m.Redis != "redis-of-"+m.Name {
							return false
						}
					}
				}
				return true
			})
		})
	}
}
