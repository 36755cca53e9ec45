package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"pingd/kv/engine"
	"pingd/kv/replica/confirm"
	"pingd/kv/replica/entry"
	"pingd/kv/replica/logstore"
	"pingd/kv/replica/machine"
	"pingd/kv/replica/outbox"
)

// Config says what a node is. Name, Dir, Listener and Self are required.
type Config struct {
	Name     string       // unique in the cluster, at most 200 bytes
	Dir      string       // all durable state
	Listener net.Listener // the cluster bus; the Replica closes it
	Self     Member       // advertised addresses; Raft names the bus

	Join   []string // Redis addresses of nodes to join; empty = a cluster of its own
	Expect int      // with Join: form a cluster once that many nodes see one another
	Secret string   // proof of membership; empty = none is asked for

	LogStore        string         // "wal" (default) or "bolt"
	ElectionTimeout time.Duration  // heartbeat and election timeout; default 150 ms, which is the lease too
	CommitTimeout   time.Duration  // how late idle followers learn of commits; default 10 ms
	SnapshotBytes   int64          // log bytes between snapshots; default 64 MiB
	RouteWait       time.Duration  // how long a command waits for a leader; default 3 s
	StaleBound      time.Duration  // how old data ReadLocal may serve; default 5 s
	LeaseReads      bool           // a majority's heartbeats stand for reads, for a part of ElectionTimeout
	DiskSlow        time.Duration  // a log write of that length lets another node lead; default 2 s
	DiskStall       time.Duration  // a log write of that length ends Run; default 20 s
	Reserve         int64          // bytes: with less free, writes are refused; default 192 MiB, negative: never
	RemoveDead      time.Duration  // a member that is silent for longer is removed; default 0: never
	MaxCommand      int            // bytes of the largest command; default 16 MiB
	Engine          engine.Options // zero = defaults

	// Discover asks a Redis address which nodes stand behind it. Nil: Join holds
	// bus addresses.
	Discover func(ctx context.Context, addr string) ([]Peer, error)
	// Dial opens bus connections; default: TCP.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	// Clock never goes back, and goes on while the machine sleeps. Default:
	// confirm.Boottime.
	Clock func() time.Duration
	// Now is the wall clock. Default: time.Now.
	Now func() time.Time
	// Observe lets somebody look on as entries are applied. Default: nobody does.
	Observe func(machine.StateMachine) machine.StateMachine
	// MinTrailing is how many entries always stay behind a snapshot. Default: 16.
	MinTrailing uint64
	// Storage opens the node's durable state. Default: logstore.Open of Dir.
	Storage func(hclog.Logger) (*logstore.Store, error)

	// What this node knows of commands; tests say less, and give old commands the
	// level of new ones.
	level   uint8
	levelOf func([]engine.Command) uint8

	Logger  *slog.Logger          // default: discarded
	Metrics prometheus.Registerer // default: not registered
}

// setDefaults fills in defaults and checks the rest.
func (c *Config) setDefaults() error {
	setDefault(&c.LogStore, logstore.WAL)
	setDefault(&c.ElectionTimeout, 150*time.Millisecond)
	setDefault(&c.CommitTimeout, 10*time.Millisecond)
	setDefault(&c.SnapshotBytes, 64<<20)
	setDefault(&c.RouteWait, 3*time.Second)
	setDefault(&c.StaleBound, 5*time.Second)
	setDefault(&c.DiskSlow, 2*time.Second)
	setDefault(&c.DiskStall, 20*time.Second)
	setDefault(&c.Reserve, 192<<20)
	setDefault(&c.MaxCommand, 16<<20)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&c.level, engine.Level)
	if c.levelOf == nil {
		c.levelOf = engine.LevelOf
	}
	if c.Clock == nil {
		c.Clock = confirm.Boottime
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Observe == nil {
		c.Observe = func(m machine.StateMachine) machine.StateMachine { return m }
	}
	setDefault(&c.MinTrailing, minTrailing)
	if c.Storage == nil {
		c.Storage = func(l hclog.Logger) (*logstore.Store, error) { return logstore.Open(c.Dir, c.LogStore, l) }
	}
	c.Self.Name = c.Name
	switch {
	case c.Listener == nil:
		return errors.New("configure replica: a listener is missing")
	case c.Name == "" || len(c.Name) > min(200, entry.MaxName):
		return fmt.Errorf("configure replica: name %q must have 1 to 200 bytes\nhint: --name=node1", c.Name)
	case c.Self.Raft == "":
		return errors.New("configure replica: the advertised bus address is missing")
	case c.ElectionTimeout < 20*time.Millisecond:
		return fmt.Errorf("configure replica: election timeout %s must be at least 20ms\nhint: --election-timeout=150ms", c.ElectionTimeout)
	case c.Expect < 0 || c.Expect > 0 && len(c.Join) == 0:
		return fmt.Errorf("configure replica: expecting %d nodes needs addresses to find them at\nhint: --join=host1,host2,host3 --expect=3", c.Expect)
	case c.MaxCommand > logstore.MaxEntry-2*outbox.EntryTarget:
		return fmt.Errorf("configure replica: largest command %d must be below %d bytes", c.MaxCommand, logstore.MaxEntry-2*outbox.EntryTarget)
	}
	return nil
}

// lease is how long heartbeats stand for reads: three quarters of the time in which
// nobody else can be elected, for clocks that do not run alike.
func (c *Config) lease() time.Duration {
	if !c.LeaseReads {
		return 0
	}
	return c.ElectionTimeout * 3 / 4
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
