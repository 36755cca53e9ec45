package scan

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Numbers calls fn for each entry of the directory f whose name is a number, as
// those of processes are in /proc. buf is where entries are read to. It allocates
// nothing.
func Numbers(f File, buf []byte, fn func(n int)) error {
	if _, err := unix.Seek(f.fd, 0, unix.SEEK_SET); err != nil {
		return err
	}
	for {
		n, err := unix.Getdents(f.fd, buf)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n <= 0:
			return nil
		}
		// struct linux_dirent64: inode 8, offset 8, length of the record 2, type 1, name.
		const head = 19
		for b := buf[:n]; len(b) >= head; {
			size := int(binary.NativeEndian.Uint16(b[16:]))
			if size < head || size > len(b) {
				break
			}
			name := b[head:size]
			for i, c := range name {
				if c == 0 {
					name = name[:i]
					break
				}
			}
			if IsNumber(name) && len(name) < 10 {
				fn(int(Number(name)))
			}
			b = b[size:]
		}
	}
}
