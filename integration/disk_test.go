//go:build linux

package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pingd/integration/procs"
	"pingd/integration/procs/disk"
	"pingd/integration/procs/wire"
)

// onDisks is three stores with a disk each, under load.
type onDisks struct {
	*procs.Cluster
	*clients
	disks map[*procs.Node]*disk.Disk
}

func startOnDisks(t *testing.T) *onDisks {
	t.Helper()
	lab := procs.ForTest(t)
	root, err := lab.Dir(".")
	if err != nil {
		t.Fatal(err)
	}
	c := &onDisks{disks: map[*procs.Node]*disk.Disk{}}
	var list []*disk.Disk
	for i := range 3 {
		list = append(list, disk.New(t, filepath.Join(root, fmt.Sprintf("store%d", i+1)), 640))
	}
	// What hangs in a write cannot be killed: the disks thaw before the processes end.
	t.Cleanup(func() {
		for _, d := range list {
			if err := d.Thaw(); err != nil {
				t.Error(err)
			}
		}
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	c.Cluster, err = procs.StartCluster(within(t), lab, procs.ClusterConfig{Binary: pingd(t), Stores: 3})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range c.Stores {
		c.disks[n] = list[i]
	}
	c.clients = runClients(c.Stores, 3, "n")
	t.Cleanup(c.end)
	return c
}

func (c *onDisks) whole(t *testing.T) *procs.Node {
	t.Helper()
	leader, err := c.WaitWhole(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return leader
}

// powerCut takes the power of some nodes, all at the same moment as far as that goes,
// and gives it back.
func (c *onDisks) powerCut(t *testing.T, nodes ...*procs.Node) {
	t.Helper()
	for _, n := range nodes {
		if err := c.disks[n].Fail(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		if err := errors.Join(c.disks[n].Remount(), n.Restart(within(t))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPowerCutsLoseNothing(t *testing.T) {
	c := startOnDisks(t)
	for range faultRounds() {
		c.more(t, 200)
		c.powerCut(t, c.whole(t))
		c.more(t, 200)
		c.powerCut(t, c.Stores...)
		// A killed process leaves what it had not synced to the next one, and a power
		// cut takes it then.
		leader := c.whole(t)
		if err := errors.Join(leader.Kill(), leader.Restart(within(t))); err != nil {
			t.Fatal(err)
		}
		c.more(t, 50)
		c.powerCut(t, c.Stores...)
		c.whole(t)
	}
	c.more(t, 200)
	c.verdict(t, c.Stores[0])
}

// hungFor is longer than a hung disk at the leader may cost.
const hungFor = 6 * time.Second

func TestALeadersHungDiskCostsLittle(t *testing.T) {
	c := startOnDisks(t)
	best := time.Hour
	for try := 0; try < 3 && best > 5*time.Second || try < faultRounds(); try++ {
		c.more(t, 100)
		leader := c.whole(t)
		at := time.Since(c.start)
		if err := c.disks[leader].Freeze(); err != nil {
			t.Fatal(err)
		}
		<-time.After(hungFor)
		if err := c.disks[leader].Thaw(); err != nil {
			t.Fatal(err)
		}
		best = min(best, c.gap(at, at+hungFor))
	}
	t.Logf("longest time without an acknowledged write: %s", best)
	if best > 5*time.Second {
		t.Errorf("a hung disk cost %s without an acknowledged write", best)
	}
	restartTheDead(t, c)
	c.whole(t)
	c.more(t, 100)
	c.verdict(t, c.Stores[1])
}

// restartTheDead starts again what left because of its disk.
func restartTheDead(t *testing.T, c *onDisks) {
	t.Helper()
	for _, n := range c.Stores {
		if !n.Running() {
			if err := n.Restart(within(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestALeadersFailingDiskEndsItAlone(t *testing.T) {
	c := startOnDisks(t)
	c.more(t, 100)
	leader := c.whole(t)
	if err := c.disks[leader].Fail(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-leader.Done():
	case <-within(t).Done():
		t.Fatal("a leader that cannot write stays")
	}
	if code := leader.ExitCode(); code != 1 {
		t.Errorf("exit status %d, want 1\n%s", code, leader.Tail(20))
	}
	if text := leader.Tail(20); !strings.Contains(text, "input/output error") || strings.Contains(text, "panic:") {
		t.Errorf("it does not say why it left:\n%s", text)
	}
	c.more(t, 100)
	if err := errors.Join(c.disks[leader].Remount(), leader.Restart(within(t))); err != nil {
		t.Fatal(err)
	}
	c.whole(t)
	c.more(t, 100)
	c.verdict(t, leader)
}

func TestFullDisksRefuseAndRecover(t *testing.T) {
	c := startOnDisks(t)
	c.more(t, 100)
	leader := c.whole(t)
	// One of three: the others go on.
	if err := c.disks[leader].Fill(120); err != nil {
		t.Fatal(err)
	}
	c.more(t, 200)
	for _, n := range c.Stores {
		if n != leader {
			if err := c.disks[n].Fill(120); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, func(ctx context.Context) error {
		_, err := wire.Ask(ctx, c.Stores[0].Redis, "SET", "k", "v")
		if err == nil {
			return errors.New("a write was taken")
		}
		if text := err.Error(); strings.Contains(text, "MISCONF") && strings.Contains(text, "MiB free") {
			return nil
		}
		return err
	})
	if _, err := wire.Ask(within(t), c.Stores[0].Redis, "GET", "n"); err != nil {
		t.Errorf("reads are not served from a full disk: %v", err)
	}
	for _, d := range c.disks {
		if err := d.Empty(); err != nil {
			t.Fatal(err)
		}
	}
	restartTheDead(t, c)
	c.whole(t)
	c.more(t, 200)
	c.verdict(t, c.Stores[2])
}

func TestANodeWithoutItsDiskComesBackByTheSameCommand(t *testing.T) {
	c := startOnDisks(t)
	for range faultRounds() {
		for _, n := range c.Stores {
			c.more(t, 50)
			c.whole(t)
			if err := n.Kill(); err != nil {
				t.Fatal(err)
			}
			for _, pattern := range []string{"*", ".*"} {
				list, err := filepath.Glob(filepath.Join(c.disks[n].Dir, pattern))
				if err != nil {
					t.Fatal(err)
				}
				for _, path := range list {
					if err := os.RemoveAll(path); err != nil && filepath.Base(path) != "." && filepath.Base(path) != ".." {
						t.Fatal(err)
					}
				}
			}
			if err := n.Restart(within(t)); err != nil {
				t.Fatal(err)
			}
			c.whole(t)
		}
	}
	c.more(t, 50)
	c.verdict(t, c.Stores[0])
}
