package replica

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/hashicorp/raft"

	"pingd/kv/replica/bus"
	"pingd/kv/replica/crash"
)

// newCrash returns what has a leader replaced at once whose process has ended.
func (r *Replica) newCrash() *crash.Watch {
	return crash.New(crash.Config{
		Name: r.cfg.Name, Logger: r.log, Leader: r.followed, Log: r.lastLog, Stand: r.stand,
		Followed: func(ctx context.Context, l crash.Leader) (<-chan struct{}, error) {
			ctx, cancel := context.WithTimeout(ctx, raftTimeout)
			defer cancel()
			conn, err := r.control.Get(ctx, l.Name, l.Addr)
			if err != nil {
				return nil, err
			}
			return conn.Done(), nil
		},
		Dial: func(ctx context.Context, l crash.Leader) error {
			c, _, err := r.bus.Dial(ctx, l.Addr, bus.Control)
			if err == nil {
				_ = c.Close()
			}
			return err
		},
		Voters: func(l crash.Leader) (all int, others []string) {
			for _, s := range r.servers() {
				if s.Suffrage != raft.Voter {
					continue
				}
				all++
				if name := string(s.ID); name != r.cfg.Name && name != l.Name {
					others = append(others, name)
				}
			}
			return all, others
		},
		Ask: func(ctx context.Context, name string, question []byte) ([]byte, error) {
			s, ok := r.server(name)
			if !ok {
				return nil, ErrUnknown
			}
			conn, err := r.control.Get(ctx, name, r.roster.Addr(s))
			if err != nil {
				return nil, err
			}
			return conn.Call(ctx, kindCrash, question)
		},
		Changes: func(ctx context.Context) <-chan struct{} {
			c := r.hub.Listen()
			context.AfterFunc(ctx, func() { r.hub.Leave(c) })
			return c
		},
	})
}

// followed returns the leader that this node follows as a voter, if it has said of
// itself that it is one, in this term, and that it asks before it answers reads.
func (r *Replica) followed() (crash.Leader, bool) {
	node, to := r.raftNode(), r.route()
	if node == nil || to.Self || to.Addr == "" || node.State() != raft.Follower {
		return crash.Leader{}, false
	}
	l := crash.Leader{Name: to.Name, Addr: to.Addr, Term: node.CurrentTerm()}
	said, ok := r.prober.Last(l.Name)
	self, member := r.server(r.cfg.Name)
	return l, ok && said.State.Leads && said.State.Term == l.Term && !said.State.Leases && member && self.Suffrage == raft.Voter
}

// lastLog returns how far the log goes.
func (r *Replica) lastLog() crash.Log {
	log := crash.Log{Name: r.cfg.Name}
	if node := r.raftNode(); node != nil {
		stats := node.Stats()
		log.LastTerm, _ = strconv.ParseUint(stats["last_log_term"], 10, 64)
		log.LastIx, _ = strconv.ParseUint(stats["last_log_index"], 10, 64)
	}
	return log
}

var errNotFollowing = errors.New("this node follows somebody else, or cannot lead")

// stand makes Raft stand for election at once, by the request that a leader sends
// which hands its leadership over. It takes the way over the bus, as all do.
func (r *Replica) stand(_ context.Context, l crash.Leader) error {
	if now, ok := r.followed(); !ok || now != l || r.sick.Load() || r.space.Full() {
		return errNotFollowing
	}
	self := bus.Target(r.cfg.Name, r.cfg.Self.Raft)
	req := raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{
		ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(r.cfg.Name), Addr: []byte(r.cfg.Self.Raft),
	}}
	if err := r.trns.NetworkTransport.TimeoutNow(raft.ServerID(r.cfg.Name), self, &req, &raft.TimeoutNowResponse{}); err != nil {
		return fmt.Errorf("stand for election: %w", err)
	}
	return nil
}
