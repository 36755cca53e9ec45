package replica

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"pingd/kv/replica/logstore"
)

// used returns the bytes of all files of a data directory.
func used(t *testing.T, dir string) (total int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // a file may go while one looks
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}

func TestAfterASpikeOfWritesTheFilesAreSmallAgain(t *testing.T) {
	t.Parallel()
	const (
		segment = 1 << 20 // and log bytes between snapshots
		spike   = 40 << 20
		value   = 100_000
		growth  = 24 << 20 // bbolt asks the disk for 16 MiB at a time
	)
	for _, kind := range []string{logstore.WAL, logstore.Bolt} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 1, func(cfg *Config) {
				cfg.Join, cfg.Expect, cfg.SnapshotBytes = nil, 0, segment
				cfg.Storage = func(l hclog.Logger) (*logstore.Store, error) {
					return logstore.OpenSized(cfg.Dir, kind, l, segment)
				}
			})
			n := c.nodes[0]
			n.start()
			dir := n.config().Dir
			write := func() {
				for range spike / value {
					n.must("SET", "k", strings.Repeat("x", value)) // one key: the data stays small
				}
				n.must("DEL", "k")
				last := n.replica().raftNode().LastIndex()
				// A snapshot is looked for once a second: what was written meanwhile stays
				// until the next, with as much again of log behind it.
				c.eventually("the log to be cut", func() bool {
					n.must("SET", "steady", strings.Repeat("y", value))
					first, err := n.replica().store.Logs.FirstIndex()
					// What is written here counts too.
					return err == nil && first > last && (kind == logstore.Bolt || used(t, dir) < spike/4)
				})
			}
			write()
			once := used(t, dir)
			write()
			twice := used(t, dir)
			t.Logf("%d MiB after %d were written, %d after as much again", once>>20, spike>>20, twice>>20)
			// bbolt's file never shrinks; what it has is used again.
			if kind == logstore.Bolt && twice > max(once, spike)+growth {
				t.Errorf("%d bytes, then %d: want the first used again", once, twice)
			}
		})
	}
}
