package roster

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"pingd/kv/replica/bus"
	"pingd/kv/replica/entry"
	"pingd/kv/replica/form"
	"pingd/kv/replica/machine"
)

// AskToJoin asks the cluster of the node at addr to let this node in.
func (r *Roster) AskToJoin(ctx context.Context, cluster, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*ChangeWait)
	defer cancel()
	return r.askLeader(ctx, addr, Request{Cluster: cluster, Member: r.cfg.Self})
}

// askLeader sends q to addr, or to the leader that is named there.
func (r *Roster) askLeader(ctx context.Context, addr string, q Request) error {
	for range 3 {
		var a Answer
		if err := r.node.Ask(ctx, addr, q, &a); err != nil {
			return fmt.Errorf("ask %s to join: %w", addr, err)
		}
		switch {
		case a.Taken:
			return fmt.Errorf("%w: %s", form.ErrNameTaken, q.Member.Name)
		case a.Removed:
			return ErrRemoved
		case a.Retry != "":
			return fmt.Errorf("ask %s to join: %s", addr, a.Retry)
		case a.Leader == "":
			return nil
		}
		addr = a.Leader
	}
	return errors.New("ask to join: no node says that it leads")
}

// Admit answers a Request.
func (r *Roster) Admit(ctx context.Context, q Request) (Answer, error) {
	to := r.node.Route()
	if !to.Self {
		if to.Addr == "" {
			return Answer{Retry: "the cluster has no leader at the moment"}, nil
		}
		return Answer{Leader: to.Addr}, nil
	}
	if q.Cluster != r.node.Cluster() {
		return Answer{}, bus.ErrCluster
	}
	if n := q.Member; n.Name == "" || n.Raft == "" || len(n.Name) > entry.MaxName {
		return Answer{}, errors.New("name or bus address is missing")
	}
	// One after the other: each looks at the configuration and then changes it.
	select {
	case r.admitting <- struct{}{}:
		defer func() { <-r.admitting }()
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
	a, err := r.letIn(ctx, q)
	if err != nil {
		return Answer{Retry: err.Error()}, nil
	}
	return a, nil
}

// letIn makes the changes that an admission takes. Its error means: not now.
func (r *Roster) letIn(ctx context.Context, q Request) (Answer, error) {
	// A new leader may not have applied yet what its log holds: by the data of an
	// earlier day, a member that has come back since is a stranger under a taken name.
	if err := r.node.Settle(ctx); err != nil {
		return Answer{}, err
	}
	n := q.Member
	if level := r.node.Level(); max(1, n.Level) < level {
		return Answer{}, fmt.Errorf("the log holds what %s does not know: run the newest version of pingd there", n.Name)
	}
	s, known := r.Server(n.Name)
	held, told := r.node.Member(n.Name)
	if !told && q.Rejoin {
		held.Instance = n.Instance // a founder, not announced yet
	}
	if known && held.Instance != n.Instance {
		switch {
		case r.isLive(ctx, n, r.Addr(s)):
			return Answer{Taken: true}, nil
		case q.Rejoin:
			return Answer{Removed: true}, nil
		}
		// The member of that name is gone and its votes with it: this one starts as a
		// non-voter, as any newcomer.
		if err := r.change(ctx, func(node *raft.Raft) raft.IndexFuture { return node.RemoveServer(s.ID, 0, ChangeWait) }); err != nil {
			return Answer{}, err
		}
		known = false
	}
	if !known && q.Rejoin {
		return Answer{Removed: true}, nil
	}
	if !known || string(s.Address) != n.Raft {
		voter := known && s.Suffrage == raft.Voter
		if err := r.place(ctx, n, voter); err != nil {
			return Answer{}, err
		}
	}
	if held, told := r.node.Member(n.Name); !told || held != n {
		return Answer{}, r.announce(ctx, n)
	}
	return Answer{}, nil
}

// place enters a node with its address into Raft's configuration, which takes no
// address twice: whoever is entered there and is not there any more is moved away,
// and found by the book until it has told where it is.
func (r *Roster) place(ctx context.Context, n machine.Member, voter bool) error {
	for _, o := range r.Servers() {
		if string(o.Address) != n.Raft || string(o.ID) == n.Name {
			continue
		}
		if n.Name != r.cfg.Self.Name && !r.isAt(ctx, n, n.Raft) {
			return fmt.Errorf("%s is the address of member %s", n.Raft, o.ID)
		}
		if err := r.enter(ctx, o.ID, parked(string(o.ID)), o.Suffrage == raft.Voter); err != nil {
			return err
		}
	}
	return r.enter(ctx, raft.ServerID(n.Name), n.Raft, voter)
}

func (r *Roster) enter(ctx context.Context, id raft.ServerID, addr string, voter bool) error {
	return r.change(ctx, func(node *raft.Raft) raft.IndexFuture {
		if voter {
			return node.AddVoter(id, raft.ServerAddress(addr), 0, ChangeWait)
		}
		return node.AddNonvoter(id, raft.ServerAddress(addr), 0, ChangeWait)
	})
}

// isAt reports whether n itself answers at addr.
func (r *Roster) isAt(ctx context.Context, n machine.Member, addr string) bool {
	peer, err := r.node.WhoIs(ctx, addr)
	return err == nil && peer.Name == n.Name && peer.Instance == n.Instance
}

// isLive reports whether the node that holds n's name at addr is there, and is
// another one than n.
func (r *Roster) isLive(ctx context.Context, n machine.Member, addr string) bool {
	if n.Name == r.cfg.Self.Name {
		return true
	}
	peer, err := r.node.WhoIs(ctx, addr)
	return err == nil && peer.Name == n.Name && peer.Instance != n.Instance
}

// change makes one change of Raft's configuration.
func (r *Roster) change(ctx context.Context, f func(*raft.Raft) raft.IndexFuture) error {
	return r.node.Await(ctx, "change membership", f(r.node.Raft()))
}
