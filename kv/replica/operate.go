package replica

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"pingd/kv/replica/entry"
)

// Transfer makes the named node the leader, or the one that is furthest if name
// is empty. It works on every node. Errors: ErrUnknown, ErrNoLeader, or Raft's.
func (r *Replica) Transfer(ctx context.Context, name string) error {
	return r.atLeader(ctx, kindTransfer, name, r.transferHere)
}

// Remove takes the named node out of the cluster. It works on every node; a
// leader hands its leadership over before it is removed. Errors: ErrUnknown,
// ErrNoLeader, or Raft's.
func (r *Replica) Remove(ctx context.Context, name string) error {
	if r.route().Self && name == r.cfg.Name && r.voters() > 1 {
		if err := r.transferHere(ctx, ""); err != nil {
			return err
		}
		for r.route().Addr == "" && ctx.Err() == nil {
			waitFor(ctx, again)
		}
	}
	return r.atLeader(ctx, kindRemove, name, r.removeHere)
}

// atLeader runs here, or asks the leader to.
func (r *Replica) atLeader(ctx context.Context, kind byte, name string, here func(context.Context, string) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*changeWait)
	defer cancel()
	to := r.route()
	if to.Self {
		return here(ctx, name)
	}
	if to.Addr == "" {
		return ErrNoLeader
	}
	conn, err := r.control.Get(ctx, to.Addr)
	if err != nil {
		return err
	}
	_, err = conn.Call(ctx, kind, []byte(name))
	return err
}

func (r *Replica) transferHere(ctx context.Context, name string) error {
	node := r.raftNode()
	if node == nil {
		return ErrNoLeader
	}
	var f raft.Future
	if name == "" {
		f = node.LeadershipTransfer()
	} else {
		s, ok := r.server(name)
		if !ok {
			return fmt.Errorf("transfer leadership to %q: %w", name, ErrUnknown)
		}
		if name == r.cfg.Name {
			return nil
		}
		f = node.LeadershipTransferToServer(s.ID, s.Address)
	}
	return r.await(ctx, "transfer leadership", f)
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
		return errors.New("remove the leader: hand leadership over first\nhint: pingd transfer")
	}
	if ok {
		if err := r.await(ctx, "remove member", r.raftNode().RemoveServer(s.ID, 0, changeWait)); err != nil {
			return err
		}
	}
	r.log.Info("removed member", "member", name)
	return r.outbox.Extra(entry.KindForget, []byte(name))
}

// await waits for f or for the end of ctx, whatever comes first.
func (r *Replica) await(ctx context.Context, what string, f raft.Future) error {
	done := make(chan error, 1)
	if !r.spawn(func() { done <- f.Error() }) {
		return ErrClosed
	}
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
