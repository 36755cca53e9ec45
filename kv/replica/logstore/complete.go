package logstore

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// listSnapshots lists the snapshots, newest first, and reads up to the first that is
// intact, or all.
func (c *contents) listSnapshots(dir string, logger hclog.Logger, all bool) error {
	list, err := os.ReadDir(filepath.Join(dir, snapshotsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	store, err := openSnapshots(dir, logger)
	if err != nil {
		return err
	}
	for _, e := range list {
		s := Snapshot{ID: e.Name()}
		// Its name says what it is of, whatever is damaged within.
		if n, _ := fmt.Sscanf(s.ID, "%d-%d-", &s.Term, &s.Index); n == 2 && e.IsDir() && !strings.HasSuffix(s.ID, ".tmp") {
			c.snapshots = append(c.snapshots, s)
		}
	}
	slices.SortFunc(c.snapshots, func(a, b Snapshot) int {
		return cmp.Or(cmp.Compare(b.Term, a.Term), cmp.Compare(b.Index, a.Index), strings.Compare(b.ID, a.ID))
	})
	for i, intact := 0, false; i < len(c.snapshots); i++ {
		s := &c.snapshots[i]
		// Raft goes by what each says of itself, also of those that are not read here.
		if s.Err = s.checkMeta(dir); s.Err != nil || intact && !all {
			continue
		}
		meta, rc, err := store.Open(s.ID)
		if err == nil {
			s.Bytes, intact = meta.Size, true
			err = rc.Close()
		}
		s.Err = err
	}
	return nil
}

// checkMeta compares what the snapshot says of itself with its name.
func (s *Snapshot) checkMeta(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, snapshotsDir, s.ID, metaFile))
	if err != nil {
		return err
	}
	var meta raft.SnapshotMeta
	if err := json.Unmarshal(b, &meta); err != nil {
		return fmt.Errorf("read %s: %w", metaFile, err)
	}
	if meta.ID != s.ID || meta.Index != s.Index || meta.Term != s.Term || meta.Version < raft.SnapshotVersionMin || meta.Version > raft.SnapshotVersionMax {
		return errors.New(metaFile + " is of another snapshot")
	}
	return nil
}

// complete checks that snapshots and log together hold everything that was ever
// stored: a damaged snapshot is not needed where an older one and the log have all
// that it has.
func (c *contents) complete(dir string) error {
	if c.fresh {
		if c.last > 0 || len(c.snapshots) > 0 || c.logFiles(dir) {
			return damageError(dir, stableFile, errors.New("it is missing or empty, but a log or snapshots are there"))
		}
		return nil
	}
	var damage error
	needed, have := uint64(0), uint64(0) // up to which entry something must be, and the intact snapshot is
	for _, s := range c.snapshots {
		if s.Err == nil {
			have = s.Index
			break
		}
		needed = max(needed, s.Index)
		damage = errors.Join(damage, fmt.Errorf("%s: %w", filepath.Join(snapshotsDir, s.ID), s.Err))
	}
	switch {
	case c.last > 0 && c.first > have+1, needed > max(have, c.last):
		return c.gap(dir, have, damage)
	}
	return nil
}

// gap says that entries between a snapshot and the log are nowhere.
func (c *contents) gap(dir string, from uint64, damage error) error {
	if damage != nil {
		return damageError(dir, "a snapshot", fmt.Errorf("%w; what is left does not hold everything", damage))
	}
	return damageError(dir, "the log", fmt.Errorf("it begins with entry %d, the newest snapshot ends with entry %d", c.first, from))
}

// logFiles reports whether a log of either kind lies in dir.
func (c *contents) logFiles(dir string) bool {
	for _, pattern := range []string{boltLog, filepath.Join(walDir, "*.wal")} {
		if files, err := filepath.Glob(filepath.Join(dir, pattern)); err == nil && len(files) > 0 {
			return true
		}
	}
	return false
}
