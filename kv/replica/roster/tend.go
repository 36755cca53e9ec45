package roster

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/replica/form"
	"pingd/kv/replica/machine"
	"pingd/kv/replica/pilot"
)

// Tend makes voters of non-voters that have caught up, while this node
// leads, tells the log of the founders, and removes who is dead for good, until ctx
// ends.
func (r *Roster) Tend(ctx context.Context) {
	for ctx.Err() == nil {
		wait(ctx, tendEvery)
		if !r.node.Route().Self {
			continue
		}
		for _, f := range r.node.Founders() {
			if err := r.introduce(ctx, f); err != nil {
				r.cfg.Logger.Debug("founder not announced", "founder", f.Name, "err", err)
			}
		}
		for _, s := range r.Servers() {
			if s.Suffrage == raft.Nonvoter {
				r.promote(ctx, s)
			}
		}
		r.bury(ctx)
	}
}

// introduce tells the log of a founder that has not told of itself. It must not come
// between another node of that name and its admission, nor after it on a leader that
// has not applied it yet: it would push that node out.
func (r *Roster) introduce(ctx context.Context, f form.Founder) error {
	untold := func() bool {
		_, in := r.Server(f.Name)
		_, told := r.node.Member(f.Name)
		return in && !told && f.Name != r.cfg.Self.Name
	}
	if !untold() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*ChangeWait)
	defer cancel()
	select {
	case r.admitting <- struct{}{}:
		defer func() { <-r.admitting }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := r.node.Settle(ctx); err != nil || !untold() {
		return err
	}
	return r.announce(ctx, machine.Member{Name: f.Name, Instance: f.Instance, Raft: f.Raft})
}

// bury removes a member that has been dead for longer than Config.RemoveDead.
func (r *Roster) bury(ctx context.Context) {
	if r.cfg.RemoveDead <= 0 {
		return
	}
	var members []pilot.Member
	commit := r.node.Raft().CommitIndex()
	for _, s := range r.Servers() {
		m := pilot.Member{Name: string(s.ID), Voter: s.Suffrage == raft.Voter, Self: string(s.ID) == r.cfg.Self.Name}
		if seen, ok := r.node.Last(m.Name); ok {
			m.Behind = commit - min(commit, seen.State.Applied)
		}
		if !m.Self {
			m.Silent = r.node.Silent(m.Name)
		}
		members = append(members, m)
	}
	name, ok := pilot.Choose(members, pilot.Rules{After: r.cfg.RemoveDead, Voters: keepVoters, Behind: r.cfg.Behind})
	if !ok {
		return
	}
	r.cfg.Logger.Warn("removing a member that is dead for good", "member", name, "dead_for", r.node.Silent(name).Round(time.Second))
	if err := r.node.Remove(ctx, name); err != nil {
		r.cfg.Logger.Warn("dead member not removed", "member", name, "err", err)
	}
}

// keepVoters is how many voters always remain when dead ones are removed.
const keepVoters = 3

// promote makes s a voter if it has applied what was committed a moment ago.
func (r *Roster) promote(ctx context.Context, s raft.Server) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	commit := r.node.Raft().CommitIndex()
	for ctx.Err() == nil && r.node.Route().Self {
		st, err := r.node.State(ctx, string(s.ID), r.Addr(s))
		if err != nil {
			return
		}
		if st.Applied >= commit && st.Term == r.node.Raft().CurrentTerm() {
			// Whoever was removed or has moved meanwhile must not come back like this.
			if !slices.Contains(r.Servers(), s) {
				return
			}
			err := r.change(ctx, func(node *raft.Raft) raft.IndexFuture { return node.AddVoter(s.ID, s.Address, 0, ChangeWait) })
			r.cfg.Logger.Info("node has caught up and votes now", "member", string(s.ID), "err", err)
			return
		}
		wait(ctx, again)
	}
}
