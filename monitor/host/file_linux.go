package host

import "golang.org/x/sys/unix"

// file is one /proc or /sys file kept open. os.File is not used: it would
// register pressure and cgroup files with the runtime's poller, which wakes it
// at each change of theirs.
type file struct{ fd int }

func openFile(path string) (file, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == unix.EINTR {
			continue
		}
		return file{fd}, err
	}
}

// readAll reads from the start of f into buf, which it returns grown if the
// file did not fit, and the bytes read. These files are generated on read, so
// one pread gives one consistent state.
func (f file) readAll(buf []byte) (grown, data []byte, err error) {
	for {
		n, err := unix.Pread(f.fd, buf, 0)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return buf, nil, err
		case n < len(buf):
			return buf, buf[:n], nil
		case len(buf) >= maxFile:
			return buf, buf[:n], nil
		default:
			buf = make([]byte, 2*len(buf))
		}
	}
}

func (f file) close() {
	if f.fd > 0 {
		_ = unix.Close(f.fd) // nothing was written: a failed close loses nothing
	}
}
