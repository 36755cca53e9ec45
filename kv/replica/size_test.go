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
		every   = 1 << 20 // log bytes between snapshots
		segment = 1 << 20
		spike   = 40 << 20
		value   = 100_000
	)
	// bbolt's file never shrinks; what it has is used again.
	for kind, limit := range map[string]int64{logstore.WAL: spike / 4, logstore.Bolt: spike} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 1, func(cfg *Config) {
				cfg.Join, cfg.Expect, cfg.SnapshotBytes = nil, 0, every
				cfg.Storage = func(l hclog.Logger) (*logstore.Store, error) {
					return logstore.OpenSized(cfg.Dir, kind, l, segment)
				}
			})
			n := c.nodes[0]
			n.start()
			dir := n.config().Dir
			most := int64(0)
			for range spike / value {
				n.must("SET", "k", strings.Repeat("x", value)) // one key: the data stays small
				most = max(most, used(t, dir))
			}
			n.must("DEL", "k")
			// A snapshot is looked for once a second: what was written meanwhile stays
			// until the next, with as much again of log behind it.
			c.eventually("the log to be cut", func() bool {
				n.must("SET", "steady", strings.Repeat("y", value))
				return used(t, dir) < limit
			})
			t.Logf("%d MiB written, %d MiB on disk at most, %d MiB in the end", spike>>20, most>>20, used(t, dir)>>20)
		})
	}
}
