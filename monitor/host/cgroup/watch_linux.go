package cgroup

import "golang.org/x/sys/unix"

// watch hears of groups that come and go, by inotify(7). The zero value is closed.
// The descriptor is polled, never waited on, so that no goroutine is needed.
type watch struct {
	fd     int // 0 = closed; descriptor 0 is never ours
	failed error
}

// open makes the watch ready; the error says why it can not.
func (w *watch) open() error {
	if w.fd != 0 || w.failed != nil {
		return w.failed
	}
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		w.failed = err
		return err
	}
	w.fd = fd
	return nil
}

// add watches a directory; adding one twice is no harm. A refusal (the limit of
// watches is reached) leaves it to the walk that is made now and then.
func (w *watch) add(dir string) {
	if w.fd != 0 {
		_, _ = unix.InotifyAddWatch(w.fd, dir, unix.IN_CREATE|unix.IN_DELETE|unix.IN_MOVED_TO|unix.IN_ONLYDIR|unix.IN_EXCL_UNLINK)
	}
}

// changed reports whether anything came or went since it was asked last.
func (w *watch) changed(buf []byte) bool {
	any := false
	for w.fd != 0 {
		n, err := unix.Read(w.fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			break
		}
		any = true
	}
	return any
}

func (w *watch) close() {
	if w.fd != 0 {
		_ = unix.Close(w.fd) // nothing was written: a failed close loses nothing
	}
	*w = watch{}
}
