package form

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	formInterval = 100 * time.Millisecond // between looks at the other nodes
	formWait     = 2 * time.Second        // for one of them to answer
	formLog      = 3 * time.Second        // between lines that say what is missing
)

// Founder is a node of the list that a cluster is formed with.
type Founder struct {
	Name     string `json:"name"`
	Instance string `json:"instance"`
	Raft     string `json:"raft"`
}

// Attempt is a try of one node, the initiator, to form a cluster with a list of
// founders. A founder promises it to the initiator durably, and holds one
// promise at a time. The initiator forms the cluster when all have promised and
// its attempt still stands. A promise is given up only for a later attempt of
// the same initiator, or when the initiator itself says that the attempt no
// longer stands, which it never takes back. So of two lists that share a node,
// at most one is ever formed.
type Attempt struct {
	Initiator Founder   `json:"initiator"`
	Number    uint64    `json:"number"` // counted up by the initiator for ever
	Cluster   string    `json:"cluster"`
	Founders  []Founder `json:"founders"`
}

func (a *Attempt) is(b *Attempt) bool {
	return a.Initiator.Instance == b.Initiator.Instance && a.Number == b.Number
}

// clusterFact is the durable mark of belonging to a cluster.
type clusterFact struct {
	ID       string    `json:"id"`
	Founders []Founder `json:"founders,omitempty"` // of the node that formed it
}

// Peer is another node as it was found.
type Peer struct {
	Founder
	Cluster string // empty unless Formed
	Formed  bool
}

// Config says who looks for a cluster. Join and Expect may be zero.
type Config struct {
	Self   Founder
	Join   []string // addresses to look at
	Expect int      // how many nodes form a cluster; 0 = only join one
	Logger *slog.Logger
}

// Errors that are told by more than text.
var (
	// ErrNameTaken ends the search: another live node has the name.
	ErrNameTaken = errors.New("node name is in use by another live node\nhint: give each node its own --name")
	errStopping  = errors.New("node is stopping")
)

// Node is what a Former needs of its node.
type Node interface {
	// Look asks one join address which nodes stand behind it.
	Look(ctx context.Context, addr string) ([]Peer, error)
	// Join asks the cluster of the node at a bus address to let this node in.
	Join(ctx context.Context, cluster, addr string) error
	// Promise asks a founder to promise a. Standing asks an initiator whether its
	// attempt of that number still stands; an error means that nobody knows.
	Promise(ctx context.Context, to Founder, a Attempt) (bool, error)
	Standing(ctx context.Context, to Founder, number uint64) (bool, error)
	// Fact reads what SetFact stored durably; false if there is nothing.
	Fact(name string, v any) (bool, error)
	SetFact(name string, v any) error
	// Spawn runs f on a goroutine of the node's; false when it is stopping.
	Spawn(f func()) bool
}

// Former finds the node's cluster. It is safe for concurrent use.
type Former struct {
	cfg  Config
	node Node
	self Founder

	mu       sync.Mutex
	fact     clusterFact // ID is empty while the node has no cluster
	promised *Attempt
	attempts uint64 // number of the node's own last attempt
}

// New reads what the node remembers.
func New(cfg Config, node Node) (*Former, error) {
	f := &Former{cfg: cfg, node: node, self: cfg.Self}
	_, err1 := node.Fact("cluster", &f.fact)
	_, err2 := node.Fact("promise", &f.promised)
	_, err3 := node.Fact("attempts", &f.attempts)
	return f, errors.Join(err1, err2, err3)
}

// Cluster returns the cluster's name; empty while the node has none.
func (f *Former) Cluster() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fact.ID
}

// Founders returns the nodes that the cluster began with, if this node formed it.
func (f *Former) Founders() []Founder {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fact.Founders
}

// settle makes fact durable: from now on the node belongs to that cluster.
func (f *Former) settle(fact clusterFact) error {
	if err := f.node.SetFact("cluster", fact); err != nil {
		return err
	}
	f.fact = fact
	return nil
}

// Run returns once the node belongs to a cluster.
func (f *Former) Run(ctx context.Context) error {
	if f.Cluster() != "" {
		return nil
	}
	if len(f.cfg.Join) == 0 {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.cfg.Logger.Info("starting a cluster of its own")
		return f.settle(clusterFact{ID: newClusterID(), Founders: []Founder{f.self}})
	}
	told := time.Now().Add(-formLog / 2) // a normal start says nothing
	for {
		seen, err := f.Look(ctx)
		var done bool
		if err == nil {
			done, err = f.advance(ctx, seen)
		}
		if done || fatal(err) {
			return err
		}
		if time.Since(told) > formLog {
			told = time.Now()
			f.tell(seen, err)
		}
		t := time.NewTimer(formInterval)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// fatal errors end Run: waiting would not cure them.
func fatal(err error) bool { return errors.Is(err, ErrNameTaken) }

// tell says what the node is waiting for.
func (f *Former) tell(seen []Peer, err error) {
	names := []string{f.self.Name}
	for _, p := range seen {
		names = append(names, p.Name)
	}
	msg := "looking for a cluster to join"
	if f.cfg.Expect > 0 {
		msg = "waiting for the expected number of nodes"
	}
	f.cfg.Logger.Warn(msg, "join", f.cfg.Join, "expect", f.cfg.Expect, "seen", names, "err", err)
}
