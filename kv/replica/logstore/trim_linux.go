package logstore

import (
	"os"

	"golang.org/x/sys/unix"
)

// punch gives back the space of a piece of a file, which then reads as zeros. A file
// system that cannot do so says that.
func punch(f *os.File, at, n int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, n)
}
