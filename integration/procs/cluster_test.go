package procs_test

import (
	"slices"
	"testing"
	"time"

	"pingd/integration/procs"
)

// TestCluster holds the harness itself against the real binary: a cluster
// comes up, its leader is found, killed and replaced, and it is whole again.
func TestCluster(t *testing.T) {
	lab, ctx := procs.ForTest(t), within(t, time.Minute)
	dir, err := lab.Dir("bin")
	if err != nil {
		t.Fatal(err)
	}
	binary, err := procs.Build(ctx, dir, "cmd/pingd")
	if err != nil {
		t.Fatal(err)
	}
	c, err := procs.StartCluster(ctx, lab, procs.ClusterConfig{Binary: binary, Stores: 3, Counters: 1, Proxies: 1, Monitor: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.Nodes()); n != 6 {
		t.Errorf("%d processes, want 6", n)
	}
	old, err := c.WaitWhole(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Kill(); err != nil {
		t.Fatal(err)
	}
	now, err := c.WaitLeader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if now == old {
		t.Errorf("%s is killed and leads", old.Name())
	}
	if err := procs.Poll(ctx, procs.Answers("http://"+c.Proxies[0].HTTP+"/")); err != nil {
		t.Errorf("a visit after the kill: %v", err)
	}
	if err := old.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WaitWhole(ctx); err != nil {
		t.Error(err)
	}
	for _, n := range slices.Backward(c.Nodes()) { // those that use the store first
		if err := n.Terminate(within(t, 20*time.Second)); err != nil {
			t.Error(err)
		}
	}
}
