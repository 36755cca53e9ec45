package host

import "golang.org/x/sys/unix"

// measure fills the sizes of the file system at path.
func measure(path string, s *Space) error {
	var f unix.Statfs_t
	if err := unix.Statfs(path, &f); err != nil {
		return err
	}
	block := uint64(f.Frsize)
	if block == 0 {
		block = uint64(f.Bsize)
	}
	s.Size, s.Free, s.Avail = block*f.Blocks, block*f.Bfree, block*f.Bavail
	s.Files, s.FilesFree = f.Files, f.Ffree
	return nil
}
