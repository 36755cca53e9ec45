package sim

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/raft"
)

// memLog is a log whose writes are atomic and synced, as bbolt's are.
type memLog struct {
	mu          sync.RWMutex
	first, last uint64
	logs        map[uint64]*raft.Log
}

func (l *memLog) clone() *memLog {
	return &memLog{first: l.first, last: l.last, logs: maps.Clone(l.logs)}
}

func (l *memLog) FirstIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.first, nil
}

func (l *memLog) LastIndex() (uint64, error) { l.mu.RLock(); defer l.mu.RUnlock(); return l.last, nil }

func (l *memLog) GetLog(i uint64, out *raft.Log) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	e, ok := l.logs[i]
	if !ok {
		return raft.ErrLogNotFound
	}
	*out = *e
	return nil
}

func (l *memLog) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

func (l *memLog) StoreLogs(list []*raft.Log) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.logs == nil {
		l.logs = map[uint64]*raft.Log{}
	}
	for _, e := range list {
		c := *e
		c.Data, c.Extensions = bytes.Clone(e.Data), bytes.Clone(e.Extensions)
		l.logs[e.Index] = &c
		if l.first == 0 {
			l.first = e.Index
		}
		l.last = max(l.last, e.Index)
	}
	return nil
}

func (l *memLog) DeleteRange(from, to uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := from; i <= to; i++ {
		delete(l.logs, i)
	}
	if from <= l.first {
		l.first = to + 1
	}
	if to >= l.last {
		l.last = from - 1
	}
	if l.first > l.last {
		l.first, l.last = 0, 0
	}
	return nil
}

// boltLog is a process's view of the machine's memLog: writes go to both as long
// as the process is alive.
type boltLog struct {
	*memLog
	m *mount
}

func (b *boltLog) StoreLogs(list []*raft.Log) error {
	return b.both(func(l *memLog) error { return l.StoreLogs(list) })
}

func (b *boltLog) DeleteRange(from, to uint64) error {
	return b.both(func(l *memLog) error { return l.DeleteRange(from, to) })
}

func (b *boltLog) both(write func(*memLog) error) error {
	d := b.m.d
	d.mu.Lock()
	dead, broken, off := b.m.isDead(), d.broken, false
	if !dead && !broken {
		if off = !b.m.burn(); !off {
			_ = write(&d.logs)
		}
	}
	d.mu.Unlock()
	switch {
	case broken && !dead:
		return errIO
	case off:
		b.m.off()
	}
	return write(b.memLog)
}

// snapshot is a finished one.
type snapshot struct {
	meta raft.SnapshotMeta
	data []byte
}

// retained is how many snapshots are kept, as on a real disk.
const retained = 2

// snapshotStore implements raft.SnapshotStore.
type snapshotStore struct {
	m    *mount
	mine []*snapshot // taken after the process was dead
}

func (s *snapshotStore) Create(v raft.SnapshotVersion, index, term uint64, conf raft.Configuration, confIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	return &sink{s: s, snap: &snapshot{meta: raft.SnapshotMeta{
		Version: v, ID: fmt.Sprintf("%d-%d", term, index), Index: index, Term: term,
		Configuration: conf.Clone(), ConfigurationIndex: confIndex,
	}}}, nil
}

func (s *snapshotStore) list() []*snapshot {
	return append(slices.Clone(s.mine), s.m.d.snaps...)
}

func (s *snapshotStore) List() ([]*raft.SnapshotMeta, error) {
	s.m.d.mu.Lock()
	defer s.m.d.mu.Unlock()
	var list []*raft.SnapshotMeta
	for _, snap := range s.list() {
		meta := snap.meta
		list = append(list, &meta)
	}
	return list, nil
}

func (s *snapshotStore) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	s.m.d.mu.Lock()
	defer s.m.d.mu.Unlock()
	for _, snap := range s.list() {
		if snap.meta.ID == id {
			meta := snap.meta
			return &meta, io.NopCloser(bytes.NewReader(snap.data)), nil
		}
	}
	return nil, nil, fmt.Errorf("no snapshot %q", id)
}

// sink is a snapshot on its way to the disk; it is there once it is closed.
type sink struct {
	s    *snapshotStore
	snap *snapshot
	done bool
}

func (k *sink) ID() string { return k.snap.meta.ID }

func (k *sink) Write(b []byte) (int, error) {
	k.snap.data = append(k.snap.data, b...)
	return len(b), nil
}

func (k *sink) Cancel() error { k.done = true; return nil }

func (k *sink) Close() error {
	if k.done {
		return nil
	}
	k.done = true
	k.snap.meta.Size = int64(len(k.snap.data))
	k.s.m.sync()
	err, off := k.keep()
	if off {
		k.s.m.off()
	}
	return err
}

// keep makes the snapshot durable, unless the power is off.
func (k *sink) keep() (err error, off bool) {
	d := k.s.m.d
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case k.s.m.isDead():
		k.s.mine = slices.Insert(k.s.mine, 0, k.snap)
		return nil, false
	case d.broken:
		return errIO, false
	case d.free == 0:
		return errFull, false
	case !k.s.m.burn():
		return nil, true
	}
	// Newest first by term and index, as the real store has them.
	d.snaps = append(d.snaps, k.snap)
	slices.SortStableFunc(d.snaps, func(a, b *snapshot) int {
		if a.meta.Term != b.meta.Term {
			return int(b.meta.Term) - int(a.meta.Term)
		}
		return int(b.meta.Index) - int(a.meta.Index)
	})
	d.snaps = d.snaps[:min(len(d.snaps), retained)]
	return nil, false
}
