package server

import (
	"context"

	"pingd/kv/server/catalog"
	"pingd/kv/server/follow"
)

// followLeadership ends the connections of a node that stops being the leader:
// some clients look for the new leader only when their connection breaks. And
// whenever somebody else leads, or nobody, what clients have cached may be out of
// date without this node's knowledge.
func (s *Server) followLeadership(ctx context.Context) {
	was, leader := s.cfg.Store.IsLeader(), ""
	for st := range s.cfg.Store.Changes(ctx) {
		is := s.cfg.Store.IsLeader()
		if was && !is {
			n := s.clients.EndAll()
			s.log.Info("connections closed after losing leadership", "clients", n)
		}
		was = is
		if st.Leader != leader || st.Leader == "" {
			leader = st.Leader
			s.tracking.Flush()
		}
	}
}

// leads is what a connection knows of this node's leadership within one pass.
type leads uint8

const (
	unknown leads = iota
	yes
	no
)

// mustNotWrite reports whether a command changes data on a node that does not take
// that from clients (Config.FollowerWrites).
func (c *conn) mustNotWrite(cmd *command) bool {
	writes := cmd.Flags&catalog.Write != 0
	if cmd.abort { // EXEC
		writes = c.multi.open && !c.multi.spoiled && c.multi.writes
	}
	if !writes {
		return false
	}
	if c.leads == unknown {
		c.leads = no
		if c.srv.cfg.Store.IsLeader() {
			c.leads = yes
		}
	}
	return c.leads == no
}

// sendElsewhere returns the error that tells a client to write to the leader.
func (s *Server) sendElsewhere(cmd *command, args [][]byte) string {
	leader, known := s.cfg.Store.Leader()
	var key []byte
	cmd.EachKey(args, func(k []byte) {
		if key == nil {
			key = k
		}
	})
	return follow.Error(s.cfg.FollowerWrites, key, leader.Redis, known)
}
