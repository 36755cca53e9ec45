package roster

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/replica/bus"
	"pingd/kv/replica/entry"
	"pingd/kv/replica/form"
	"pingd/kv/replica/machine"
	"pingd/kv/replica/outbox"
	"pingd/kv/replica/probe"
)

// ChangeWait bounds one change of Raft's configuration.
const ChangeWait = 2 * time.Second

const (
	tendEvery    = 100 * time.Millisecond // between looks of the leader at non-voters
	announceWait = 500 * time.Millisecond // between looks of a node at its own announcement
	searchAfter  = time.Second            // without a leader, before the others are looked for
	again        = 10 * time.Millisecond
)

// Errors that end a node.
var (
	ErrRemoved = errors.New("node was removed from its cluster\nhint: to let it join again, start it with an empty --data directory")
	ErrForeign = errors.New("join addresses lead to another cluster")
)

// Request asks the leader to let a node in, or to take note of its addresses.
type Request struct {
	Cluster string         `json:"cluster"`
	Member  machine.Member `json:"member"`
	Rejoin  bool           `json:"rejoin"` // the node has been a member: never add it anew
}

// Answer is the leader's. At most one field is set.
type Answer struct {
	Leader  string `json:"leader,omitempty"` // bus address: ask there
	Taken   bool   `json:"taken,omitempty"`
	Removed bool   `json:"removed,omitempty"`
	Retry   string `json:"retry,omitempty"` // why not now
}

// Config says who the node is.
type Config struct {
	Self       machine.Member
	Dir        string        // its data directory, for messages
	Join       []string      // where others may be found
	RemoveDead time.Duration // a member silent for longer is removed; 0 = never
	Behind     uint64        // entries that a member which is well may be behind
	Logger     *slog.Logger
}

// Node is what a Roster needs of its node. Raft is not nil.
type Node interface {
	Raft() *raft.Raft
	Route() outbox.Route
	Cluster() string
	Founders() []form.Founder
	// Look asks all join addresses; Ask sends a Request to a bus address; WhoIs asks
	// who is at one.
	Look(ctx context.Context) ([]form.Peer, error)
	Ask(ctx context.Context, addr string, q Request, a *Answer) error
	WhoIs(ctx context.Context, addr string) (bus.Identity, error)
	// State asks a member how far it is.
	State(ctx context.Context, name, addr string) (probe.State, error)
	// Last and Silent tell what the node has seen of a member.
	Last(name string) (probe.Sighting, bool)
	Silent(name string) time.Duration
	// Settle waits until what Level and Member tell is no older than its call. It fails
	// on a node that does not lead.
	Settle(ctx context.Context) error
	// Level is that of the log so far (see engine.Level).
	Level() uint8
	// Member is what the log holds; Extra puts something into it; Remove takes a
	// member out. The latter two are for the leader.
	Member(name string) (machine.Member, bool)
	Extra(ctx context.Context, kind entry.Kind, payload []byte) error
	Remove(ctx context.Context, name string) error
	// Await waits for one of Raft's futures.
	Await(ctx context.Context, what string, f raft.Future) error
	// Fail ends the node.
	Fail(err error)
}

// Roster is one node's part in keeping the list. It is safe for concurrent use.
type Roster struct {
	cfg       Config
	node      Node
	book      book
	admitting chan struct{} // held by the admission under way
}

// New returns the roster of node.
func New(cfg Config, node Node) *Roster {
	return &Roster{cfg: cfg, node: node, admitting: make(chan struct{}, 1)}
}

// Servers returns Raft's configuration.
func (r *Roster) Servers() []raft.Server {
	return r.node.Raft().GetConfiguration().Configuration().Servers
}

// Server returns a server of Raft's configuration.
func (r *Roster) Server(name string) (raft.Server, bool) {
	servers := r.Servers()
	i := slices.IndexFunc(servers, func(s raft.Server) bool { return string(s.ID) == name })
	if i < 0 {
		return raft.Server{}, false
	}
	return servers[i], true
}

// Addr returns where the bus of a server is; empty if nobody knows.
func (r *Roster) Addr(s raft.Server) string { return r.Where(string(s.ID), string(s.Address)) }

// Where is Addr of the node that Raft believes to be at addr.
func (r *Roster) Where(id, addr string) string { return r.book.where(id, addr) }

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
