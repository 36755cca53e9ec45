package sim

import (
	"bytes"
	"io/fs"
	"maps"
	"slices"

	"github.com/hashicorp/raft-wal/types"
)

// files is the directory of a write-ahead log.
type files struct {
	d      *disk
	byName map[string]*file
}

// file is one of it: as synced last, with the writes since.
type file struct {
	size   int
	data   []byte // as processes see it
	synced []byte // as it is after a power cut that takes everything else; nil: not even its name is sure
	writes []written
}

type written struct {
	at int
	b  []byte
}

func newFiles(d *disk) *files { return &files{d: d, byName: map[string]*file{}} }

// sector is what a disk writes whole, or not.
const sector = 512

// after returns what the next process finds. d.mu is held.
func (f *files) after(lost bool) *files {
	next := newFiles(f.d)
	for _, name := range slices.Sorted(maps.Keys(f.byName)) {
		old := f.byName[name]
		if lost && old.synced == nil && f.d.rng.IntN(2) == 0 {
			continue
		}
		n := &file{size: old.size, data: bytes.Clone(old.data), synced: bytes.Clone(old.synced)}
		if lost {
			n.data = bytes.Clone(old.synced)
			keep := f.d.rng.IntN(3) // none of the writes, each by chance, the first of them
			for _, w := range old.writes {
				if keep == 0 || keep == 2 && f.d.rng.IntN(2) == 0 {
					break
				}
				for from := 0; from < len(w.b); {
					to := min(len(w.b), from+sector-(w.at+from)%sector)
					if keep == 2 || f.d.rng.IntN(2) == 0 {
						n.data = put(n.data, w.at+from, w.b[from:to])
					}
					from = to
				}
			}
			n.synced = bytes.Clone(n.data)
			if n.synced == nil {
				n.synced = []byte{}
			}
		} else {
			n.writes = slices.Clone(old.writes) // a killed process leaves them in the page cache
		}
		next.byName[name] = n
	}
	return next
}

func put(data []byte, at int, b []byte) []byte {
	if need := at + len(b); need > len(data) {
		data = append(data, make([]byte, need-len(data))...)
	}
	copy(data[at:], b)
	return data
}

// mountedFiles implements types.VFS for one process.
type mountedFiles struct {
	m *mount
	f *files // the process's own once it is dead
}

// do runs f with the disk locked. Operations on a dead mount succeed, in a world
// of their own, for what a dead process believes does not matter.
func (v *mountedFiles) do(counts bool, f func() error) error {
	v.m.d.mu.Lock()
	if counts && !v.m.isDead() && !v.m.burn() {
		v.m.d.mu.Unlock()
		v.m.off()
		v.m.d.mu.Lock()
	}
	defer v.m.d.mu.Unlock()
	return f()
}

func (v *mountedFiles) ListDir(string) (list []string, err error) {
	err = v.do(false, func() error { list = slices.Sorted(maps.Keys(v.f.byName)); return nil })
	return list, err
}

func (v *mountedFiles) Create(_, name string, size uint64) (types.WritableFile, error) {
	var made *mountedFile
	err := v.do(true, func() error {
		if _, ok := v.f.byName[name]; ok {
			return fs.ErrExist
		}
		if v.m.d.free == 0 && !v.m.isDead() {
			return errFull
		}
		n := &file{size: int(size)}
		v.f.byName[name] = n
		made = &mountedFile{v, n}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

func (v *mountedFiles) Delete(_, name string) error {
	return v.do(true, func() error {
		if _, ok := v.f.byName[name]; !ok {
			return fs.ErrNotExist
		}
		delete(v.f.byName, name)
		return nil
	})
}

func (v *mountedFiles) OpenReader(dir, name string) (types.ReadableFile, error) {
	return v.OpenWriter(dir, name)
}

func (v *mountedFiles) OpenWriter(_, name string) (types.WritableFile, error) {
	var f *mountedFile
	err := v.do(false, func() error {
		n, ok := v.f.byName[name]
		if !ok {
			return fs.ErrNotExist
		}
		f = &mountedFile{v, n}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// mountedFile implements types.WritableFile.
type mountedFile struct {
	v *mountedFiles
	f *file
}

func (m *mountedFile) ReadAt(b []byte, off int64) (n int, err error) {
	err = m.v.do(false, func() error {
		size := max(m.f.size, len(m.f.data))
		if off >= int64(size) {
			return errEOF
		}
		n = min(len(b), size-int(off))
		clear(b[:n])
		if int(off) < len(m.f.data) {
			copy(b[:n], m.f.data[off:])
		}
		if n < len(b) {
			return errEOF
		}
		return nil
	})
	return n, err
}

func (m *mountedFile) WriteAt(b []byte, off int64) (int, error) {
	err := m.v.do(true, func() error {
		m.f.data = put(m.f.data, int(off), b)
		m.f.writes = append(m.f.writes, written{int(off), bytes.Clone(b)})
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

func (m *mountedFile) Sync() error {
	return m.v.do(true, func() error {
		if m.v.m.d.broken && !m.v.m.isDead() {
			return errIO
		}
		m.f.synced, m.f.writes = bytes.Clone(m.f.data), nil
		if m.f.synced == nil {
			m.f.synced = []byte{}
		}
		return nil
	})
}

func (m *mountedFile) Close() error { return nil }

// walMeta is the log's index, atomic and synced.
type walMeta struct {
	d     *disk
	state types.PersistentState
}

// mountedMeta implements types.MetaStore for one process.
type mountedMeta struct{ m *mount }

func (m *mountedMeta) Load(string) (types.PersistentState, error) {
	m.m.d.mu.Lock()
	defer m.m.d.mu.Unlock()
	return cloneState(m.m.d.meta.state), nil
}

func cloneState(s types.PersistentState) types.PersistentState {
	s.Segments = slices.Clone(s.Segments)
	return s
}

func (m *mountedMeta) CommitState(s types.PersistentState) error {
	m.m.d.mu.Lock()
	dead, broken, off := m.m.isDead(), m.m.d.broken, false
	if !dead && !broken {
		if off = !m.m.burn(); !off {
			m.m.d.meta.state = cloneState(s)
		}
	}
	m.m.d.mu.Unlock()
	switch {
	case broken && !dead:
		return errIO
	case off:
		m.m.off()
	}
	return nil
}

func (m *mountedMeta) GetStable([]byte) ([]byte, error) { return nil, nil }
func (m *mountedMeta) SetStable(_, _ []byte) error      { return nil }
func (m *mountedMeta) Close() error                     { return nil }
