package replica

import (
	"context"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/engine"
	"pingd/kv/replica/bus"
	"pingd/kv/replica/outbox"
)

// route returns where commands go now.
func (r *Replica) route() outbox.Route {
	node := r.raftNode()
	if node == nil {
		return outbox.Route{}
	}
	if r.sick.Load() {
		// Raft waits for the disk and learns nothing. The others know who leads now.
		name, addr, ok := r.prober.Leader(node.CurrentTerm())
		if !ok || name == r.cfg.Name {
			return outbox.Route{}
		}
		return outbox.Route{Name: name, Addr: addr}
	}
	if node.State() == raft.Leader {
		return outbox.Route{Self: true, Name: r.cfg.Name}
	}
	addr, id := node.LeaderWithID()
	if id == "" || string(id) == r.cfg.Name {
		return outbox.Route{}
	}
	return outbox.Route{Name: string(id), Addr: string(addr)}
}

// applyWait is how long Raft may take to accept an entry.
const applyWait = time.Second

// outboxNode is the node as its outbox sees it: an outbox.Node.
type outboxNode struct{ *Replica }

// Route says where commands go.
func (n outboxNode) Route() outbox.Route { return n.route() }

// Apply puts one entry through Raft. THIS IS THE ONLY CALL OF raft.Apply.
func (n outboxNode) Apply(data []byte) (any, error) {
	future := n.raftNode().Apply(data, applyWait)
	if err := future.Error(); err != nil {
		return nil, err
	}
	return future.Response(), nil
}

// Opening reports whether this term has no applied entry yet.
func (n outboxNode) Opening() bool {
	_, term := n.machine.Applied()
	return term != n.raftNode().CurrentTerm()
}

// NextDue returns when something expires.
func (n outboxNode) NextDue() (int64, bool) {
	due, ok := n.engine.NextDue()
	switch {
	case n.space.Full():
		return 0, false
	case n.space.Low():
		due = max(due, n.engine.Now()+sparing.Milliseconds())
	}
	return due, ok
}

// sparing is the time between entries that only let keys end, while the disk is
// nearly full.
const sparing = time.Second

// LogTime returns the stamp of the last entry applied.
func (n outboxNode) LogTime() int64 { return n.engine.Now() }

// Read answers encoded reads.
func (n outboxNode) Read(ctx context.Context, cmds []byte) (*engine.Replies, error) {
	return n.readEncoded(ctx, cmds)
}

// Connect opens a connection to the leader.
func (n outboxNode) Connect(ctx context.Context, addr string) (*bus.Client, error) {
	return n.bus.Connect(ctx, addr, bus.Forward)
}

// Spawn runs f on a goroutine that Run waits for.
func (n outboxNode) Spawn(f func()) bool { return n.spawn(f) }

// Fail makes Run return err.
func (n outboxNode) Fail(err error) { n.fail(err) }

// waitFor waits for d or for the end of ctx.
func waitFor(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// again is how soon to look again at something that is about to change.
const again = 10 * time.Millisecond
