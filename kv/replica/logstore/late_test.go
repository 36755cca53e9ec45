package logstore

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"
)

// oneSnapshot is a list of one.
type oneSnapshot struct {
	raft.SnapshotStore
	index, term uint64
}

func (s oneSnapshot) List() ([]*raft.SnapshotMeta, error) {
	return []*raft.SnapshotMeta{{Index: s.index, Term: s.term}}, nil
}

// Raft empties the log when it installs a snapshot. What follows the snapshot in the
// log has been confirmed to the leader.
func TestEmptyingTheLogKeepsWhatFollowsTheSnapshot(t *testing.T) {
	cases := []struct {
		name        string
		index, term uint64
		first, last uint64
	}{
		{"the snapshot ends within the log", 5, 1, 6, 9},
		{"it ends where the log does", 9, 1, 0, 0},
		{"it is ahead of the log", 20, 2, 0, 0},
		{"the log contradicts it", 5, 2, 0, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			logs := raft.NewInmemStore()
			s := Over("dir", Parts{Logs: logs, Stable: logs, Snapshots: oneSnapshot{index: c.index, term: c.term}})
			list := entries(1, 9, "x")
			for _, e := range list {
				e.Term = 1
			}
			must(t, s.Logs.StoreLogs(list))
			must(t, s.Logs.DeleteRange(1, 9))
			first, _ := s.Logs.FirstIndex()
			last, _ := s.Logs.LastIndex()
			if first != c.first || last != c.last {
				t.Fatalf("left are %d to %d, want %d to %d", first, last, c.first, c.last)
			}
		})
	}
}

func TestAChangeOfMembersIsWrittenToAFullDisk(t *testing.T) {
	s := open(t, t.TempDir(), Bolt)
	defer s.Close()
	s.Logs.Full = func() bool { return true }
	e := entries(1, 1, "x")
	if err := s.Logs.StoreLogs(e); err == nil {
		t.Fatal("written")
	}
	// Its leader would go on believing in it.
	e = entries(1, 1, "x")
	e[0].Type = raft.LogConfiguration
	must(t, s.Logs.StoreLogs(e))
}

// countedFiles counts what is done to files.
type countedFiles struct {
	types.VFS
	wrote, synced map[string]int
}

func (f countedFiles) OpenWriter(dir, name string) (types.WritableFile, error) {
	w, err := f.VFS.OpenWriter(dir, name)
	return counted{w, f, name}, err
}

type counted struct {
	types.WritableFile
	f    countedFiles
	name string
}

func (c counted) WriteAt(b []byte, at int64) (int, error) {
	c.f.wrote[c.name] += len(b)
	return c.WritableFile.WriteAt(b, at)
}

func (c counted) Sync() error {
	c.f.synced[c.name] = c.f.wrote[c.name]
	return c.WritableFile.Sync()
}

// A process that was killed between writing and syncing, or whose sync failed, leaves
// bytes that the next one reads. They must be on the disk before it counts on them.
func TestWhatAnotherProcessLeftIsWrittenAndSyncedBeforeItCounts(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, WAL)
	must(t, s.Logs.StoreLogs(entries(1, 50, strings.Repeat("x", 10_000))))
	must(t, s.Close())
	list, err := filepath.Glob(filepath.Join(dir, "wal", "*.wal"))
	must(t, err)
	if len(list) != 1 {
		t.Fatal(list)
	}
	before, err := os.ReadFile(list[0])
	must(t, err)
	name := filepath.Base(list[0])
	f := countedFiles{fs.New(), map[string]int{}, map[string]int{}}
	must(t, renew(f, filepath.Join(dir, "wal"), name))
	if n := f.synced[name]; n < 500_000 || n > 1_000_000 {
		t.Fatalf("%d bytes were written again and synced, of 500 kB in a file of 64 MiB", n)
	}
	after, err := os.ReadFile(list[0])
	must(t, err)
	if string(before) != string(after) {
		t.Fatal("the file changed")
	}
	s = open(t, dir, WAL)
	defer s.Close()
	if last, err := s.Logs.LastIndex(); last != 50 || err != nil {
		t.Fatal(last, err)
	}
}

// noIndex is the log's index in memory; its writes fail when told to.
type noIndex struct {
	types.MetaStore
	state  types.PersistentState
	broken bool
}

func (n *noIndex) Load(string) (types.PersistentState, error) {
	s := n.state
	s.Segments = slices.Clone(s.Segments)
	return s, nil
}

func (n *noIndex) CommitState(s types.PersistentState) error {
	if n.broken {
		return errors.New("the power is off")
	}
	s.Segments = slices.Clone(s.Segments)
	n.state = s
	return nil
}

func (n *noIndex) Close() error { return nil }

// The power goes after a segment was filled and sealed, and before the index says so
// and there is a next one.
func TestALogWhoseSegmentWasSealedInACrashGoesOn(t *testing.T) {
	dir, index := t.TempDir(), &noIndex{}
	w, err := OpenSegments(dir, fs.New(), index, 64<<10, hclog.NewNullLogger())
	must(t, err)
	must(t, w.StoreLogs(entries(1, 5, "x")))
	index.broken = true
	must(t, w.StoreLogs(entries(6, 6, strings.Repeat("x", 70_000))))
	must(t, w.Close())
	index.broken = false
	for range 2 {
		w, err = OpenSegments(dir, fs.New(), index, 64<<10, hclog.NewNullLogger())
		must(t, err)
		last, err := w.LastIndex()
		must(t, err)
		must(t, w.StoreLogs(entries(last+1, last+1, "y")))
		var e raft.Log
		for i := uint64(1); i <= last+1; i++ {
			must(t, w.GetLog(i, &e))
		}
		must(t, w.Close())
	}
	if last := len(index.state.Segments); last != 2 {
		t.Fatalf("%d segments", last)
	}
}
