package archive

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"pingd/monitor/history/chunk"
)

// lockWait is how long another process may hold a file that is opened.
const lockWait = 2 * time.Second

var notes = []byte("notes")

// Archive is the archive in a directory. Create it with Open. Safe for concurrent
// use: whoever comes second waits, as bbolt's files have one owner.
type Archive struct {
	dir string

	mu  sync.Mutex
	enc chunk.Encoder
	dec chunk.Decoder
}

// Open returns the archive in dir, which exists.
func Open(dir string) *Archive { return &Archive{dir: dir} }

// file is one of the archive's files.
type file struct {
	path  string
	level Level
	start int64 // unix second it begins at
	size  int64
}

// files lists the files there are, oldest first, fine before coarse.
func (a *Archive) files() ([]file, error) {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return nil, fmt.Errorf("list the archive in %s: %w", a.dir, err)
	}
	var all []file
	for _, e := range entries {
		level, start, ok := parseName(e.Name())
		if !ok {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the archive in %s: %w", a.dir, err)
		}
		all = append(all, file{filepath.Join(a.dir, e.Name()), level, start, info.Size()})
	}
	slices.SortFunc(all, func(a, b file) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.level.Step, b.level.Step))
	})
	return all, nil
}

// with opens the file that holds second t of the level for fn, which may be called
// twice: a file that bbolt can not make sense of is set aside, so that a damaged
// week does not end the history, and for writing a new one takes its place. For
// reading, a file that is not there is passed over.
func (a *Archive) with(l Level, t int64, write bool, fn func(*bbolt.Tx) error) error {
	path := filepath.Join(a.dir, l.fileName(t))
	if !write {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	err := use(path, write, fn)
	if damaged(err) {
		if err := os.Rename(path, path+".damaged"); err != nil {
			return fmt.Errorf("set %s aside: %w", path, err)
		}
		if !write {
			return nil
		}
		err = use(path, write, fn)
	}
	if err != nil {
		return fmt.Errorf("history in %s: %w", path, err)
	}
	return nil
}

// use opens a file for one transaction. What bbolt panics at, and pages that are
// not there when they are looked at, are errors here; the file stays locked then,
// which only matters to who would open it under its new name.
func use(path string, write bool, fn func(*bbolt.Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", bolterrors.ErrInvalid, r)
		}
	}()
	db, err := bbolt.Open(path, 0o640, &bbolt.Options{
		Timeout: lockWait, ReadOnly: !write, FreelistType: bbolt.FreelistMapType, PageSize: pageSize,
	})
	if err != nil {
		return err
	}
	if write {
		err = db.Update(fn)
	} else {
		err = db.View(fn)
	}
	return errors.Join(err, db.Close())
}

// pageSize holds several chunks a page, so that little of a page stays empty.
const pageSize = 16 << 10

func damaged(err error) bool {
	return errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum) ||
		errors.Is(err, bolterrors.ErrVersionMismatch)
}

func key(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// Merge lays points over what a level has: those of each series begin at unix
// second start, a multiple of the level's step, and all lie in one chunk. Gaps
// leave what is there. Notes, which only Minute has, go with them: it is one
// transaction.
func (a *Archive) Merge(l Level, start int64, series iter.Seq2[string, []chunk.Point], with ...Note) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := floor(start, l.Chunk)
	offset := int((start - at) / l.Step)
	return a.with(l, start, true, func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(key(at))
		if err != nil {
			return err
		}
		b.FillPercent = 0.9 // keys come in order
		var old []chunk.Point
		var packed []byte
		for name, points := range series {
			old = a.chunkOf(b, l, name, old[:0])
			touched := false
			for i, p := range points {
				if j := offset + i; !p.Empty() && j < len(old) {
					old[j], touched = p, true
				}
			}
			if !touched || len(name) == 0 || len(name) > bbolt.MaxKeySize {
				continue
			}
			packed = a.enc.Append(packed[:0], old)
			if err := b.Put([]byte(name), slices.Clone(packed)); err != nil { // bbolt keeps it until the commit
				return err
			}
		}
		return putNotes(tx, with)
	})
}

// chunkOf appends the chunk of a series, gaps where there is none. One that is
// damaged counts as none: the rest of the history is worth more.
func (a *Archive) chunkOf(b *bbolt.Bucket, l Level, name string, to []chunk.Point) []chunk.Point {
	if packed := b.Get([]byte(name)); packed != nil {
		got, err := a.dec.Append(to, packed)
		if err == nil && len(got) == l.points() {
			return got
		}
	}
	for range l.points() {
		to = append(to, chunk.Gap)
	}
	return to
}

// Read calls fn for each point that a level has of the series in unix seconds from
// to to, inclusive: series is its place in names, t the second it begins at.
func (a *Archive) Read(l Level, names []string, from, to int64, fn func(series int, t int64, p chunk.Point)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var points []chunk.Point
	for t := floor(from, l.File); t <= to; t += l.File {
		err := a.with(l, t, false, func(tx *bbolt.Tx) error {
			for at := max(t, floor(from, l.Chunk)); at < t+l.File && at <= to; at += l.Chunk {
				b := tx.Bucket(key(at))
				if b == nil {
					continue
				}
				for i, name := range names {
					packed := b.Get([]byte(name))
					if packed == nil {
						continue
					}
					var err error
					if points, err = a.dec.Append(points[:0], packed); err != nil {
						continue // a damaged chunk is a gap
					}
					for j, p := range points {
						if s := at + int64(j)*l.Step; s >= from && s <= to && !p.Empty() {
							fn(i, s, p)
						}
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Names lists the series a level has anything of in the seconds from to to, sorted.
func (a *Archive) Names(l Level, from, to int64) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := map[string]bool{}
	for t := floor(from, l.File); t <= to; t += l.File {
		err := a.with(l, t, false, func(tx *bbolt.Tx) error {
			for at := max(t, floor(from, l.Chunk)); at < t+l.File && at <= to; at += l.Chunk {
				if b := tx.Bucket(key(at)); b != nil {
					if err := b.ForEach(func(k, _ []byte) error { seen[string(k)] = true; return nil }); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}
