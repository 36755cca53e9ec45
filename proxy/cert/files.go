package cert

import (
	"context"
	"log/slog"
	"time"
)

// lookEvery is how often files are looked at.
const lookEvery = 2 * time.Second

// Files keeps a Book's certificates as they are in files. Make it with NewFiles.
type Files struct {
	book  *Book
	paths []string
	seen  []string // stamps, by path
	log   *slog.Logger
}

// NewFiles loads the certificates behind paths into book. It fails if any cannot be
// used.
func NewFiles(book *Book, paths []string, log *slog.Logger) (*Files, error) {
	f := &Files{book: book, paths: paths, seen: make([]string, len(paths)), log: log}
	for i, path := range paths {
		f.seen[i] = stamps(path) // before loading: a change in between is seen later
		certs, err := Load(path)
		if err != nil {
			return nil, err
		}
		book.Put(path, certs)
	}
	return f, nil
}

// Run loads what changes until ctx ends. What cannot be used is told to the logger
// and looked at again; what was loaded before stays in use.
func (f *Files) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.look()
		case <-ctx.Done():
			return
		}
	}
}

// look loads what has changed since it was looked at last.
func (f *Files) look() {
	for i, path := range f.paths {
		now := stamps(path)
		if now == f.seen[i] {
			continue
		}
		f.seen[i] = now
		certs, err := Load(path)
		if err != nil {
			f.log.Warn("certificates not replaced, those loaded before stay in use", "path", path, "err", err)
			continue
		}
		f.book.Put(path, certs)
		f.log.Info("certificates replaced", "path", path, "count", len(certs))
	}
}
