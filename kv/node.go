package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"pingd/kv/client"
	"pingd/kv/engine"
	"pingd/kv/replica"
	"pingd/kv/server"
	"pingd/kv/server/follow"
)

// Config says what a store node is. Name, Dir, Redis, Raft and their advertised
// addresses are required.
type Config struct {
	Name string // unique in the cluster
	Dir  string // all durable state; one process owns it

	Redis net.Listener // for Redis clients; the node closes it
	Raft  net.Listener // for the other nodes; the node closes it

	// Advertised are the addresses, host:port, that others reach this node at. A
	// host name stays a name and is resolved at each dial. Sentinel and Admin are
	// only told to others, and may be empty.
	Advertised Addresses

	Join   []string // Redis addresses of nodes to join; empty = a cluster of its own
	Expect int      // with Join: form a cluster once that many nodes see one another

	// Dial opens connections to other nodes' Redis addresses (see client.Config), and
	// DialBus to their bus, such as those with TLS where Redis and Raft have it.
	// Default: TCP.
	Dial    func(ctx context.Context, addr, name string) (net.Conn, error)
	DialBus func(ctx context.Context, addr string) (net.Conn, error)

	Secret          string        // empty = no password
	LogStore        string        // "wal" (default) or "bolt"
	ElectionTimeout time.Duration // default 150 ms
	LeaseReads      bool          // reads on the strength of heartbeats
	StaleBound      time.Duration // age of what READONLY connections read; default 5 s
	Reserve         int64         // bytes of the disk to keep free; default 192 MiB, negative: none
	RemoveDead      time.Duration // a member silent for longer is removed; 0 = never
	MaxClients      int           // default 10000

	// FollowerWrites says what becomes of a client's write at a node that does not
	// lead: "forward" (default) to the leader, or refused as by a "readonly" replica,
	// or as "moved" to the leader.
	FollowerWrites string

	Logger  *slog.Logger          // default: discarded
	Metrics prometheus.Registerer // default: none
}

// Addresses are those of one node's listeners, host:port.
type Addresses struct{ Redis, Raft, Sentinel, Admin string }

// Node is one store node.
type Node struct {
	replica *replica.Replica
	server  *server.Server
	addrs   map[string]string
}

// New opens the data directory and takes over both listeners, also when it
// fails.
func New(cfg Config) (*Node, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	n := &Node{addrs: map[string]string{"redis": cfg.Redis.Addr().String(), "raft": cfg.Raft.Addr().String()}}
	if err := n.assemble(cfg); err != nil {
		// Both may be closed already by the part that failed.
		_, _ = cfg.Redis.Close(), cfg.Raft.Close()
		return nil, err
	}
	return n, nil
}

func (n *Node) assemble(cfg Config) error {
	discover := &discoverer{client.Config{Secret: cfg.Secret, Dial: cfg.Dial, Logger: cfg.Logger}}
	if cfg.Dial != nil {
		discover.TryTimeout = time.Second // a handshake takes computing
	}
	rep, err := replica.New(replica.Config{
		Name:     cfg.Name,
		Dir:      cfg.Dir,
		Listener: cfg.Raft,
		Self: replica.Member{
			Name:     cfg.Name,
			Raft:     cfg.Advertised.Raft,
			Redis:    cfg.Advertised.Redis,
			Sentinel: cfg.Advertised.Sentinel,
			Admin:    cfg.Advertised.Admin,
		},
		Join:            cfg.Join,
		Expect:          cfg.Expect,
		Secret:          cfg.Secret,
		LogStore:        cfg.LogStore,
		ElectionTimeout: cfg.ElectionTimeout,
		LeaseReads:      cfg.LeaseReads,
		StaleBound:      cfg.StaleBound,
		Reserve:         cfg.Reserve,
		RemoveDead:      cfg.RemoveDead,
		Discover:        discover.peers,
		Dial:            cfg.DialBus,
		Logger:          cfg.Logger,
		Metrics:         cfg.Metrics,
	})
	if err != nil {
		return err
	}
	n.replica = rep
	n.server, err = server.New(server.Config{
		Listener:   cfg.Redis,
		Store:      rep,
		Name:       cfg.Name,
		RunID:      rep.RunID(),
		Secret:     cfg.Secret,
		MaxClients: cfg.MaxClients,
		Logger:     cfg.Logger,
		Metrics:    cfg.Metrics,

		FollowerWrites: follow.Parse(cfg.FollowerWrites),
	})
	if err != nil {
		return errors.Join(err, rep.Close())
	}
	return nil
}

// Replica gives access to the replicated log beneath the front.
func (n *Node) Replica() *replica.Replica { return n.replica }

// Addrs returns the bound addresses, by listener.
func (n *Node) Addrs() map[string]string { return n.addrs }

// Status is what /status shows of a store node.
type Status struct {
	Raft  replica.Status `json:"raft"`
	Redis server.Status  `json:"redis"`
	Data  engine.Stats   `json:"data"`
}

// Status returns the present figures, a value of type Status.
func (n *Node) Status() any {
	front, _ := n.server.Status().(server.Status)
	return Status{Raft: n.replica.Status(), Redis: front, Data: n.replica.Engine().Stats()}
}

// ErrNoLeader says why a node is not ready.
var ErrNoLeader = errors.New("no leader known")

// Ready returns nil when the node can serve commands, itself or through the
// leader, and ErrNoLeader otherwise.
func (n *Node) Ready() error {
	if !n.replica.Status().Ready {
		return ErrNoLeader
	}
	return nil
}

// Run serves until ctx ends; see the package's drawing for the order in which
// it stops. It returns nil after an orderly stop.
func (n *Node) Run(ctx context.Context) error {
	// The log outlives ctx by as long as the front needs to drain.
	logCtx, stopLog := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLog()
	frontCtx, stopFront := context.WithCancel(ctx)
	defer stopFront()
	var g errgroup.Group
	g.Go(func() error {
		defer stopFront() // a dead log leaves the front nothing to serve
		return n.replica.Run(logCtx)
	})
	g.Go(func() error {
		defer stopLog()
		return n.server.Run(frontCtx)
	})
	return g.Wait()
}

// Close releases what New took, for a node that was never Run.
func (n *Node) Close() error {
	return errors.Join(n.server.Close(), n.replica.Close())
}

// discoverer asks a Redis address which nodes stand behind it.
type discoverer struct{ client.Config }

func (d *discoverer) peers(ctx context.Context, addr string) ([]replica.Peer, error) {
	cfg := d.Config
	cfg.Addrs = []string{addr}
	answers, err := client.Peers(ctx, cfg)
	if err != nil {
		return nil, err
	}
	peers := make([]replica.Peer, 0, len(answers))
	for _, a := range answers {
		var p replica.Peer
		if err := json.Unmarshal(a, &p); err != nil {
			return nil, fmt.Errorf("read the answer of %s: %w", addr, err)
		}
		peers = append(peers, p)
	}
	return peers, nil
}
