package roster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pingd/kv/replica/entry"
	"pingd/kv/replica/form"
	"pingd/kv/replica/machine"
)

// announce puts a member's addresses into the log.
func (r *Roster) announce(ctx context.Context, n machine.Member) error {
	payload, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode member: %w", err)
	}
	return r.node.Extra(ctx, entry.KindMember, payload)
}

// KeepAnnounced sees to it that the log holds this node's addresses as they are,
// and ends the node when it is no longer a member. It returns when ctx ends.
func (r *Roster) KeepAnnounced(ctx context.Context) {
	led := time.Now() // when a leader was last known
	lost := false     // it was long ago
	r.findOthers(ctx)
	for ctx.Err() == nil {
		if to := r.node.Route(); to.Self || to.Addr != "" {
			led = time.Now()
			r.forgetMoved()
			lost = false
		} else if lost = time.Since(led) > searchAfter; lost {
			r.findOthers(ctx)
		}
		// A node that was removed while it was away hears of no leader ever again.
		if held, ok := r.node.Member(r.cfg.Self.Name); !ok || held != r.cfg.Self || r.misplaced() || lost {
			r.announceSelf(ctx)
		}
		wait(ctx, announceWait)
	}
}

// misplaced reports whether Raft's configuration has this node elsewhere, or not
// at all.
func (r *Roster) misplaced() bool {
	s, ok := r.Server(r.cfg.Self.Name)
	return !ok || string(s.Address) != r.cfg.Self.Raft
}

func (r *Roster) announceSelf(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*ChangeWait)
	defer cancel()
	q := Request{Cluster: r.node.Cluster(), Member: r.cfg.Self, Rejoin: true}
	if r.node.Route().Self {
		if _, err := r.Admit(ctx, q); err != nil {
			r.cfg.Logger.Debug("own announcement refused", "err", err)
		}
		return
	}
	for _, addr := range r.knownAddrs(ctx) {
		err := r.askLeader(ctx, addr, q)
		switch {
		case err == nil:
			return
		case errors.Is(err, ErrRemoved), errors.Is(err, form.ErrNameTaken):
			r.node.Fail(err)
			return
		}
		r.cfg.Logger.Debug("announcement not taken", "addr", addr, "err", err)
	}
}

// knownAddrs lists where the leader might be heard of: the leader itself, the
// members of the last known configuration, and, for a node that was away while
// all others moved, the join addresses.
func (r *Roster) knownAddrs(ctx context.Context) []string {
	if to := r.node.Route(); to.Addr != "" {
		return []string{to.Addr}
	}
	var addrs []string
	for _, s := range r.Servers() {
		if string(s.ID) != r.cfg.Self.Name {
			addrs = append(addrs, r.Addr(s))
		}
	}
	if len(r.cfg.Join) > 0 {
		peers, err := r.node.Look(ctx)
		if err != nil {
			r.cfg.Logger.Debug("join addresses do not answer", "err", err)
		}
		for _, p := range peers {
			if p.Cluster == r.node.Cluster() {
				addrs = append(addrs, p.Raft)
			}
		}
	}
	return addrs
}
