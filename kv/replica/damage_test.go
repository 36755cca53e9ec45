package replica

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pingd/kv/replica/logstore"
)

// flipIn flips one bit of a file.
func flipIn(t *testing.T, path string, at int, bit byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], int64(at)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{b[0] ^ bit}, int64(at)); err != nil {
		t.Fatal(err)
	}
}

// copyDir copies a directory without what was never written of its files.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", "--sparse=always", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
}

// TestFlippedBitNeverSpreads flips a bit in each file of a stopped node of three, in
// both log stores: it refuses to start, or it starts and holds what the others hold.
func TestFlippedBitNeverSpreads(t *testing.T) {
	for _, kind := range []string{logstore.WAL, logstore.Bolt} {
		t.Run(kind, func(t *testing.T) {
			c := newCluster(t, 3, func(cfg *Config) { cfg.LogStore = kind })
			lead := c.form()
			victim := c.others(lead)[0]
			for i := range 400 {
				lead.must("SET", fmt.Sprint("key", i), strings.Repeat("v", i))
			}
			c.eventually("the follower to have all", func() bool {
				got, _, err := victim.backup(true) // which takes a snapshot
				return err == nil && len(got) == 400
			})
			lead.must("SET", "after", "the snapshot")
			c.eventually("the follower to have that too", func() bool {
				return victim.replica().Engine().Digest() == lead.replica().Engine().Digest()
			})
			if err := victim.shut(); err != nil {
				t.Fatal(err)
			}
			lead = c.leader()
			r := rand.New(rand.NewPCG(21, 22))
			refused, started := 0, 0
			dir, kept := victim.config().Dir, filepath.Join(c.dir, "kept")
			copyDir(t, dir, kept)
			for _, path := range dataFiles(t, dir) {
				for range 3 {
					copyDir(t, kept, dir)
					b, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					at, bit := r.IntN(len(bytes.TrimRight(b, "\x00"))), byte(1)<<r.IntN(8)
					flipIn(t, path, at, bit)
					t.Logf("%s: bit %#x of byte %d", filepath.Base(path), bit, at)
					if err = victim.tryStart(); errors.Is(err, ErrDamaged) {
						refused++
						continue
					}
					if err != nil {
						t.Fatalf("%s: unexpected kind of error: %v", path, err)
					}
					started++
					lead.must("SET", "round", fmt.Sprint(started))
					c.eventually("equal digests", func() bool {
						return victim.replica().Engine().Digest() == c.leader().replica().Engine().Digest()
					})
					if err := victim.shut(); err != nil {
						t.Fatal(err)
					}
					if lead = c.leader(); t.Failed() {
						return
					}
				}
			}
			t.Logf("refused %d, started %d", refused, started)
			// What an entry holds is surely of use.
			copyDir(t, kept, dir)
			for _, path := range dataFiles(t, dir) {
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				// bbolt leaves older copies of a page behind.
				for at := 0; ; at++ {
					next := bytes.Index(b[at:], []byte("the snapshot"))
					if next < 0 {
						break
					}
					at += next
					flipIn(t, path, at, 1)
				}
			}
			if err := victim.tryStart(); !errors.Is(err, ErrDamaged) {
				t.Errorf("a flipped bit in an entry: %v", err)
			}
		})
	}
}

func dataFiles(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != "lock" {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestDamageWhileRunning: an entry that is damaged on the leader's disk while it runs
// reaches nobody: the leader leaves when it would have to send it to a node that
// joins, and the others go on.
func TestDamageWhileRunning(t *testing.T) {
	c := newCluster(t, 3, nil)
	lead := c.form()
	for i := range 100 {
		lead.must("SET", fmt.Sprint("key", i), "the text that is damaged")
	}
	segments, err := filepath.Glob(filepath.Join(lead.config().Dir, "wal/*.wal"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	b, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("the text that is damaged"))
	flipIn(t, segments[0], at, 1)
	lead.mu.Lock()
	ended := lead.done
	lead.mu.Unlock()
	var fresh *node
	for i := 4; err == nil && i < 10; i++ {
		// On a busy machine another node may come to lead, and send its own log.
		c.eventually("the node with the damage to lead", func() bool {
			if len(ended) > 0 {
				return true
			}
			leader := c.leader()
			if leader != lead {
				_ = leader.replica().Transfer(t.Context(), lead.name)
			}
			return leader == lead
		})
		// It joins by the log: there is no snapshot.
		fresh = c.add(fmt.Sprint("n", i))
		fresh.start()
		select {
		case err = <-ended:
		case <-time.After(5 * time.Second):
		}
	}
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "hint: replace this node") {
		t.Errorf("the leader left with %v", err)
	}
	ended <- nil
	lead.mu.Lock()
	lead.r = nil
	lead.mu.Unlock()
	next := c.leader()
	c.eventually("the newcomer to have all", func() bool {
		r := fresh.replica()
		return r.raftNode() != nil && r.Engine().Digest() == next.replica().Engine().Digest() && next.replica().Engine().Stats().Keys[0] == 100
	})
	if got := next.must("GET", "key0"); got != "$24\r\nthe text that is damaged" {
		t.Errorf("GET key0 = %q", got)
	}
}
