package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pingd/integration/procs"
)

// The leader's machine burns down under load. Another one is started in its place, and
// one command makes it a member and takes the dead one out.
func TestAMachineIsReplacedByOneCommand(t *testing.T) {
	lab := procs.ForTest(t)
	cluster, err := procs.StartCluster(within(t), lab, procs.ClusterConfig{Binary: pingd(t), Stores: 3})
	if err != nil {
		t.Fatal(err)
	}
	leader, err := cluster.WaitWhole(within(t))
	if err != nil {
		t.Fatal(err)
	}
	c := runClients(cluster.Stores, 2, "n")
	defer c.end()
	c.more(t, 200)
	if err := leader.Kill(); err != nil {
		t.Fatal(err)
	}
	c.more(t, 200)
	wipe(t, dirOf(t, lab, leader.Name()))
	fresh, err := cluster.AddStore(within(t), "fresh")
	if err != nil {
		t.Fatal(err)
	}
	out := mustRun(t, "replace", leader.Name(), fresh.Name(), "--join="+strings.Join(cluster.RedisAddrs(), ","))
	t.Log(strings.TrimSpace(out))
	for i, n := range cluster.Stores {
		if n == leader {
			cluster.Stores[i] = fresh
		}
	}
	if _, err := cluster.WaitWhole(within(t)); err != nil {
		t.Fatal(err)
	}
	for _, n := range cluster.Stores {
		eventually(t, func(ctx context.Context) error {
			list, _, err := run(ctx, t, "members", "--join="+n.Redis)
			if strings.Contains(list, leader.Name()) || strings.Count(list, "\n") != 4 {
				err = errors.Join(err, fmt.Errorf("members on %s:\n%s", n.Name(), list))
			}
			return err
		})
	}
	// Again, as by somebody who is not sure that it was done: an error that says so.
	if _, _, err := run(within(t), t, "replace", leader.Name(), fresh.Name(), "--join="+fresh.Redis); err == nil || !strings.Contains(err.Error(), leader.Name()) {
		t.Errorf("again: %v", err)
	}
	c.more(t, 200)
	c.verdict(t, fresh)
}
