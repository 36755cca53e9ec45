package history

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// diskSpace tells how many bytes the disk of dir has for this process, and in all.
func diskSpace(dir string) (free, size int64, err error) {
	var f unix.Statfs_t
	if err := unix.Statfs(dir, &f); err != nil {
		return 0, 0, fmt.Errorf("measure the disk of %s: %w", dir, err)
	}
	return int64(f.Bavail) * f.Bsize, int64(f.Blocks) * f.Bsize, nil
}

// own locks a file for this process, or says that another has.
func own(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		return ErrInUse
	}
	return err
}
