package keep

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// outFile is a file that is there whole or not at all: it is written beside its
// place, under another name, and moved there once it is safe on the disk.
type outFile struct {
	io.Writer
	temp *os.File // nil for standard output, and after commit
	path string
}

// create begins a file at path; "-" is stdout.
func create(path string, stdout io.Writer) (*outFile, error) {
	if path == stdoutName {
		return &outFile{Writer: stdout}, nil
	}
	// Moving a file over a device or a pipe would put it in their place.
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("write %s: it is no regular file\nhint: pingd backup - > %[1]s", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // for its owner alone
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &outFile{Writer: temp, temp: temp, path: path}, nil
}

// commit makes the file durable and puts it in its place.
func (f *outFile) commit() error {
	if f.temp == nil {
		return nil
	}
	if err := f.temp.Sync(); err != nil {
		return err
	}
	if err := f.temp.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.temp.Name(), f.path); err != nil {
		return err
	}
	f.temp = nil
	dir, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// abort removes what was written unless it was committed.
func (f *outFile) abort() {
	if f.temp == nil {
		return
	}
	_ = f.temp.Close() // may be closed already
	_ = os.Remove(f.temp.Name())
	f.temp = nil
}
