package logstore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

// Report is what Check found in a data directory.
type Report struct {
	Kind      string // of the log
	Cluster   string // the cluster the node belongs to; empty if none yet
	Term      uint64 // the last that the node knew of
	First     uint64 // entries of the log; both 0 if it has none
	Last      uint64
	Rest      bool // a crash left the rest of a write, which the next start clears
	Snapshots []Snapshot
}

// Check reads everything in the data directory of a stopped node, all snapshots and
// every entry, and changes nothing. Its errors wrap ErrInUse, ErrNotADir, ErrNoAccess
// or ErrDamaged where one of these is the reason; with ErrDamaged, some of the report
// may be filled in.
func Check(dir string) (r Report, err error) {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return r, dirError(dir, ErrNotADir)
	} else if err != nil {
		return r, dirError(dir, err)
	}
	if _, err := os.Stat(filepath.Join(dir, stableFile)); errors.Is(err, fs.ErrNotExist) && !(&contents{}).logFiles(dir) {
		return r, fmt.Errorf("check %q: no node has stored anything there\nhint: the directory is what --data names", dir)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	found, err := inspect(dir, hclog.NewNullLogger(), true)
	if found == nil {
		return r, dirError(dir, err)
	}
	r = Report{Kind: found.kind, First: found.first, Last: found.last, Rest: found.torn != nil, Snapshots: found.snapshots}
	var cluster struct{ ID string }
	if b, ok := found.facts[factPrefix+"cluster"]; ok {
		_ = json.Unmarshal(b, &cluster) // an empty name says as much
	}
	r.Cluster = cluster.ID
	if b := found.facts["CurrentTerm"]; len(b) == 8 {
		r.Term = binary.BigEndian.Uint64(b)
	}
	if err == nil && found.kind == Bolt {
		err = checkBoltEntries(dir, found)
	}
	for _, s := range found.snapshots {
		if err == nil && s.Err != nil {
			err = fmt.Errorf("%w: %s: %w\nhint: an older snapshot and the log have all that it has: the node can be started, and puts it aside",
				ErrDamaged, filepath.Join(dir, snapshotsDir, s.ID), s.Err)
		}
	}
	return r, err
}

// checkBoltEntries reads every entry of a log in bbolt.
func checkBoltEntries(dir string, found *contents) error {
	path := filepath.Join(dir, boltLog)
	if found.last == 0 {
		return nil
	}
	db, err := raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: &bbolt.Options{ReadOnly: true, Timeout: time.Second}})
	if err != nil {
		return fmt.Errorf("open %q: %w", path, err)
	}
	defer db.Close()
	if err := checkEntries(db, found.first, found.last); err != nil {
		return damageError(dir, boltLog, err)
	}
	return nil
}
