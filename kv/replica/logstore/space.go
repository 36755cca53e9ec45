package logstore

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// SegmentBytes is what the log asks the disk for in one piece.
const SegmentBytes = 64 << 20

// spaceError adds to the error of a write what to do about it where the disk of
// dir has no room for another piece of the log: the log's own words then speak of
// what it could not do next ("segment is sealed"), not of the reason.
func spaceError(dir string, err error) error {
	if err == nil {
		return nil
	}
	free, unknown := free(dir)
	if unknown != nil || free >= SegmentBytes {
		return err
	}
	return fmt.Errorf("%w: the disk of %q has %d MiB free, the log needs %d\nhint: make room, then start again; what was acknowledged is kept",
		err, dir, free>>20, SegmentBytes>>20)
}

// free returns how many bytes of the disk of dir this process may still use.
func free(dir string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("ask for the free space of %q: %w", dir, err)
	}
	return int64(min(fs.Bavail*uint64(fs.Bsize), math.MaxInt64)), nil
}
