package replica

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/engine"
	"pingd/kv/replica/entry"
	"pingd/kv/replica/logstore"
	"pingd/kv/replica/machine"
	"pingd/kv/replica/raftlog"
)

// Survivor is what the data directory of a stopped node holds: all that Recover can
// go on with.
type Survivor struct {
	Cluster string    // name of its cluster
	Index   uint64    // last entry that it holds ...
	Term    uint64    // ... and that entry's term
	Written time.Time // when the last command in it was written; zero if that is not known
	Members []string  // names, as of the last configuration it holds
	Keys    int       // in all databases, once all of that is applied
}

// Newer reports whether s holds more than other: going on with the one that holds
// most loses least (Raft, section 5.4.1).
func (s Survivor) Newer(other Survivor) bool {
	return s.Term > other.Term || s.Term == other.Term && s.Index > other.Index
}

// ErrNotMember says that a node of that name does not belong to the data directory.
var ErrNotMember = errors.New("no member of the cluster has that name")

// Recover makes the stopped node name, whose data directory is dir, a cluster of its
// own, with everything that it holds: for a cluster that has lost its majority for
// good. Entries that were never acknowledged may be among them; what only the others
// acknowledged is lost. The cluster has a new name, so that nodes of the old one that
// come back stay apart. It changes nothing unless confirmed is true, and may be run
// again after it was interrupted.
//
// Errors: ErrNotMember, ErrInUse, ErrDamaged and others of the data directory.
func Recover(dir, name string, confirmed bool, log *slog.Logger) (s Survivor, err error) {
	found, err := logstore.Check(dir)
	if err != nil {
		return s, err
	}
	logger := raftlog.New(log)
	store, err := logstore.Open(dir, found.Kind, logger)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	s.Cluster = found.Cluster
	self, err := s.look(store, name)
	if err != nil {
		return s, err
	}
	var failed error
	data := engine.New(engine.Options{})
	m := machine.New(machine.Config{Engine: data, Logger: log, Changed: func() {}, Failed: func(err error) { failed = err }})
	_, trans := raft.NewInmemTransport(self.Address)
	defer func() { err = errors.Join(err, trans.Close()) }()
	if !confirmed {
		err := replay(store, m, s.Index)
		s.Keys = countKeys(data)
		return s, errors.Join(err, failed)
	}
	conf := raft.DefaultConfig()
	conf.LocalID, conf.Logger, conf.NoLegacyTelemetry = self.ID, logger, true
	alone := raft.Configuration{Servers: []raft.Server{{ID: self.ID, Address: self.Address}}}
	err = raft.RecoverCluster(conf, lone{m, name, &failed}, store.Logs, store.Stable(), store.Snapshots, trans, alone)
	if err != nil {
		return s, fmt.Errorf("recover %q: %w", dir, errors.Join(err, failed))
	}
	s.Keys = countKeys(data)
	// The last step: what was done before is done again if this is not reached.
	return s, store.SetFact("cluster", map[string]string{"id": rand.Text()})
}

// lone is a machine that, once everything is applied, forgets all members but one.
type lone struct {
	*machine.Machine
	name   string
	failed *error
}

// Snapshot freezes what is left.
func (l lone) Snapshot() (raft.FSMSnapshot, error) {
	if *l.failed != nil {
		return nil, *l.failed
	}
	l.KeepOnly(l.name)
	return l.Machine.Snapshot()
}

// look reads the last configuration and the last entry, and returns the node of that
// name.
func (s *Survivor) look(store *logstore.Store, name string) (self raft.Server, err error) {
	var c raft.Configuration
	list, err := store.Snapshots.List()
	if err != nil {
		return self, fmt.Errorf("list snapshots: %w", err)
	}
	if len(list) > 0 {
		c, s.Index, s.Term = list[0].Configuration, list[0].Index, list[0].Term
	}
	first, err1 := store.Logs.FirstIndex()
	last, err2 := store.Logs.LastIndex()
	if err := errors.Join(err1, err2); err != nil {
		return self, fmt.Errorf("read log: %w", err)
	}
	var dec entry.Decoder
	for i := max(first, 1); i <= last; i++ {
		var l raft.Log
		if err := store.Logs.GetLog(i, &l); err != nil {
			return self, fmt.Errorf("read log entry %d: %w", i, err)
		}
		if i > s.Index {
			s.Index, s.Term = l.Index, l.Term
		}
		switch l.Type {
		case raft.LogConfiguration:
			c = raft.DecodeConfiguration(l.Data)
		case raft.LogCommand:
			if e, err := dec.Entry(l.Data); err == nil {
				s.Written = time.UnixMilli(e.Stamp.UnixMilli)
			}
		}
	}
	for _, member := range c.Servers {
		s.Members = append(s.Members, string(member.ID))
		if string(member.ID) == name {
			self = member
		}
	}
	if self.ID == "" {
		return self, fmt.Errorf("%w: %q is none of %q\nhint: --name must be that of the node whose data this is", ErrNotMember, name, s.Members)
	}
	return self, nil
}

// replay applies everything up to an entry, as Recover does, and writes nothing.
func replay(store *logstore.Store, m *machine.Machine, last uint64) error {
	from := uint64(1)
	list, err := store.Snapshots.List()
	if err == nil && len(list) > 0 {
		meta, rc, err := store.Snapshots.Open(list[0].ID)
		if err == nil {
			from = meta.Index + 1
			err = errors.Join(m.Restore(rc), rc.Close())
		}
		if err != nil {
			return fmt.Errorf("read snapshot: %w", err)
		}
	}
	for i := from; i <= last && err == nil; i++ {
		var l raft.Log
		if err = store.Logs.GetLog(i, &l); err == nil && l.Type == raft.LogCommand {
			m.Apply(&l)
		}
	}
	return err
}

func countKeys(e *engine.Engine) int {
	n := 0
	for _, keys := range e.Stats().Keys {
		n += keys
	}
	return n
}
