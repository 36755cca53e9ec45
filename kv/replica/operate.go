package replica

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/replica/bus"
	"pingd/kv/replica/entry"
	"pingd/kv/replica/roster"
)

// Transfer makes the named node the leader, or the one that is furthest if name
// is empty. It works on every node. Errors: ErrUnknown, ErrNoLeader, or Raft's.
func (r *Replica) Transfer(ctx context.Context, name string) error {
	return r.atLeader(ctx, kindTransfer, name, r.transferHere)
}

// Remove takes the named node out of the cluster. It works on every node; a
// leader hands its leadership over before it is removed. Errors: ErrUnknown,
// ErrLast, ErrNoLeader, or Raft's.
func (r *Replica) Remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, removeWait)
	defer cancel()
	for tried := false; ; tried = true {
		err := r.atLeader(ctx, kindRemove, name, r.removeHere)
		switch {
		case tried && isRemote(err, ErrUnknown):
			return nil // the try before had done it
		case !isRemote(err, errHandOver) && !isRemote(err, ErrNoLeader) && !isRemote(err, raft.ErrNotLeader) &&
			!isRemote(err, raft.ErrLeadershipLost) || ctx.Err() != nil:
			return err
		}
		waitFor(ctx, again) // the leader is, or is about to be, another one
	}
}

const removeWait = 10 * time.Second

// errHandOver is the answer of a leader that was to remove itself: it has handed its
// leadership over, or tried to, and whoever leads now can be asked.
var errHandOver = errors.New("the leader hands its leadership over before it is removed")

// isRemote reports whether err is target, or another node's text says so.
func isRemote(err, target error) bool {
	var remote bus.RemoteError
	return errors.Is(err, target) || errors.As(err, &remote) && strings.Contains(string(remote), target.Error())
}

// atLeader runs here, or asks the leader to.
func (r *Replica) atLeader(ctx context.Context, kind byte, name string, here func(context.Context, string) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*roster.ChangeWait)
	defer cancel()
	to := r.route()
	if to.Self {
		return here(ctx, name)
	}
	if to.Addr == "" {
		return ErrNoLeader
	}
	conn, err := r.control.Get(ctx, to.Name, to.Addr)
	if err != nil {
		return err
	}
	_, err = conn.Call(ctx, kind, []byte(name))
	return err
}

// transferHere hands leadership over, in a second try if need be: a transfer under
// load can fail (hashicorp/raft#581).
func (r *Replica) transferHere(ctx context.Context, name string) error {
	err := r.tryTransfer(ctx, name)
	if err == nil || errors.Is(err, ErrUnknown) || !r.route().Self || ctx.Err() != nil {
		return err
	}
	return r.tryTransfer(ctx, name)
}

func (r *Replica) tryTransfer(ctx context.Context, name string) error {
	node := r.raftNode()
	if node == nil || !r.route().Self {
		return ErrNoLeader
	}
	if name == r.cfg.Name {
		return nil
	}
	to, known := r.server(name)
	if name != "" && (!known || to.Suffrage != raft.Voter) {
		return fmt.Errorf("transfer leadership to %q: %w that votes", name, ErrUnknown)
	}
	// The next leader is elected at once, whatever heartbeats promised before.
	r.confirm.Quiet(node.CurrentTerm())
	if name == "" {
		return r.await(ctx, "transfer leadership", node.LeadershipTransfer())
	}
	return r.await(ctx, "transfer leadership", node.LeadershipTransferToServer(to.ID, to.Address))
}

func (r *Replica) removeHere(ctx context.Context, name string) error {
	if !r.route().Self {
		return ErrNoLeader
	}
	s, ok := r.server(name)
	_, told := r.machine.Member(name)
	if !ok && !told {
		return fmt.Errorf("remove %q: %w", name, ErrUnknown)
	}
	if name == r.cfg.Name {
		if r.voters() < 2 {
			return fmt.Errorf("remove %q: %w", name, ErrLast)
		}
		return errors.Join(errHandOver, r.transferHere(ctx, ""))
	}
	if ok {
		if err := r.await(ctx, "remove member", r.raftNode().RemoveServer(s.ID, 0, roster.ChangeWait)); err != nil {
			return err
		}
	}
	r.log.Info("removed member", "member", name)
	return r.outbox.Extra(ctx, entry.KindForget, []byte(name))
}

// await waits for f or for the end of ctx, whatever comes first.
func (r *Replica) await(ctx context.Context, what string, f raft.Future) error {
	done := make(chan error, 1)
	// Not one of spawn's: Raft never answers for a transfer in whose midst its leader
	// was deposed, and the node could not stop.
	go func() { done <- f.Error() }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
}
