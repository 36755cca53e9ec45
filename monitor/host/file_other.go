//go:build !linux

package host

import (
	"errors"
	"io"
	"os"
)

// file keeps one file of a fixture tree open; other systems have no /proc.
type file struct{ f *os.File }

func openFile(path string) (file, error) {
	f, err := os.Open(path)
	return file{f}, err
}

func (f file) readAll(buf []byte) (grown, data []byte, err error) {
	for {
		n, err := f.f.ReadAt(buf, 0)
		switch {
		case errors.Is(err, io.EOF):
			return buf, buf[:n], nil
		case err != nil:
			return buf, nil, err
		case len(buf) >= maxFile:
			return buf, buf[:n], nil
		}
		buf = make([]byte, 2*len(buf))
	}
}

func (f file) close() {
	if f.f != nil {
		_ = f.f.Close() // nothing was written: a failed close loses nothing
	}
}
