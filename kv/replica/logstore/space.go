package logstore

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// segmentBytes is what the log asks the disk for in one piece.
const segmentBytes = 64 << 20

// spaceError adds to the error of a write what to do about it where the disk of
// dir has no room for another piece of the log: the log's own words then speak of
// what it could not do next ("segment is sealed"), not of the reason.
func spaceError(dir string, err error) error {
	var fs unix.Statfs_t
	if err == nil || unix.Statfs(dir, &fs) != nil {
		return err
	}
	free := fs.Bavail * uint64(fs.Bsize)
	if free >= segmentBytes {
		return err
	}
	return fmt.Errorf("%w: the disk of %q has %d MiB free, the log needs %d\nhint: make room, then start again; what was acknowledged is kept",
		err, dir, free>>20, segmentBytes>>20)
}
