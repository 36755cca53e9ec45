package logstore

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/hashicorp/raft"
)

// snapshots is Raft's store of snapshots with a checksum over what Raft keeps beside
// each: Raft sums up the state, but not the index, term and configuration that it
// believes the state to be of, which lie in a file of their own. They are repeated
// in front of the state, and compared whenever a snapshot is opened:
//
//	magic (8) | length (4) | JSON | xxhash64 of all before (8) | state
//
// A snapshot without that was written by a version before.
type snapshots struct {
	raft.SnapshotStore
	dir string // that holds them
}

const (
	stampMagic = "PINGDMET"
	maxStamp   = 1 << 20

	// The files of one, as raft.FileSnapshotStore names them.
	stateFile = "state.bin"
	metaFile  = "meta.json"
)

// stamp is what must not be separated from a state.
type stamp struct {
	Index              uint64             `json:"index"`
	Term               uint64             `json:"term"`
	Configuration      raft.Configuration `json:"configuration"`
	ConfigurationIndex uint64             `json:"configuration_index"`
}

func (s stamp) encode() ([]byte, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode head of snapshot: %w", err)
	}
	b := append(binary.LittleEndian.AppendUint32([]byte(stampMagic), uint32(len(body))), body...)
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b)), nil
}

// Create begins a snapshot.
func (s snapshots) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, ci uint64, t raft.Transport) (raft.SnapshotSink, error) {
	head, err := stamp{index, term, c, ci}.encode()
	if err != nil {
		return nil, err
	}
	sink, err := s.SnapshotStore.Create(version, index, term, c, ci, t)
	if err != nil {
		return nil, err
	}
	if _, err := sink.Write(head); err != nil {
		return nil, errors.Join(fmt.Errorf("write head of snapshot: %w", err), sink.Cancel())
	}
	return sink, nil
}

// Open opens a snapshot whose checksums match.
func (s snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	meta, rc, err := s.SnapshotStore.Open(id)
	if err != nil {
		return nil, nil, err
	}
	r := bufio.NewReaderSize(rc, 64<<10)
	n, err := readStamp(r, meta, id)
	if info, statErr := os.Stat(filepath.Join(s.dir, id, stateFile)); err == nil && (statErr != nil || info.Size() != meta.Size) {
		err = errors.Join(errors.New("the snapshot's size is not what it says"), statErr)
	}
	if err != nil {
		return nil, nil, errors.Join(err, rc.Close())
	}
	// Raft sends that many bytes to a node that has fallen behind.
	whole := *meta
	whole.Size -= n
	return &whole, struct {
		io.Reader
		io.Closer
	}{r, rc}, nil
}

// readStamp reads what precedes the state, and how many bytes that is, and compares
// it with meta.
func readStamp(r *bufio.Reader, meta *raft.SnapshotMeta, id string) (int64, error) {
	if meta.ID != id {
		return 0, errors.New("snapshot is named as another one")
	}
	first, err := r.Peek(len(stampMagic) + 4)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("read head of snapshot: %w", err)
	}
	if !bytes.HasPrefix(first, []byte(stampMagic)) {
		return 0, nil // of a version before
	}
	size := len(first)
	if n := binary.LittleEndian.Uint32(first[len(stampMagic):]); n <= maxStamp {
		size += int(n) + 8
	}
	head := make([]byte, size)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, fmt.Errorf("read head of snapshot: %w", err)
	}
	body := head[:max(size-8, 0)]
	var taken stamp
	switch {
	case binary.LittleEndian.Uint64(head[len(body):]) != xxhash.Sum64(body):
		return 0, errors.New("checksum of the snapshot's head does not match")
	case json.Unmarshal(body[len(first):], &taken) != nil:
		return 0, errors.New("head of the snapshot is malformed")
	case !taken.is(meta):
		return 0, errors.New("index, term or members of the snapshot are not those it was taken with")
	}
	return int64(size), nil
}

// is compares the stamp with what Raft keeps.
func (s stamp) is(m *raft.SnapshotMeta) bool {
	return s.Index == m.Index && s.Term == m.Term && s.ConfigurationIndex == m.ConfigurationIndex &&
		slices.Equal(s.Configuration.Servers, m.Configuration.Servers)
}
