package roster

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"pingd/kv/replica/bus"
	"pingd/kv/replica/entry"
	"pingd/kv/replica/form"
	"pingd/kv/replica/machine"
	"pingd/kv/replica/outbox"
	"pingd/kv/replica/probe"
)

// freshLeader is a node that has just been elected: Raft's configuration is that of its
// whole log, its data is that of an earlier entry until it has settled.
type freshLeader struct {
	Node
	raft    *raft.Raft
	members map[string]machine.Member
	settle  func() error
	told    int // entries put into the log
}

func (f *freshLeader) Raft() *raft.Raft             { return f.raft }
func (f *freshLeader) Route() outbox.Route          { return outbox.Route{Self: true} }
func (f *freshLeader) Cluster() string              { return "c" }
func (f *freshLeader) Level() uint8                 { return 1 }
func (f *freshLeader) Settle(context.Context) error { return f.settle() }

func (f *freshLeader) Extra(context.Context, entry.Kind, []byte) error {
	f.told++
	return nil
}

func (f *freshLeader) Member(name string) (machine.Member, bool) {
	m, ok := f.members[name]
	return m, ok
}

func (f *freshLeader) WhoIs(context.Context, string) (bus.Identity, error) {
	return bus.Identity{}, errors.New("nobody answers")
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newFreshLeader(t *testing.T) *freshLeader {
	t.Helper()
	store, snaps := raft.NewInmemStore(), raft.NewInmemSnapshotStore()
	addr, trns := raft.NewInmemTransport("n1:1")
	cfg := raft.DefaultConfig()
	cfg.LocalID, cfg.Logger = "n1", hclog.New(&hclog.LoggerOptions{Output: io.Discard})
	err := raft.BootstrapCluster(cfg, store, store, snaps, trns, raft.Configuration{Servers: []raft.Server{
		{ID: "n1", Address: addr}, {ID: "n2", Address: "n2:1"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := raft.NewRaft(cfg, &raft.MockFSM{}, store, store, snaps, trns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Shutdown().Error(); err != nil {
			t.Error(err)
		}
	})
	return &freshLeader{raft: r, members: map[string]machine.Member{"n2": {Name: "n2", Instance: "before", Raft: "n2:1"}}}
}

// A member was removed and came back with an empty disk. A leader that has not applied
// this yet must not send it away again: with two nodes that was the end of the cluster.
func TestAFreshLeaderJudgesMembersByWhatIsCommitted(t *testing.T) {
	node := newFreshLeader(t)
	r := New(Config{Self: machine.Member{Name: "n1", Raft: "n1:1"}, Logger: slog.New(slog.DiscardHandler)}, node)
	q := Request{Cluster: "c", Member: machine.Member{Name: "n2", Instance: "back", Raft: "n2:1"}, Rejoin: true}

	node.settle = func() error { return errors.New("no majority answers") }
	if a, err := r.Admit(t.Context(), q); err != nil || a.Retry == "" || a.Removed {
		t.Errorf("a leader that cannot settle answers %+v, %v", a, err)
	}
	node.settle = func() error { node.members["n2"] = q.Member; return nil }
	if a, err := r.Admit(t.Context(), q); err != nil || a != (Answer{}) {
		t.Errorf("a leader that has settled answers %+v, %v", a, err)
	}
	// One that was removed for good is told so.
	q.Member = machine.Member{Name: "n3", Instance: "x", Raft: "n3:1"}
	node.settle = func() error { return nil }
	if a, err := r.Admit(t.Context(), q); err != nil || !a.Removed {
		t.Errorf("a stranger that says it was a member is answered %+v, %v", a, err)
	}
}

// The founders of a cluster may have been replaced by nodes of their names since.
func TestAFreshLeaderIntroducesNoFounderWhoHasBeenReplaced(t *testing.T) {
	node := newFreshLeader(t)
	r := New(Config{Self: machine.Member{Name: "n1", Raft: "n1:1"}, Logger: slog.New(slog.DiscardHandler)}, node)
	founder := form.Founder{Name: "n2", Instance: "before", Raft: "n2:1"}
	clear(node.members) // nothing is applied yet

	unsettled := errors.New("no majority answers")
	node.settle = func() error { return unsettled }
	if err := r.introduce(t.Context(), founder); !errors.Is(err, unsettled) || node.told > 0 {
		t.Errorf("a leader that cannot settle told %d, %v", node.told, err)
	}
	node.settle = func() error {
		node.members["n2"] = machine.Member{Name: "n2", Instance: "back", Raft: "n2:1"}
		return nil
	}
	if err := r.introduce(t.Context(), founder); err != nil || node.told > 0 {
		t.Errorf("a leader that has settled told %d of a founder who was replaced, %v", node.told, err)
	}
	clear(node.members)
	node.settle = func() error { return nil }
	if err := r.introduce(t.Context(), founder); err != nil || node.told != 1 {
		t.Errorf("a founder that nobody knows was introduced %d times, %v", node.told, err)
	}
}

// catchingUp is the leader of a cluster with a non-voter, n2, that is removed while it
// is asked how far it is.
type catchingUp struct {
	freshLeader
	remove func()
}

func (c *catchingUp) State(context.Context, string, string) (probe.State, error) {
	c.remove()
	return probe.State{Term: c.raft.CurrentTerm(), Applied: c.raft.CommitIndex()}, nil
}

func (c *catchingUp) Await(_ context.Context, _ string, f raft.Future) error { return f.Error() }

func TestWhoIsRemovedWhileItCatchesUpStaysRemoved(t *testing.T) {
	store, snaps := raft.NewInmemStore(), raft.NewInmemSnapshotStore()
	addr, trns := raft.NewInmemTransport("n1:1")
	cfg := raft.DefaultConfig()
	cfg.LocalID, cfg.Logger = "n1", hclog.New(&hclog.LoggerOptions{Output: io.Discard})
	cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaderLeaseTimeout = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	n2 := raft.Server{Suffrage: raft.Nonvoter, ID: "n2", Address: "n2:1"}
	err := raft.BootstrapCluster(cfg, store, store, snaps, trns, raft.Configuration{Servers: []raft.Server{{ID: "n1", Address: addr}, n2}})
	if err != nil {
		t.Fatal(err)
	}
	node, err := raft.NewRaft(cfg, &raft.MockFSM{}, store, store, snaps, trns)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = node.Shutdown().Error() }()
	if !<-node.LeaderCh() {
		t.Fatal("it does not lead")
	}
	leader := &catchingUp{freshLeader: freshLeader{raft: node}}
	r := New(Config{Self: machine.Member{Name: "n1", Raft: "n1:1"}, Logger: slog.New(slog.DiscardHandler)}, leader)
	leader.remove = func() {
		if err := node.RemoveServer("n2", 0, 0).Error(); err != nil {
			t.Error(err)
		}
	}
	r.promote(t.Context(), n2)
	if s, ok := r.Server("n2"); ok {
		t.Errorf("it is back: %+v", s)
	}
	if err := node.AddNonvoter("n2", "n2:1", 0, 0).Error(); err != nil {
		t.Fatal(err)
	}
	leader.remove = func() {}
	r.promote(t.Context(), n2)
	if s, ok := r.Server("n2"); !ok || s.Suffrage != raft.Voter {
		t.Errorf("one that has caught up does not vote: %+v, %v", s, ok)
	}
}
