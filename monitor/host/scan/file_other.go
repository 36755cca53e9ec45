//go:build !linux

package scan

import (
	"errors"
	"io"
	"os"
)

// File keeps one file of a fixture tree open; other systems have no /proc.
type File struct{ f *os.File }

// Open opens the file at path for reading.
func Open(path string) (File, error) {
	f, err := os.Open(path)
	return File{f}, err
}

// ReadAll reads the file from its beginning, at most MaxFile bytes, into buf, which it
// lengthens if need be: it
// returns buf, perhaps grown, and what was read, which is valid until buf is used again.
func (f File) ReadAll(buf []byte) (grown, data []byte, err error) {
	for {
		n, err := f.f.ReadAt(buf, 0)
		switch {
		case errors.Is(err, io.EOF):
			return buf, buf[:n], nil
		case err != nil:
			return buf, nil, err
		case len(buf) >= MaxFile:
			return buf, buf[:n], nil
		}
		buf = make([]byte, 2*len(buf))
	}
}

// Close closes the file; that of the zero File does nothing.
func (f File) Close() {
	if f.f != nil {
		_ = f.f.Close() // nothing was written: a failed close loses nothing
	}
}
