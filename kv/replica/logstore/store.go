package logstore

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

// Kinds of log stores.
const (
	WAL  = "wal"
	Bolt = "bolt"
)

// MaxEntry is the size in bytes that a log entry may have in either store.
const MaxEntry = 60 << 20

// retainedSnapshots: the newest may be found damaged, so one before it is kept.
const retainedSnapshots = 2

// Store is an open data directory.
type Store struct {
	Logs      *Log
	Snapshots raft.SnapshotStore
	// Free returns how many bytes are free on the disk. It may hang with it.
	Free func() (int64, error)

	dir    string
	lock   *os.File
	bolt   *raftboltdb.BoltStore // term, vote and facts
	stable *stable
	log    interface{ Close() error }
	watch  *watch
}

// Parts are what a Store may keep its state in instead of a directory: those of a
// simulation.
type Parts struct {
	Logs raft.LogStore
	// Stable keeps term, vote and facts. Get of what is not there fails with the
	// text "not found", as Raft has it.
	Stable    raft.StableStore
	Snapshots raft.SnapshotStore
	Free      func() (int64, error) // bytes free on the disk
	Log       interface{ Close() error }
}

// Over returns a Store over p; name is for messages.
func Over(name string, p Parts) *Store {
	w := newWatch(name)
	return &Store{
		Logs: &Log{LogStore: p.Logs, watch: w, newest: func() (uint64, uint64) { return newest(p.Snapshots) }}, Snapshots: p.Snapshots, Free: p.Free,
		dir: name, stable: &stable{bolt: p.Stable, watch: w}, log: p.Log, watch: w,
	}
}

func newest(s raft.SnapshotStore) (index, term uint64) {
	list, err := s.List()
	if err != nil || len(list) == 0 {
		return 0, 0
	}
	return list[0].Index, list[0].Term
}

// Open locks and opens dir, creating it if need be, after it has read everything in
// it: nothing damaged is ever used. Its errors wrap ErrInUse, ErrNotADir, ErrNoAccess
// or ErrDamaged where one of these is the reason, and name dir.
func Open(dir, kind string, logger hclog.Logger) (*Store, error) {
	return OpenSized(dir, kind, logger, SegmentBytes)
}

// OpenSized is Open with a write-ahead log in files of another size.
func OpenSized(dir, kind string, logger hclog.Logger, segmentBytes int) (*Store, error) {
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, lock: lock, watch: newWatch(dir), Free: func() (int64, error) { return free(dir) }}
	if err := s.open(kind, logger, segmentBytes); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(kind string, logger hclog.Logger, segmentBytes int) error {
	found, err := inspect(s.dir, logger, false)
	if err != nil {
		return dirError(s.dir, err)
	}
	if s.bolt, err = openBolt(filepath.Join(s.dir, stableFile)); err != nil {
		return dirError(s.dir, err)
	}
	s.stable = &stable{bolt: s.bolt, watch: s.watch}
	if err := s.checkKind(kind); err != nil {
		return err
	}
	if err := s.mend(found, logger); err != nil {
		return err
	}
	var logs raft.LogStore
	switch kind {
	case Bolt:
		db, err := openBolt(filepath.Join(s.dir, boltLog))
		if err != nil {
			return dirError(s.dir, err)
		}
		s.log, logs = db, db
		if err := checkEntries(db, found.first, found.last); err != nil {
			return damageError(s.dir, boltLog, err)
		}
	case WAL:
		path := filepath.Join(s.dir, walDir)
		if err := private(path); err != nil {
			return dirError(s.dir, err)
		}
		w, err := openWAL(path, logger, segmentBytes)
		if err != nil {
			return spaceError(s.dir, fmt.Errorf("open log in %q: %w", path, err))
		}
		s.log, logs = w, w
	}
	s.Logs = &Log{LogStore: logs, watch: s.watch}
	s.Snapshots, err = openSnapshots(s.dir, logger)
	s.Logs.newest = func() (uint64, uint64) { return newest(s.Snapshots) }
	return err
}

// private makes a directory that its owner alone may enter; one that the owner's
// earlier pingd left open for others is closed.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	return os.Chmod(dir, 0o700)
}

func openSnapshots(dir string, logger hclog.Logger) (raft.SnapshotStore, error) {
	if err := private(filepath.Join(dir, snapshotsDir)); err != nil {
		return nil, dirError(dir, err)
	}
	s, err := raft.NewFileSnapshotStoreWithLogger(dir, retainedSnapshots, logger)
	if err != nil {
		return nil, fmt.Errorf("open snapshots in %q: %w", dir, err)
	}
	return snapshots{s, filepath.Join(dir, snapshotsDir)}, nil
}

// mend puts right what a crash or an older version left behind, and takes damaged
// snapshots that are not needed out of the way: a leader must not offer them.
func (s *Store) mend(found *contents, logger hclog.Logger) error {
	if found.torn != nil {
		logger.Debug("clearing what a crash left behind the end of the log", "file", found.torn.path, "byte", found.torn.from)
		if err := found.torn.mend(); err != nil {
			return err
		}
	}
	for _, key := range found.old {
		if err := s.stable.Set([]byte(key), found.facts[key]); err != nil {
			return fmt.Errorf("give %q a checksum: %w", key, err)
		}
	}
	for _, snap := range found.snapshots {
		if snap.Err == nil {
			continue
		}
		path := filepath.Join(s.dir, snapshotsDir, snap.ID)
		logger.Error("snapshot is damaged and not needed: put aside", "path", path+asideSuffix, "err", snap.Err)
		if err := os.Rename(path, path+asideSuffix); err != nil {
			return fmt.Errorf("put damaged snapshot aside: %w", err)
		}
	}
	return nil
}

// checkEntries reads every entry of a log whose keeper has no checksums of its own.
func checkEntries(logs raft.LogStore, first, last uint64) (err error) {
	defer func() {
		if p := recover(); p != nil { // a decoder that met what it did not expect
			err = fmt.Errorf("entry cannot be read: %v", p)
		}
	}()
	for i := first; i <= last && i > 0; i++ {
		var e raft.Log
		if err := logs.GetLog(i, &e); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		if err := checkEntry(i, &e); err != nil {
			return err
		}
	}
	return nil
}

// checkKind refuses to open a directory with another kind of log than it was
// written with: the entries there would seem lost.
func (s *Store) checkKind(kind string) error {
	if kind != WAL && kind != Bolt {
		return fmt.Errorf("log store %q is unknown\nhint: --log-store=wal or --log-store=bolt", kind)
	}
	var was string
	if found, err := s.Fact("log-store", &was); err != nil {
		return err
	} else if !found {
		return s.SetFact("log-store", kind)
	}
	if was != kind {
		return fmt.Errorf("data directory %q was written with log store %q, not %q\nhint: --log-store=%s", s.dir, was, kind, was)
	}
	return nil
}

func openBolt(path string) (*raftboltdb.BoltStore, error) {
	db, err := raftboltdb.New(raftboltdb.Options{
		Path: path,
		BoltOptions: &bbolt.Options{
			Timeout: time.Second,
			// The freelist is rebuilt when the file is opened: writing it with each
			// append costs more the older the file is (consul#5181, vault#11072).
			NoFreelistSync: true,
			FreelistType:   bbolt.FreelistMapType,
		},
	})
	if err != nil {
		return nil, err
	}
	// A process that was killed before its sync leaves what this one now reads, and
	// would count on, although a power cut takes it.
	if err := errors.Join(syncFile(path), syncFile(filepath.Dir(path))); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Stable returns the store of term and vote.
func (s *Store) Stable() raft.StableStore { return s.stable }

// Fact reads what SetFact stored under name; false if nothing is there.
func (s *Store) Fact(name string, v any) (bool, error) {
	b, err := s.stable.Get([]byte(factPrefix + name))
	if err != nil && err.Error() == raftboltdb.ErrKeyNotFound.Error() {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read fact %q: %w", name, err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("read fact %q: %w", name, err)
	}
	return true, nil
}

// SetFact stores v durably under name.
func (s *Store) SetFact(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write fact %q: %w", name, err)
	}
	if err := s.stable.Set([]byte(factPrefix+name), b); err != nil {
		return fmt.Errorf("write fact %q: %w", name, err)
	}
	return nil
}

// Instance returns the random name of this data directory, made at first use.
func (s *Store) Instance() (string, error) {
	var id string
	if found, err := s.Fact("instance", &id); found || err != nil {
		return id, err
	}
	var b [16]byte
	_, _ = rand.Read(b[:])
	id = fmt.Sprintf("%x", b)
	return id, s.SetFact("instance", id)
}

// Incarnation returns a number that no earlier opening of this directory got,
// nor, but for an unlikely accident, one of any other directory.
func (s *Store) Incarnation() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:])
}

// Failed yields the first error of a durable write. The node has to leave.
func (s *Store) Failed() <-chan error { return s.watch.failed }

// Busy returns for how long the write now under way has been running; zero if
// there is none.
func (s *Store) Busy() time.Duration { return s.watch.busy() }

// OnSync sets the function that is told how long each durable write took. It is
// to be called before the store is used.
func (s *Store) OnSync(f func(time.Duration)) { s.watch.onSync = f }

// Close closes everything and releases the directory.
func (s *Store) Close() error {
	var errs []error
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	if s.bolt != nil {
		errs = append(errs, s.bolt.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
