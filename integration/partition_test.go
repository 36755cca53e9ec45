package integration

import (
	"slices"
	"testing"

	"pingd/integration/procs"
	"pingd/integration/procs/netns"
)

// TestPartitions cuts real hosts off from one another while clients reach all of them.
func TestPartitions(t *testing.T) {
	net := netns.New(t, 3)
	lab := procs.ForTest(t)
	cluster, err := procs.StartCluster(within(t), lab, procs.ClusterConfig{
		Binary: pingd(t), Stores: 3, Hosts: net.Hosts, StoreArgs: []string{"--insecure"},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := runClients(cluster.Stores, 3, "n")
	defer c.end()
	cuts := []struct {
		name string
		do   func(leader int) error
	}{
		{"the leader from all", net.Isolate},
		{"a follower from all", func(l int) error { return net.Isolate((l + 1) % 3) }},
		{"what the leader sends", func(l int) error {
			if err := net.Cut(l, (l+1)%3); err != nil {
				return err
			}
			return net.Cut(l, (l+2)%3)
		}},
		{"what the leader is sent", func(l int) error {
			if err := net.Cut((l+1)%3, l); err != nil {
				return err
			}
			return net.Cut((l+2)%3, l)
		}},
		{"the leader from one", func(l int) error { return net.Cut(l, (l+1)%3) }},
	}
	for range faultRounds() {
		for _, cut := range cuts {
			leader, err := cluster.WaitWhole(within(t))
			if err != nil {
				t.Fatalf("before %s: %v", cut.name, err)
			}
			c.more(t, 60)
			if err := cut.do(slices.Index(cluster.Stores, leader)); err != nil {
				t.Fatal(err)
			}
			c.more(t, 200) // a majority goes on, whatever is cut
			if err := net.Heal(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := cluster.WaitWhole(within(t)); err != nil {
		t.Fatal(err)
	}
	c.more(t, 60)
	c.verdict(t, cluster.Stores[0])
}
