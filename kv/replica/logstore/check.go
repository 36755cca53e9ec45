package logstore

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
	"golang.org/x/sys/unix"

	"pingd/kv/replica/logstore/boltfile"
	"pingd/kv/replica/logstore/walfile"
)

// ErrDamaged is wrapped by the errors that tell of a file which is not what was
// written to it. Nothing of it is used then.
var ErrDamaged = errors.New("data directory is damaged")

const (
	stableFile   = "stable.db"
	boltLog      = "log.db"
	walDir       = "wal"
	snapshotsDir = "snapshots"
	// asideSuffix marks a damaged snapshot that is not needed: Raft passes over
	// directories of that ending.
	asideSuffix = ".damaged.tmp"
)

// damageError says which file of dir is damaged, and what to do about it.
func damageError(dir, file string, err error) error {
	return fmt.Errorf("%w: %s: %w\nhint: replace this node: mv %s %s.damaged, then start it with the same flags and --join to another node; "+
		"it gets everything from there. Without another node: start it empty, then pingd restore the last backup",
		ErrDamaged, filepath.Join(dir, file), err, dir, dir)
}

// contents is what a data directory was found to hold.
type contents struct {
	fresh bool              // nothing was ever stored
	kind  string            // of the log; empty while fresh
	facts map[string][]byte // of the stable store, opened
	old   []string          // those of facts that have no checksum yet

	first, last uint64 // entries of the log; both 0 if it is empty
	torn        *torn
	segments    int

	snapshots []Snapshot // newest first
}

// torn is the rest of a write that a crash cut short: never acknowledged.
type torn struct {
	path string
	from int64
}

// Snapshot is one of a data directory's.
type Snapshot struct {
	ID          string
	Index, Term uint64
	Bytes       int64
	Err         error // why it is damaged; nil if it is not
}

// inspect reads what is in dir and changes nothing. Of several snapshots it reads
// only as far as the first that is intact, unless told to read all. Its errors wrap
// ErrDamaged if the directory must not be used.
func inspect(dir string, logger hclog.Logger, all bool) (*contents, error) {
	c := &contents{facts: map[string][]byte{}}
	if err := c.stable(dir); err != nil {
		return nil, err
	}
	if err := c.log(dir); err != nil {
		return nil, err
	}
	if err := c.listSnapshots(dir, logger, all); err != nil {
		return nil, err
	}
	return c, c.complete(dir)
}

// walkBolt goes through a bbolt file of which only the buckets named may be there.
func walkBolt(dir, file string, buckets []string, visit boltfile.Visit) error {
	f, err := os.Open(filepath.Join(dir, file))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	err = boltfile.Walk(f, info.Size(), func(bucket, key, value []byte) error {
		if !slices.Contains(buckets, string(bucket)) {
			return fmt.Errorf("%w: a bucket is named %.40q", boltfile.ErrDamaged, bucket)
		}
		return visit(bucket, key, value)
	})
	if errors.Is(err, boltfile.ErrDamaged) {
		return damageError(dir, file, err)
	}
	return err
}

// factPrefix precedes the names of facts, so that they are told from Raft's own.
const factPrefix = "pingd/"

func (c *contents) stable(dir string) error {
	err := walkBolt(dir, stableFile, []string{"conf"}, func(_, key, sealed []byte) error {
		value, old, err := openValue(key, sealed)
		if err != nil {
			return fmt.Errorf("%w: %w", boltfile.ErrDamaged, err)
		}
		if old {
			c.old = append(c.old, string(key))
		}
		c.facts[string(key)] = bytes.Clone(value)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return err
	}
	c.fresh = len(c.facts) == 0
	if b, ok := c.facts[factPrefix+"log-store"]; ok {
		_ = json.Unmarshal(b, &c.kind) // checkKind finds what is wrong with it
	}
	return nil
}

func (c *contents) log(dir string) error {
	var missing error
	switch c.kind {
	case Bolt:
		missing = c.boltLog(dir)
	case WAL:
		missing = c.walLog(dir)
	}
	if !errors.Is(missing, fs.ErrNotExist) {
		return missing
	}
	// A node that has taken part in an election has a log.
	if _, voted := c.facts["CurrentTerm"]; voted {
		return damageError(dir, "the log", missing)
	}
	return nil
}

func (c *contents) boltLog(dir string) error {
	return walkBolt(dir, boltLog, []string{"logs", "conf"}, func(_, key, _ []byte) error {
		if len(key) != 8 {
			return fmt.Errorf("%w: an entry is named %.40q", boltfile.ErrDamaged, key)
		}
		index := binary.BigEndian.Uint64(key)
		if c.first == 0 {
			c.first = index
		} else if index != c.last+1 {
			return fmt.Errorf("%w: entry %d follows entry %d", boltfile.ErrDamaged, index, c.last)
		}
		c.last = index
		return nil
	})
}

func (c *contents) walLog(dir string) error {
	path := filepath.Join(dir, walDir)
	files, err := filepath.Glob(filepath.Join(path, "*.wal"))
	if err != nil {
		return err
	}
	state, err := readWALIndex(dir)
	if errors.Is(err, fs.ErrNotExist) && len(files) > 0 {
		// Opening it like this would remove the segments as left over.
		return damageError(dir, filepath.Join(walDir, metadb.FileName), errors.New("it is missing"))
	}
	if err != nil {
		return err
	}
	for i, s := range state.Segments {
		if err := c.segment(dir, s, i == len(state.Segments)-1); err != nil {
			return err
		}
		if s.ID >= state.NextSegmentID {
			return damageError(dir, filepath.Join(walDir, metadb.FileName), fmt.Errorf("segment %d is not below the next one, %d", s.ID, state.NextSegmentID))
		}
	}
	if c.last < c.first {
		c.first, c.last = 0, 0
	}
	return nil
}

// readWALIndex reads which segments the log has.
func readWALIndex(dir string) (state types.PersistentState, err error) {
	file := filepath.Join(walDir, metadb.FileName)
	err = walkBolt(dir, file, []string{metadb.MetaBucket, metadb.StableBucket}, func(_, key, value []byte) error {
		d := json.NewDecoder(bytes.NewReader(value))
		d.DisallowUnknownFields()
		if string(key) != metadb.MetaKey {
			return fmt.Errorf("%w: unknown key %.40q", boltfile.ErrDamaged, key)
		}
		if err := d.Decode(&state); err != nil {
			return fmt.Errorf("%w: %w", boltfile.ErrDamaged, err)
		}
		return nil
	})
	return state, err
}

// segment checks one segment, and that it goes on where the one before ended.
func (c *contents) segment(dir string, s types.SegmentInfo, tail bool) error {
	index := filepath.Join(walDir, metadb.FileName)
	file := filepath.Join(walDir, segment.FileName(s))
	want := s.BaseIndex
	if c.segments == 0 {
		c.first, c.last = s.MinIndex, s.MinIndex-1
		want = s.MinIndex // what lies before was removed
	}
	c.segments++
	switch {
	case tail != s.SealTime.IsZero():
		return damageError(dir, index, fmt.Errorf("segment %d is marked wrongly as full or not", s.ID))
	case s.BaseIndex == 0, s.MinIndex < s.BaseIndex, want != c.last+1, !tail && s.MaxIndex+1 < s.MinIndex:
		return damageError(dir, index, fmt.Errorf("segment %d, of entries %d to %d, does not follow entry %d", s.ID, s.MinIndex, s.MaxIndex, c.last))
	}
	f, err := os.Open(filepath.Join(dir, file))
	if errors.Is(err, fs.ErrNotExist) && tail {
		return nil // the crash came between the index and the file: nothing was written to it
	}
	if errors.Is(err, fs.ErrNotExist) {
		return damageError(dir, file, errors.New("it is missing"))
	}
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := dataEnd(f)
	if err != nil {
		return err
	}
	what := walfile.Segment{ID: s.ID, Base: s.BaseIndex, Codec: s.Codec, Max: s.MaxIndex, IndexStart: s.IndexStart}
	if !tail {
		c.last = s.MaxIndex
		err = walfile.Sealed(f, size, what)
	} else {
		var end walfile.End
		if end, err = walfile.Tail(f, size, what); end.Rest {
			c.torn = &torn{f.Name(), end.At}
		}
		c.last = max(end.Last, s.MinIndex-1)
	}
	if errors.Is(err, walfile.ErrDamaged) {
		err = damageError(dir, file, err)
	}
	return err
}

// dataEnd returns where the part of a file ends that was ever written: segments are
// laid out in full beforehand, and reading what was never written takes time.
func dataEnd(f *os.File) (end int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	for end < info.Size() {
		data, err := unix.Seek(int(f.Fd()), end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return end, nil // no data from there on
		}
		if err != nil {
			return info.Size(), nil // this file system does not tell
		}
		hole, err := unix.Seek(int(f.Fd()), data, unix.SEEK_HOLE)
		if err != nil || hole <= end {
			return info.Size(), nil
		}
		end = hole
	}
	return end, nil
}

// mend removes what a crash left of a write behind the log's end. Raft-wal would
// write over it bit by bit, and at the next crash mistake the remains for entries.
func (t *torn) mend() error {
	f, err := os.OpenFile(t.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("clear the end of the log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("clear the end of the log: %w", err)
	}
	part := make([]byte, 1<<20)
	nothing := make([]byte, len(part))
	for at := t.from; at < info.Size(); at += int64(len(part)) {
		n, err := f.ReadAt(part, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("clear the end of the log: %w", err)
		}
		if bytes.Equal(part[:n], nothing[:n]) {
			continue
		}
		if _, err := f.WriteAt(nothing[:n], at); err != nil {
			return fmt.Errorf("clear the end of the log: %w", err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("clear the end of the log: %w", err)
	}
	return nil
}
