package machine

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/hashicorp/raft"

	"pingd/kv/engine"
	"pingd/kv/replica/entry"
)

// A snapshot is a head of fixed length, the state that is not the engine's as
// JSON, and the engine's own snapshot, which carries its own checksum:
//
//	magic (8) | version (1) | length (4) | JSON | xxhash64 of all before (8) | engine
//
// The version is 1, or the level of the commands that the state came from where that
// is higher: a program that does not know them refuses it.
const (
	snapshotMagic = "PINGDSNP"
	maxMeta       = 1 << 30
)

// ErrSnapshot is wrapped by the errors of Restore that blame the snapshot.
var ErrSnapshot = errors.New("snapshot is damaged or of an unknown version")

// meta is the part of a snapshot that is not the engine's.
type meta struct {
	level    uint8    // the version
	Index    uint64   `json:"index"`
	Term     uint64   `json:"term"`
	Members  []Member `json:"members"`
	Sessions []saved  `json:"sessions"`

	// Left is when, in log time, nodes were removed whose sessions are kept.
	Left map[string]int64 `json:"left,omitempty"`
}

type saved struct {
	Node        string       `json:"node"`
	Incarnation uint64       `json:"incarnation"`
	Floor       uint64       `json:"floor"`
	Frames      []savedFrame `json:"frames"`
}

type savedFrame struct {
	Number uint64 `json:"number"`
	Gone   bool   `json:"gone,omitempty"`
	Buf    []byte `json:"buf"`
	Ends   []int  `json:"ends"`
}

// Snapshot captures the state; writing it out happens beside further Applies.
func (m *Machine) Snapshot() (raft.FSMSnapshot, error) {
	var head bytes.Buffer
	if err := m.writeHead(&head); err != nil {
		return nil, err
	}
	return &snapshot{head: head.Bytes(), engine: m.cfg.Engine.Snapshot()}, nil
}

func (m *Machine) writeHead(w *bytes.Buffer) error {
	index, term := m.Applied()
	body, err := json.Marshal(meta{Index: index, Term: term, Members: m.Members(), Sessions: m.sessions.save(), Left: m.left})
	if err != nil {
		return fmt.Errorf("encode snapshot head: %w", err)
	}
	w.WriteString(snapshotMagic)
	w.WriteByte(m.Level())
	w.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(body))))
	w.Write(body)
	w.Write(binary.LittleEndian.AppendUint64(nil, xxhash.Sum64(w.Bytes())))
	return nil
}

// snapshot implements raft.FSMSnapshot.
type snapshot struct {
	head   []byte
	engine *engine.Snapshot
}

// Persist writes the snapshot to sink and closes it.
func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	w := bufio.NewWriterSize(sink, 256<<10)
	_, err := w.Write(s.head)
	if err == nil {
		_, err = s.engine.WriteTo(w)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write snapshot: %w", err), sink.Cancel())
	}
	return sink.Close()
}

// Release frees the engine's snapshot.
func (s *snapshot) Release() { s.engine.Close() }

// ErrOld is the error of Restore for a snapshot of an earlier state than this one: one
// that was long on its way. Raft would take it, and go back in time.
var ErrOld = errors.New("snapshot is older than what is applied already")

// Restore replaces the whole state, or nothing when it returns an error: ErrOld, or
// ErrSnapshot for damage.
func (m *Machine) Restore(rc io.ReadCloser) error {
	r := bufio.NewReaderSize(rc, 256<<10)
	head, err := readHead(r)
	if err != nil {
		return err
	}
	if applied, _ := m.Applied(); head.Index < applied {
		return fmt.Errorf("restore snapshot of entry %d after entry %d: %w", head.Index, applied, ErrOld)
	}
	if err := m.cfg.Engine.Restore(r); err != nil {
		return fmt.Errorf("restore engine: %w", err)
	}
	m.sessions, m.left = load(head.Sessions), map[string]int64{}
	maps.Copy(m.left, head.Left)
	m.mu.Lock()
	clear(m.members)
	for _, n := range head.Members {
		m.members[n.Name] = n
	}
	m.mu.Unlock()
	m.broken = false
	m.level.Store(uint32(head.level))
	m.count(head.Index)
	m.progress.advance(head.Index, head.Term)
	m.cfg.Changed()
	return nil
}

// SkipHead returns the engine's part of the snapshot in r. Damage of the head is
// reported as ErrSnapshot.
func SkipHead(r io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(r, 256<<10)
	if _, err := readHead(in); err != nil {
		return nil, err
	}
	return in, nil
}

// count looks for a loop of restored snapshots.
func (m *Machine) count(index uint64) {
	if index != m.restored {
		m.restored, m.again = index, 0
	}
	if m.again++; m.again == maxAgain {
		m.cfg.Failed(fmt.Errorf("install snapshot of entry %d: %w\nhint: start this node again", index, ErrLoop))
	}
}

func readHead(r io.Reader) (*meta, error) {
	head := make([]byte, len(snapshotMagic)+5)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	size := binary.LittleEndian.Uint32(head[len(snapshotMagic)+1:])
	version := head[len(snapshotMagic)]
	if string(head[:len(snapshotMagic)]) != snapshotMagic || size > maxMeta {
		return nil, ErrSnapshot
	}
	if version == 0 || version > entry.Version {
		return nil, fmt.Errorf("%w: version %d, this program knows %d\nhint: run the newest version of pingd on every node", ErrSnapshot, version, entry.Version)
	}
	buf := bytes.NewBuffer(head)
	// CopyN grows with what is really there, whatever the length claims.
	if _, err := io.CopyN(buf, r, int64(size)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	var sum [8]byte
	if _, err := io.ReadFull(r, sum[:]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	if binary.LittleEndian.Uint64(sum[:]) != xxhash.Sum64(buf.Bytes()) {
		return nil, fmt.Errorf("%w: checksum of the head", ErrSnapshot)
	}
	m := &meta{level: version}
	if err := json.Unmarshal(buf.Bytes()[len(snapshotMagic)+5:], m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	return m, nil
}

// save lists the sessions; the order of a node's runs is kept, for it decides
// which is forgotten next.
func (s sessions) save() []saved {
	var list []saved
	for _, node := range slices.Sorted(maps.Keys(s)) {
		for _, r := range s[node] {
			v := saved{Node: node, Incarnation: r.incarnation, Floor: r.floor}
			for _, n := range slices.Sorted(maps.Keys(r.frames)) {
				f := savedFrame{Number: n, Gone: r.frames[n] == nil}
				if !f.Gone {
					f.Buf, f.Ends = r.frames[n].Buf, r.frames[n].Ends
				}
				v.Frames = append(v.Frames, f)
			}
			list = append(list, v)
		}
	}
	return list
}

func load(list []saved) sessions {
	s := sessions{}
	for _, v := range list {
		r := &run{incarnation: v.Incarnation, floor: v.Floor, frames: map[uint64]*engine.Replies{}}
		for _, f := range v.Frames {
			r.frames[f.Number] = nil
			if !f.Gone {
				r.frames[f.Number] = &engine.Replies{Buf: f.Buf, Ends: f.Ends}
			}
		}
		s[v.Node] = append(s[v.Node], r)
	}
	return s
}
