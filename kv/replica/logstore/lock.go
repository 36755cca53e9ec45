package logstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Errors of Open that a user can put right.
var (
	ErrInUse    = errors.New("data directory is in use by another process")
	ErrNotADir  = errors.New("not a directory")
	ErrNoAccess = errors.New("data directory cannot be read and written by this user")
)

// lockDir creates dir if need be and takes its lock. The lock goes with the
// process, however it dies.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, dirError(dir, err)
	}
	if _, err := os.ReadDir(dir); err != nil {
		return nil, dirError(dir, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, dirError(dir, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		owner, _ := os.ReadFile(f.Name())
		_ = f.Close()
		who := ""
		if s := strings.TrimSpace(string(owner)); s != "" {
			who = " (process " + s + ")"
		}
		return nil, fmt.Errorf("open data directory %q: %w%s\nhint: stop that process, or choose another directory with --data", dir, ErrInUse, who)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock data directory %q: %w", dir, err)
	}
	// The process number is for the error message alone.
	_ = f.Truncate(0)
	_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
	return f, nil
}

func dirError(dir string, err error) error {
	switch {
	case errors.Is(err, ErrDamaged):
		return err // names the directory
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("open data directory %q: %w\nhint: --data names a directory", dir, ErrNotADir)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("open data directory %q: %w: %w\nhint: chown the directory to this user, or choose another with --data", dir, ErrNoAccess, err)
	}
	return fmt.Errorf("open data directory %q: %w", dir, err)
}
