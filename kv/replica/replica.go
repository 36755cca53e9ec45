package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"pingd/kv/engine"
	"pingd/kv/replica/bus"
	"pingd/kv/replica/confirm"
	"pingd/kv/replica/crash"
	"pingd/kv/replica/form"
	"pingd/kv/replica/gauge"
	"pingd/kv/replica/logstore"
	"pingd/kv/replica/machine"
	"pingd/kv/replica/news"
	"pingd/kv/replica/outbox"
	"pingd/kv/replica/probe"
	"pingd/kv/replica/raftlog"
	"pingd/kv/replica/roster"
	"pingd/kv/replica/rpc"
	"pingd/kv/replica/space"
)

// Replica is one node of the replicated store. New opens it, Run serves until
// its context ends; a Replica that never runs must be closed. The other methods
// are safe for concurrent use.
type Replica struct {
	cfg         Config
	log         *slog.Logger
	raftLog     hclog.Logger
	store       *logstore.Store
	engine      *engine.Engine
	machine     *machine.Machine
	bus         *bus.Bus
	control     *bus.Links
	outbox      *outbox.Outbox
	confirm     *confirm.Confirmer
	former      *form.Former
	prober      *probe.Prober
	space       *space.Watch
	roster      *roster.Roster
	crash       *crash.Watch
	metrics     *gauge.Metrics
	hub         news.Hub
	instance    string
	incarnation uint64
	slots       chan struct{} // one for each background request
	failed      chan error    // holds one: why the node has to leave
	publish     atomic.Pointer[func(channel, payload []byte) int64]
	snapshots   sync.Mutex // held while one is taken

	node atomic.Pointer[raft.Raft] // nil until the node belongs to a cluster
	trns *rpc.Transport            // set before node

	refuses atomic.Pointer[string] // why no writes that may grow data are taken; nil = they are
	sick    atomic.Bool            // a write to this node's disk does not return

	// Set by Run: ctx ends when the node stops working, which is after Run's own
	// context ended, for leadership is handed over first.
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	stopped bool // spawn takes no more
	wg      sync.WaitGroup
}

// New checks cfg and opens the data directory. Its errors wrap ErrInUse,
// ErrNotADir or ErrNoAccess where one of these is the reason. On an error the
// listener stays the caller's.
func New(cfg Config) (*Replica, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	r := &Replica{
		cfg:    cfg,
		log:    cfg.Logger.With("component", "replica", "node", cfg.Name),
		slots:  make(chan struct{}, maxBackground),
		failed: make(chan error, 1),
	}
	r.raftLog = raftlog.New(cfg.Logger)
	var err error
	if r.store, err = cfg.Storage(r.raftLog); err != nil {
		return nil, err
	}
	r.space = space.New(space.Config{
		Reserve: cfg.Reserve, Floor: diskFloor, Free: r.store.Free, Changed: r.changed,
	})
	r.store.Logs.Full = r.space.Full
	if r.instance, err = r.store.Instance(); err != nil {
		return nil, errors.Join(err, r.store.Close())
	}
	r.incarnation = r.store.Incarnation()
	if r.former, err = form.New(form.Config{
		Self: form.Founder{Name: cfg.Name, Instance: r.instance, Raft: cfg.Self.Raft},
		Join: cfg.Join, Expect: cfg.Expect, Logger: r.log,
	}, formNode{r}); err != nil {
		return nil, errors.Join(err, r.store.Close())
	}
	r.engine = engine.New(cfg.Engine)
	r.roster = roster.New(roster.Config{
		Self: r.announcement(), Dir: cfg.Dir, Join: cfg.Join, RemoveDead: cfg.RemoveDead, Behind: isClose, Logger: r.log,
	}, rosterNode{r})
	r.machine = machine.New(machine.Config{
		Engine: r.engine, Logger: r.log, Changed: r.changed, Failed: r.fail,
		Name: cfg.Name, Incarnation: r.incarnation,
	})
	r.bus = bus.New(bus.Config{
		Listener: cfg.Listener, Secret: cfg.Secret, Self: r.identity,
		Logger: r.log, Dial: cfg.Dial, Handler: r.handle,
	})
	r.control = r.bus.NewLinks(bus.Control)
	r.outbox = outbox.New(outbox.Config{
		Name: cfg.Name, Incarnation: r.incarnation, RouteWait: cfg.RouteWait, AnswerWait: answerWait + cfg.RouteWait, MaxCommand: cfg.MaxCommand,
		Now: cfg.Now, Logger: r.log, LevelOf: cfg.levelOf,
	}, outboxNode{r})
	r.confirm = confirm.New(confirm.Config{
		Standing: r.standing, Ask: r.askTerm, Spawn: r.spawn, Clock: cfg.Clock, Lease: cfg.lease(),
	})
	r.prober = probe.New(probe.Config{
		Links: r.control, Kind: kindState, Peers: r.peers, Self: r.state, Changed: r.changed,
	})
	r.crash = r.newCrash()
	if r.metrics, err = gauge.New(cfg.Metrics, r.Status); err != nil {
		return nil, errors.Join(err, r.store.Close())
	}
	r.store.OnSync(r.metrics.Synced)
	return r, nil
}

// identity is what the node says of itself on the bus.
func (r *Replica) identity() bus.Identity {
	return bus.Identity{Cluster: r.former.Cluster(), Name: r.cfg.Name, Instance: r.instance}
}

// Close releases what New took, for a Replica that never ran.
func (r *Replica) Close() error {
	r.metrics.Unregister()
	r.bus.Shut()
	return r.store.Close()
}

// Engine returns the engine, for its figures and for OnEvents before Run.
func (r *Replica) Engine() *engine.Engine { return r.engine }

// raftNode returns Raft, or nil before the node belongs to a cluster.
func (r *Replica) raftNode() *raft.Raft { return r.node.Load() }

// spawn runs f on a goroutine that Run waits for; false when the node is
// stopping.
func (r *Replica) spawn(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return false
	}
	r.wg.Go(f)
	return true
}

// fail makes Run return err.
func (r *Replica) fail(err error) {
	select {
	case r.failed <- err:
	default:
	}
}

// changed tells everybody that leader, term or members may be others now.
func (r *Replica) changed() {
	if o := r.outbox; o != nil {
		o.Nudge()
	}
	r.hub.Notify()
}

// Addrs returns the bound address, by listener.
func (r *Replica) Addrs() map[string]string {
	return map[string]string{"raft": r.cfg.Listener.Addr().String()}
}

// recentEntries is how many of the newest log entries stay in memory, for the
// followers to be sent without reading them back from the disk: few, since an
// entry may have a MiB.
const recentEntries = 16

// startRaft begins to take part in the cluster that the former found.
func (r *Replica) startRaft() error {
	conf := raft.DefaultConfig()
	conf.LocalID = raft.ServerID(r.cfg.Name)
	conf.HeartbeatTimeout = r.cfg.ElectionTimeout
	conf.ElectionTimeout = r.cfg.ElectionTimeout
	conf.LeaderLeaseTimeout = r.cfg.ElectionTimeout
	conf.CommitTimeout = r.cfg.CommitTimeout
	conf.MaxAppendEntries = 64
	conf.ShutdownOnRemove = false
	// Snapshots are taken by log bytes: entries are batches of any size.
	conf.SnapshotThreshold = 1 << 62
	conf.SnapshotInterval = maxDuration
	conf.NoLegacyTelemetry = true
	conf.Logger = r.raftLog

	late, err := r.silence()
	if err != nil {
		return err
	}
	trans := rpc.New(rpc.Config{
		Network: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream: r.bus.Stream(r.cfg.Self.Raft, late), MaxPool: 3, Timeout: raftTimeout, Logger: r.raftLog,
		}),
		Ctx: r.ctx, Patience: conf.LeaderLeaseTimeout / 4, Vouch: r.vouch, Heard: r.confirm.Heard,
		Hung: r.sick.Load, Full: r.space.Full, Clock: r.cfg.Clock, Where: r.roster.Where, Spawn: r.spawn,
	})
	r.trns = trans
	if err := r.bootstrap(conf, trans); err != nil {
		return errors.Join(err, trans.Close())
	}
	recent, err := raft.NewLogCache(recentEntries, r.store.Logs)
	if err != nil {
		return errors.Join(fmt.Errorf("start raft: %w", err), trans.Close())
	}
	node, err := raft.NewRaft(conf, r.cfg.Observe(r.machine), recent, r.store.Stable(), r.store.Snapshots, trans)
	if err != nil {
		return errors.Join(fmt.Errorf("start raft: %w", err), trans.Close())
	}
	r.store.Logs.Started()
	events := make(chan raft.Observation, 64)
	node.RegisterObserver(raft.NewObserver(events, false, nil))
	r.node.Store(node)
	r.spawn(func() {
		for {
			select {
			case <-events:
				r.changed()
			case <-r.ctx.Done():
				return
			}
		}
	})
	r.changed()
	return nil
}

// silence returns for how long this node takes no RPC of Raft's when it starts: one
// election timeout if it has taken part before. It has forgotten whom it followed,
// and a vote given at once could undo what its heartbeats stood for (see package
// confirm).
func (r *Replica) silence() (time.Duration, error) {
	term, err := r.store.Stable().GetUint64([]byte("CurrentTerm")) // Raft's own key
	if err != nil && err.Error() != "not found" {
		return 0, fmt.Errorf("read term: %w", err)
	}
	if term == 0 {
		return 0, nil
	}
	return r.cfg.ElectionTimeout, nil
}

// beginAgain undoes half a bootstrap: the first term is written before the first
// entry, and whoever died in between would never take part, nor would anybody else,
// for the others wait to hear of this node.
func (r *Replica) beginAgain() error {
	stable := r.store.Stable()
	term, err := stable.GetUint64([]byte("CurrentTerm")) // Raft's own keys
	if err != nil || term != 1 {
		return nil //nolint:nilerr // nothing was begun
	}
	if voted, err := stable.GetUint64([]byte("LastVoteTerm")); err == nil && voted > 0 {
		return nil
	}
	last, err := r.store.Logs.LastIndex()
	if err != nil || last > 0 {
		return err
	}
	if list, err := r.store.Snapshots.List(); err != nil || len(list) > 0 {
		return err
	}
	return stable.SetUint64([]byte("CurrentTerm"), 0)
}

// bootstrap writes the first configuration into an empty log, if this node is
// the one that forms the cluster.
func (r *Replica) bootstrap(conf *raft.Config, trans raft.Transport) error {
	founders := r.former.Founders()
	if len(founders) == 0 {
		return nil
	}
	if err := r.beginAgain(); err != nil {
		return err
	}
	has, err := raft.HasExistingState(r.store.Logs, r.store.Stable(), r.store.Snapshots)
	if err != nil || has {
		return err
	}
	var servers []raft.Server
	for _, f := range founders {
		servers = append(servers, raft.Server{ID: raft.ServerID(f.Name), Address: raft.ServerAddress(f.Raft)})
	}
	err = raft.BootstrapCluster(conf, r.store.Logs, r.store.Stable(), r.store.Snapshots, trans, raft.Configuration{Servers: servers})
	if err != nil {
		return fmt.Errorf("form cluster: %w", err)
	}
	return nil
}
