package integration

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"pingd/integration/procs"
)

// TestLifeAfterALostMajority loses two stores of three for good, goes on with the
// third alone, keeps away an old one that comes back, lets empty ones join, and then
// replaces one whose log has a flipped bit: by the commands of docs/repair.md.
func TestLifeAfterALostMajority(t *testing.T) {
	lab := procs.ForTest(t)
	c, err := procs.StartCluster(within(t), lab, procs.ClusterConfig{Binary: pingd(t), Stores: 3})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.WaitWhole(within(t)); err != nil {
		t.Fatal(err)
	}
	left, lost, late := c.Stores[0], c.Stores[1], c.Stores[2]
	redisCLI(t, left.Redis, "SET", "marker", "kilroy-was-here")
	client := redis.NewClient(&redis.Options{Addr: lost.Redis})
	defer client.Close()
	pipe := client.Pipeline()
	for i := range 300 {
		pipe.HSet(t.Context(), fmt.Sprint("hash", i%7), fmt.Sprint("f", i), strings.Repeat("v", i))
	}
	if _, err := pipe.Exec(within(t)); err != nil {
		t.Fatal(err)
	}
	want := contents(t, left)
	agree(t, c.Stores, want)

	// The majority is gone, with its disks; what one of them had comes back later.
	dirs := map[*procs.Node]string{}
	for _, n := range c.Stores {
		dirs[n] = dirOf(t, lab, n.Name())
	}
	for _, n := range []*procs.Node{lost, late} {
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	wipe(t, dirs[lost])
	if err := holds(t, left.Redis, want)(within(t)); err != nil { // --stale, to be safe
		t.Error(err)
	}

	// Not while it runs, nor without its name; then it is a cluster of its own.
	recovery := []string{"recover", "--data=" + dirs[left], "--name=" + left.Name()}
	if _, _, err := run(within(t), t, recovery...); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("recover on a running node: %v", err)
	}
	if err := left.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(within(t), t, recovery...); err == nil || !strings.Contains(err.Error(), "--confirm="+left.Name()) {
		t.Errorf("recover without --confirm: %v", err)
	}
	t.Log(mustRun(t, append(recovery, "--confirm="+left.Name())...))
	startAgain(t, left)
	eventually(t, procs.Answers("http://"+left.Admin+"/readyz"))
	agree(t, c.Stores[:1], want)
	redisCLI(t, left.Redis, "SET", "after", "recovery")
	want = contents(t, left)

	// A node of the old cluster stays outside, whatever it has.
	startAgain(t, late)
	eventually(t, func(context.Context) error {
		if !bytes.Contains([]byte(late.Tail(200)), []byte("another cluster")) {
			return fmt.Errorf("no word of another cluster in\n%s", late.Tail(20))
		}
		return nil
	})
	if err := holds(t, left.Redis, want)(within(t)); err != nil {
		t.Error(err)
	}
	if err := late.Kill(); err != nil {
		t.Fatal(err)
	}
	wipe(t, dirs[late])
	startAgain(t, lost)
	startAgain(t, late)
	if _, err := c.WaitWhole(within(t)); err != nil {
		t.Fatal(err)
	}
	agree(t, c.Stores, want)

	// A flipped bit: the node does not start, says what to do, and is replaced.
	redisCLI(t, left.Redis, "SET", "marker", "kilroy-was-there")
	want = contents(t, left)
	agree(t, c.Stores, want)
	if err := late.Kill(); err != nil {
		t.Fatal(err)
	}
	flip(t, dirs[late], "kilroy-was-there")
	if err := late.Restart(within(t)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-late.Done():
	case <-within(t).Done():
		t.Fatalf("a node with a damaged log runs:\n%s", late.Tail(20))
	}
	if tail := late.Tail(2); late.ExitCode() != 1 || !strings.Contains(tail, "is damaged: "+dirs[late]+"/wal/") || !strings.Contains(tail, "hint: replace this node") {
		t.Errorf("exit status %d:\n%s", late.ExitCode(), tail)
	}
	wipe(t, dirs[late])
	startAgain(t, late)
	if _, err := c.WaitWhole(within(t)); err != nil {
		t.Fatal(err)
	}
	agree(t, c.Stores, want)
}

// contents is the digest of what a node has.
func contents(t *testing.T, n *procs.Node) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dump.rdb")
	mustRun(t, "backup", "--stale", "--format=rdb", "--join="+n.Redis, file)
	d, err := digestOf(file)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func startAgain(t *testing.T, n *procs.Node) {
	t.Helper()
	if err := n.Restart(within(t)); err != nil {
		t.Fatal(err)
	}
}

// wipe empties a directory.
func wipe(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
}

// flip changes one bit of a text that the log holds.
func flip(t *testing.T, dir, text string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "wal", "*.wal"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(b, []byte(text)); at >= 0 {
			b[at+len(text)/2] ^= 1
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("%q is in none of %q", text, files)
}
