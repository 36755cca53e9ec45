package keyspace

import (
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"pingd/kv/engine/once"
)

// Errors of Store.Restore, wrapped with what was found.
var (
	// ErrSnapshotFormat means that the input is no snapshot, or one of a version
	// that this program does not know.
	ErrSnapshotFormat = errors.New("not a snapshot of a known format")
	// ErrSnapshotCorrupt means that the input is damaged or ends too early.
	ErrSnapshotCorrupt = errors.New("snapshot is corrupt")
)

// Restore replaces the whole state by the one that Snapshot.WriteTo wrote, or
// leaves it as it is when it returns an error. Memory is allocated only for bytes
// that were really read. It locks by
// itself, but only for the last step.
//
// Errors: ErrSnapshotFormat, ErrSnapshotCorrupt, and those of r.
func (s *Store) Restore(r io.Reader) error {
	s.RLock()
	l := loader{epoch: s.epoch}
	l.Tokens = once.New(s.maxTokens)
	s.RUnlock()
	scanned, err := scan(r, &l)
	if err != nil {
		return fmt.Errorf("restore snapshot: %w", err)
	}
	l.Now, l.version = scanned.Now, scanned.version
	s.Lock()
	s.state = l.state
	s.removed.noteAll(l.version)
	s.Unlock()
	return nil
}

// loader builds a state from a snapshot: a sink.
type loader struct {
	state
	epoch uint32
}

func (l *loader) key(k Stored) error {
	ent := &Entry{
		Key: string(k.Name), hash: xxhash.Sum64(k.Name), Val: k.Value,
		ExpireAt: k.ExpireAt, Version: k.version, epoch: l.epoch, own: l.epoch,
	}
	if l.spaces[k.DB] == nil {
		l.spaces[k.DB] = newSpace()
	}
	sp := l.spaces[k.DB]
	if sp.lookup(ent.hash, k.Name) != nil {
		return fmt.Errorf("%w: a key is there twice", ErrSnapshotCorrupt)
	}
	sp.insert(ent)
	return nil
}

func (l *loader) token(token once.Token, due int64, reply []byte) { l.Tokens.Put(token, due, reply) }
