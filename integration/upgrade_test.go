package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pingd/integration/procs"
	"pingd/integration/procs/wire"
	"pingd/kv/engine"
)

// previous is the version before this one: the commit that nodes are upgraded from.
// Its program has to run in one cluster with this one. A commit that adds a level (see
// engine.Level) moves it.
const previous = "3598b418910651b7b3443aa84fde12c67a4864fe"

// older returns the program of the version before. Where the repository is not here
// in full it is this one, without the commands that came later.
func older(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // a build
	defer cancel()
	dir := t.TempDir()
	old, err := procs.BuildAt(ctx, dir, previous, "cmd/pingd")
	if errors.Is(err, procs.ErrNoCommit) {
		t.Logf("%v: taking a build of level 1 for it\nhint: git fetch --unshallow", err)
		old, err = procs.Build(ctx, dir, "cmd/pingd", "pingd_level1")
	}
	if err != nil {
		t.Fatal(err)
	}
	return old
}

// Store after store is upgraded under load, and one put back, with the leader killed
// while both versions run: nothing is lost, read stale or done twice, and whoever
// leads, of whichever version, is followed.
func TestRollingUpgrade(t *testing.T) {
	binary, old := pingd(t), older(t)
	lab := procs.ForTest(t)
	cluster, err := procs.StartCluster(within(t), lab, procs.ClusterConfig{Binary: old, Stores: 3})
	if err != nil {
		t.Fatal(err)
	}
	c := runClients(cluster.Stores, 3, "n")
	defer c.end()
	whole := func() *procs.Node {
		t.Helper()
		leader, err := cluster.WaitWhole(within(t))
		if err != nil {
			t.Fatal(err)
		}
		c.more(t, 100)
		return leader
	}
	change := func(n *procs.Node, binary string) {
		t.Helper()
		whole()
		n.Use(binary)
		if err := errors.Join(n.Terminate(within(t)), n.Restart(within(t))); err != nil {
			t.Fatal(err)
		}
	}
	change(cluster.Stores[0], binary)
	// Both versions in one cluster: each leads once, and goes without a word.
	for _, n := range []*procs.Node{cluster.Stores[0], cluster.Stores[1]} {
		eventually(t, func(ctx context.Context) error {
			leader := whole()
			if leader == n {
				return nil
			}
			_, err := wire.Ask(ctx, leader.Redis, "PINGD", "TRANSFER", n.Name())
			return errors.Join(fmt.Errorf("%s does not lead", n.Name()), err)
		})
		if err := errors.Join(n.Kill(), n.Restart(within(t))); err != nil {
			t.Fatal(err)
		}
	}
	expectNew(t, cluster, false)
	change(cluster.Stores[1], binary)
	change(cluster.Stores[0], old) // and back
	change(cluster.Stores[2], binary)
	change(cluster.Stores[0], binary)
	whole()
	expectNew(t, cluster, true)
	c.verdict(t, cluster.Stores[2])
}

// expectNew sends a command that the older version does not know to every node. It is
// taken only once nobody runs that version any more.
func expectNew(t *testing.T, cluster *procs.Cluster, taken bool) {
	t.Helper()
	words := newWords()
	if words == nil {
		t.Log("both versions know the same commands")
		return
	}
	for _, n := range cluster.Stores {
		eventually(t, func(ctx context.Context) error {
			_, err := wire.Ask(ctx, n.Redis, words...)
			var said wire.Error
			if err != nil && !errors.As(err, &said) {
				return err
			}
			// The older version itself says that it is unknown.
			refused := strings.Contains(string(said), "older version") || strings.Contains(string(said), "unknown command")
			if refused == taken {
				return fmt.Errorf("%s answers %q to %s", n.Name(), said, words)
			}
			return nil
		})
	}
}

// newWords returns a command that changes data and that level 1 does not have; nil if
// there is none.
func newWords() []string {
	for _, s := range engine.Specs() {
		words := make([]string, max(s.Arity, -s.Arity))
		args := make([][]byte, len(words))
		for i := range words {
			words[i] = "1"
		}
		words[0] = s.Name
		for i := range words {
			args[i] = []byte(words[i])
		}
		if s.Flags&engine.Write != 0 && engine.LevelOf([]engine.Command{{Args: args}}) > 1 {
			return words
		}
	}
	return nil
}
