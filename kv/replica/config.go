package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pingd/kv/engine"
	"pingd/kv/replica/entry"
	"pingd/kv/replica/logstore"
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
	DiskStall       time.Duration  // a log write of that length ends Run; default 5 s
	MaxCommand      int            // bytes of the largest command; default 16 MiB
	Engine          engine.Options // zero = defaults

	// Discover asks a Redis address which nodes stand behind it. Nil: Join holds
	// bus addresses.
	Discover func(ctx context.Context, addr string) ([]Peer, error)
	// Dial opens bus connections; default: TCP.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

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
	setDefault(&c.DiskStall, 5*time.Second)
	setDefault(&c.MaxCommand, 16<<20)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
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

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
