package scan

import "golang.org/x/sys/unix"

// File is one /proc or /sys file kept open. os.File is not used: it would
// register pressure and cgroup files with the runtime's poller, which wakes it
// at each change of theirs.
type File struct{ fd int }

// Open opens the file at path for reading.
func Open(path string) (File, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == unix.EINTR {
			continue
		}
		return File{fd}, err
	}
}

// ReadAll reads from the start of f into buf, which it returns grown if the
// file did not fit, and the bytes read. These files are generated on read, so
// one pread gives one consistent state.
func (f File) ReadAll(buf []byte) (grown, data []byte, err error) {
	for {
		n, err := unix.Pread(f.fd, buf, 0)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return buf, nil, err
		case n < len(buf):
			return buf, buf[:n], nil
		case len(buf) >= MaxFile:
			return buf, buf[:n], nil
		default:
			buf = make([]byte, 2*len(buf))
		}
	}
}

// Close closes the file; that of the zero File does nothing.
func (f File) Close() {
	if f.fd > 0 {
		_ = unix.Close(f.fd) // nothing was written: a failed close loses nothing
	}
}
