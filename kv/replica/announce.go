package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pingd/kv/replica/entry"
	"pingd/kv/replica/machine"
)

// announce puts a member's addresses into the log.
func (r *Replica) announce(ctx context.Context, n machine.Member) error {
	payload, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode member: %w", err)
	}
	return r.outbox.Extra(ctx, entry.KindMember, payload)
}

// keepAnnounced sees to it that the log holds this node's addresses as they are,
// and ends the node when it is no longer a member.
func (r *Replica) keepAnnounced(ctx context.Context) {
	led := time.Now() // when a leader was last known
	r.findOthers(ctx)
	for ctx.Err() == nil {
		if to := r.route(); to.Self || to.Addr != "" {
			led = time.Now()
			r.forgetMoved()
		} else if time.Since(led) > searchAfter {
			r.findOthers(ctx)
		}
		if held, ok := r.machine.Member(r.cfg.Name); !ok || held != r.announcement() || r.misplaced() {
			r.announceSelf(ctx)
		}
		waitFor(ctx, announceWait)
	}
}

// misplaced reports whether Raft's configuration has this node elsewhere, or not
// at all.
func (r *Replica) misplaced() bool {
	s, ok := r.server(r.cfg.Name)
	return !ok || string(s.Address) != r.cfg.Self.Raft
}

func (r *Replica) announceSelf(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*changeWait)
	defer cancel()
	q := joinRequest{Cluster: r.former.Cluster(), Member: r.announcement(), Rejoin: true}
	if r.route().Self {
		if _, err := r.admit(ctx, q); err != nil {
			r.log.Debug("own announcement refused", "err", err)
		}
		return
	}
	for _, addr := range r.knownAddrs(ctx) {
		err := r.askLeader(ctx, addr, q)
		switch {
		case err == nil:
			return
		case errors.Is(err, ErrRemoved), errors.Is(err, ErrNameTaken):
			r.fail(err)
			return
		}
		r.log.Debug("announcement not taken", "addr", addr, "err", err)
	}
}

// knownAddrs lists where the leader might be heard of: the leader itself, the
// members of the last known configuration, and, for a node that was away while
// all others moved, the join addresses.
func (r *Replica) knownAddrs(ctx context.Context) []string {
	if to := r.route(); to.Addr != "" {
		return []string{to.Addr}
	}
	var addrs []string
	for _, s := range r.servers() {
		if string(s.ID) != r.cfg.Name {
			addrs = append(addrs, r.addrOf(s))
		}
	}
	if len(r.cfg.Join) > 0 {
		peers, err := r.former.Look(ctx)
		if err != nil {
			r.log.Debug("join addresses do not answer", "err", err)
		}
		for _, p := range peers {
			if p.Cluster == r.former.Cluster() {
				addrs = append(addrs, p.Raft)
			}
		}
	}
	return addrs
}
