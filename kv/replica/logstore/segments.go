package logstore

import (
	"errors"

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

// openWAL opens the write-ahead log in dir.
func openWAL(dir string, logger hclog.Logger) (*walLog, error) {
	meta := &metadb.BoltMetaDB{}
	w, err := wal.Open(dir, wal.WithLogger(logger), wal.WithMetaStore(meta),
		wal.WithSegmentFiler(filer{segment.NewFiler(dir, fs.New())}))
	if err != nil {
		return nil, errors.Join(err, meta.Close())
	}
	return &walLog{w, meta}, nil
}

// Close closes the log and its index.
func (l *walLog) Close() error { return errors.Join(l.WAL.Close(), l.meta.Close()) }

// filer opens segments that raft-wal 0.4.0 cannot open by itself: when a deposed
// leader's uncommitted entries are cut off, that version marks the segment as
// sealed without writing the index of a sealed segment. The next start would
// then end in a panic (hashicorp/raft-wal#31). Such a segment is read through
// instead, as an unsealed one is after a crash; which of its entries count is
// known from the log's own index.
type filer struct{ types.SegmentFiler }

// Open opens a sealed segment for reading.
func (f filer) Open(info types.SegmentInfo) (types.SegmentReader, error) {
	if info.IndexStart == 0 {
		return f.RecoverTail(info)
	}
	return f.SegmentFiler.Open(info)
}
