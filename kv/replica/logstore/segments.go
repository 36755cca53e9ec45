package logstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// walLog is a write-ahead log with its parts, closed together: wal.Close of
// raft-wal 0.4.0 leaves the index open and its file locked.
type walLog struct {
	*wal.WAL
	meta *metadb.BoltMetaDB
}

// openWAL opens the write-ahead log in dir, whose files have about so many bytes.
func openWAL(dir string, logger hclog.Logger, segmentBytes int) (*walLog, error) {
	meta := &metadb.BoltMetaDB{}
	w, err := OpenSegments(dir, fs.New(), trimmer{meta, dir, map[uint64]bool{}}, segmentBytes, logger)
	if err != nil {
		return nil, errors.Join(err, meta.Close())
	}
	// What its opening found of the index, and the names of new files, may be in
	// memory only.
	if err := errors.Join(syncFile(filepath.Join(dir, metaName)), syncFile(dir)); err != nil {
		return nil, errors.Join(err, w.Close(), meta.Close())
	}
	return &walLog{w, meta}, nil
}

// metaName is the file of the log's index.
const metaName = "wal-meta.db"

// Close closes the log and its index.
func (l *walLog) Close() error { return errors.Join(l.WAL.Close(), l.meta.Close()) }

// OpenSegments opens the write-ahead log of a directory in files, whose index is in
// meta, and mends what raft-wal 0.4.0 does not (see filer and sealer).
func OpenSegments(dir string, files types.VFS, meta types.MetaStore, size int, logger hclog.Logger) (*wal.WAL, error) {
	f := filer{segment.NewFiler(dir, files), dir, files, map[string]bool{}}
	return wal.Open(dir, wal.WithLogger(logger), wal.WithMetaStore(sealer{meta, f}),
		wal.WithSegmentFiler(f), wal.WithSegmentSize(size))
}

// sealer finishes what a crash broke off: the last segment was full and sealed, but the
// index does not know it, nor is there a next one. raft-wal 0.4.0 would refuse every
// append ("segment is sealed"), after each start again.
type sealer struct {
	types.MetaStore
	segments filer
}

// Load reads the index, and adds to it what is missing.
func (s sealer) Load(dir string) (types.PersistentState, error) {
	state, err := s.MetaStore.Load(dir)
	if err != nil || len(state.Segments) == 0 {
		return state, err
	}
	last := &state.Segments[len(state.Segments)-1]
	if !last.SealTime.IsZero() {
		return state, nil
	}
	tail, err := s.segments.RecoverTail(*last)
	if errors.Is(err, os.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return state, err
	}
	sealed, start, err := tail.Sealed()
	if err := errors.Join(err, tail.Close()); err != nil || !sealed {
		return state, err
	}
	now := time.Now()
	last.SealTime, last.MaxIndex, last.IndexStart = now, tail.LastIndex(), start
	next := types.SegmentInfo{
		ID: state.NextSegmentID, BaseIndex: last.MaxIndex + 1, MinIndex: last.MaxIndex + 1,
		Codec: last.Codec, SizeLimit: last.SizeLimit, CreateTime: now,
	}
	state.NextSegmentID++
	state.Segments = append(state.Segments, next)
	return state, s.CommitState(state)
}

// filer opens segments that raft-wal 0.4.0 does not open well enough by itself.
//
// When a deposed leader's uncommitted entries are cut off, that version marks the
// segment as sealed without writing the index of a sealed segment. The next start
// would then end in a panic (hashicorp/raft-wal#31). Such a segment is read through
// instead, as an unsealed one is after a crash; which of its entries count is
// known from the log's own index.
//
// And what it finds in the last segment may never have reached the disk: see renew.
type filer struct {
	types.SegmentFiler
	dir     string
	files   types.VFS
	renewed map[string]bool // by this process
}

// Open opens a sealed segment for reading.
func (f filer) Open(info types.SegmentInfo) (types.SegmentReader, error) {
	if info.IndexStart == 0 {
		return f.RecoverTail(info)
	}
	return f.SegmentFiler.Open(info)
}

// RecoverTail opens the last segment.
func (f filer) RecoverTail(info types.SegmentInfo) (types.SegmentWriter, error) {
	if name := segment.FileName(info); !f.renewed[name] {
		if err := renew(f.files, f.dir, name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("renew segment: %w", err)
		}
		f.renewed[name] = true
	}
	return f.SegmentFiler.RecoverTail(info)
}

// renew writes a file once more, and syncs it. A process that was killed between
// writing and syncing, or whose sync failed, leaves bytes that the next process reads
// and would count on, although a power cut takes them. To sync alone is not enough:
// after a failed sync the kernel takes the pages for clean.
func renew(files types.VFS, dir, name string) error {
	f, err := files.OpenWriter(dir, name)
	if err != nil {
		return err
	}
	buf, zeros := make([]byte, 256<<10), make([]byte, 256<<10)
	for at := int64(0); err == nil; {
		var n int
		n, err = f.ReadAt(buf, at)
		// What was never written is left as it is: most of the segment.
		if !bytes.Equal(buf[:n], zeros[:n]) {
			if _, werr := f.WriteAt(buf[:n], at); werr != nil {
				err = werr
			}
		}
		at += int64(n)
	}
	if errors.Is(err, io.EOF) {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncFile syncs a file or a directory as it is.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync %q: %w", path, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync %q: %w", path, err)
	}
	return nil
}
