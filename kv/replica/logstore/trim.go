package logstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// trimmer is an index that gives the disk back what segments have that were cut.
//
// Each time entries are cut off the end of the log, raft-wal 0.4.0 seals the segment
// as it is and begins another one of full size. The files of a node that leads and is
// killed, again and again, would otherwise grow by SegmentBytes each time.
type trimmer struct {
	types.MetaStore
	dir     string
	trimmed map[uint64]bool // by this process
}

// Load reads the index, and trims what an earlier process did not.
func (t trimmer) Load(dir string) (types.PersistentState, error) {
	state, err := t.MetaStore.Load(dir)
	if err == nil {
		t.trim(state)
	}
	return state, err
}

// CommitState writes the index, and trims segments that were cut.
func (t trimmer) CommitState(state types.PersistentState) error {
	if err := t.MetaStore.CommitState(state); err != nil {
		return err
	}
	t.trim(state)
	return nil
}

// trim trims the segments that were sealed before they were full. Nobody writes to
// them any more. That they stay as large as they are would be harmless.
func (t trimmer) trim(state types.PersistentState) {
	for _, s := range state.Segments {
		if s.SealTime.IsZero() || s.IndexStart != 0 || t.trimmed[s.ID] {
			continue
		}
		t.trimmed[s.ID] = true
		_ = trimFile(filepath.Join(t.dir, segment.FileName(s)))
	}
}

// trimFile gives back the space of the zeros at a file's end. It reads as before.
func trimFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("trim segment: %w", err)
	}
	used, size, err := usedBytes(f)
	if err == nil && used < size {
		err = punch(f, used, size-used)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("trim segment %q: %w", path, err)
	}
	return nil
}

// usedBytes returns where the zeros at the end of a file begin, and where they end.
func usedBytes(r io.ReaderAt) (used, size int64, err error) {
	buf, zeros := make([]byte, 256<<10), make([]byte, 256<<10)
	for {
		n, err := r.ReadAt(buf, size)
		if !bytes.Equal(buf[:n], zeros[:n]) {
			used = size + int64(len(bytes.TrimRight(buf[:n], "\x00")))
		}
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return used, size, nil
		}
		if err != nil {
			return 0, 0, err
		}
	}
}
