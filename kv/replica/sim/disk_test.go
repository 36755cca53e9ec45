package sim

import (
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"pingd/kv/replica/logstore"
)

// disk is what a node's machine keeps: it outlives the node's processes, each of
// which has a mount of it. What was written and not synced is there for the next
// process, but a power cut takes it, or a part of it.
type disk struct {
	mu     sync.Mutex
	rng    *rand.Rand
	kind   string            // logstore.WAL or logstore.Bolt
	stable map[string][]byte // atomic and synced, as bbolt has it
	files  *files            // of the write-ahead log
	meta   walMeta
	logs   memLog // stands for the log in bbolt
	snaps  []*snapshot
	free   int64

	usual, rare time.Duration // how long a sync takes, and the worst of 50
	thawed      chan struct{} // nil, or closed when the disk goes on
	broken      bool          // the next syncs fail
	fuse        int           // counts operations down to a power cut; 0 = none
	mounted     *mount
}

// mount is a disk in the hands of one process. After die it is a world of its
// own: whatever the process still does there is nowhere to be seen.
type mount struct {
	d    *disk
	once sync.Once
	dead chan struct{}
	cut  func() // ends the process at a power cut that the fuse brings about
}

func newDisk(rng *rand.Rand, kind string, usual, rare time.Duration) *disk {
	d := &disk{rng: rng, kind: kind, usual: usual, rare: rare}
	d.wipe()
	return d
}

// wipe gives the machine an empty disk.
func (d *disk) wipe() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stable, d.files, d.meta, d.logs, d.snaps = map[string][]byte{}, newFiles(d), walMeta{d: d}, memLog{}, nil
	d.free, d.broken, d.fuse = 1<<40, false, 0
}

// mount hands the disk to a new process.
func (d *disk) mount(cut func()) *mount {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mounted = &mount{d: d, dead: make(chan struct{}), cut: cut}
	d.broken, d.fuse = false, 0
	return d.mounted
}

// die takes the disk away from its process; lost tells that the power is gone
// too, and with it what was not synced. The dead process goes on with a copy.
func (m *mount) die(lost bool) {
	m.once.Do(func() {
		m.d.mu.Lock()
		defer m.d.mu.Unlock()
		close(m.dead)
		m.d.files = m.d.files.after(lost)
		m.d.mounted = nil
	})
}

func (m *mount) isDead() bool {
	select {
	case <-m.dead:
		return true
	default:
		return false
	}
}

// sync waits as long as a sync takes, and longer while the disk hangs. Nobody
// may hold a mutex meanwhile: in fake time that would stop the clock for ever.
func (m *mount) sync() {
	if m.isDead() {
		return
	}
	m.d.mu.Lock()
	took, thawed := m.d.usual, m.d.thawed
	if m.d.rare > 0 && m.d.rng.IntN(50) == 0 {
		took = time.Duration(m.d.rng.Int64N(int64(m.d.rare)))
	}
	m.d.mu.Unlock()
	for thawed != nil {
		select {
		case <-thawed:
		case <-m.dead:
		}
		if m.isDead() {
			return
		}
		m.d.mu.Lock()
		thawed = m.d.thawed
		m.d.mu.Unlock()
	}
	if took > 0 {
		t := time.NewTimer(took)
		defer t.Stop()
		select {
		case <-t.C:
		case <-m.dead:
		}
	}
}

// burn counts one operation. It reports false where the power went before it; the
// caller then does nothing, and nobody will know. m.d.mu is held.
func (m *mount) burn() bool {
	switch {
	case m.d.fuse == 0:
		return true
	case m.d.fuse < 0: // gone already
		return false
	}
	if m.d.fuse--; m.d.fuse > 0 {
		return true
	}
	m.d.fuse = -1
	go m.cut()
	return false
}

// off waits for the end of a process whose power is gone: no operation returns to it.
func (m *mount) off() { <-m.dead }

// freeze makes the disk hang until thaw.
func (d *disk) freeze() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.thawed == nil {
		d.thawed = make(chan struct{})
	}
}

func (d *disk) thaw() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.thawed != nil {
		close(d.thawed)
		d.thawed = nil
	}
}

// set changes a disk.
func (d *disk) set(f func(*disk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d)
}

// segmentSize makes the log rotate often.
const segmentSize = 16 << 10

// open opens the durable state for a replica.
func (m *mount) open(logger hclog.Logger) (*logstore.Store, error) {
	p := logstore.Parts{
		Stable: &stableStore{m}, Snapshots: &snapshotStore{m: m}, Free: m.free,
	}
	turn := make(chan struct{}, 1)
	if m.d.kind == logstore.Bolt {
		p.Logs = &timedLog{m: m, turn: turn, LogStore: &boltLog{m: m, memLog: m.d.logs.clone()}}
		return logstore.Over("sim", p), nil
	}
	fs := &mountedFiles{m: m, f: m.d.files}
	w, err := logstore.OpenSegments("wal", fs, &mountedMeta{m}, segmentSize, logger)
	if err != nil {
		return nil, err
	}
	p.Logs, p.Log = &timedLog{m: m, turn: turn, LogStore: w}, w
	return logstore.Over("sim", p), nil
}

func (m *mount) free() (int64, error) {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	return m.d.free, nil
}

// timedLog makes a log as slow as its disk. Writers take turns before they reach
// the log's own mutex, for nobody may wait for that while the disk hangs.
type timedLog struct {
	raft.LogStore
	m    *mount
	turn chan struct{}
}

func (t *timedLog) StoreLog(l *raft.Log) error { return t.StoreLogs([]*raft.Log{l}) }

func (t *timedLog) StoreLogs(l []*raft.Log) error {
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	t.m.sync()
	return t.LogStore.StoreLogs(l)
}

func (t *timedLog) DeleteRange(from, to uint64) error {
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	t.m.sync()
	return t.LogStore.DeleteRange(from, to)
}

func (t *timedLog) IsMonotonic() bool {
	m, ok := t.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// stableStore implements raft.StableStore.
type stableStore struct{ m *mount }

var errNotFound = errors.New("not found") // Raft knows it by its text

func (s *stableStore) Set(key, value []byte) error {
	if len(key) < 6 || string(key[:6]) != "pingd/" {
		s.m.sync() // facts are written with a mutex held
	}
	s.m.d.mu.Lock()
	off := false
	if !s.m.isDead() { // else: after an error here Raft would panic
		if off = !s.m.burn(); !off {
			s.m.d.stable[string(key)] = append([]byte(nil), value...)
		}
	}
	s.m.d.mu.Unlock()
	if off {
		s.m.off()
	}
	return nil
}

func (s *stableStore) Get(key []byte) ([]byte, error) {
	s.m.d.mu.Lock()
	defer s.m.d.mu.Unlock()
	v, ok := s.m.d.stable[string(key)]
	if !ok {
		return nil, errNotFound
	}
	return v, nil
}

func (s *stableStore) SetUint64(key []byte, v uint64) error {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(v >> (8 * i))
	}
	return s.Set(key, b)
}

func (s *stableStore) GetUint64(key []byte) (v uint64, err error) {
	b, err := s.Get(key)
	for i := range b {
		v |= uint64(b[i]) << (8 * i)
	}
	return v, err
}

// errIO and errFull are what the kernel says.
var (
	errIO   error = syscall.EIO
	errFull error = syscall.ENOSPC
)

var errEOF = io.EOF
