package server

import (
	"sync/atomic"

	"pingd/kv/server/info"
)

// stats are the figures of INFO and of the metrics since the start or the last
// CONFIG RESETSTAT.
type stats struct {
	accepted, rejected  atomic.Int64
	commands            atomic.Int64
	bytesIn, bytesOut   atomic.Int64
	errors, cut, panics atomic.Int64

	codes info.Codes
}

func (s *stats) countError(text string) {
	s.errors.Add(1)
	s.codes.Count(text)
}

// resetStats begins to count anew (CONFIG RESETSTAT). Whoever reads the metrics
// sees that as a restart of the process.
func (s *Server) resetStats() {
	for _, n := range []*atomic.Int64{
		&s.stats.accepted, &s.stats.rejected, &s.stats.commands, &s.stats.bytesIn, &s.stats.bytesOut,
		&s.stats.errors, &s.stats.cut,
	} {
		n.Store(0)
	}
	for _, cmd := range s.table {
		cmd.calls.Store(0)
		cmd.failed.Store(0)
	}
	s.stats.codes.Reset()
}

// cmdInfo is INFO [section ...].
func (c *conn) cmdInfo(args [][]byte) {
	f := c.srv.facts()
	c.verbatim(f.Render(args[1:]))
}

// facts gathers what INFO tells.
func (s *Server) facts() *info.Facts {
	st, store := &s.stats, s.cfg.Store
	f := &info.Facts{
		Started: s.started, RunID: s.cfg.RunID, Name: s.cfg.Name, Setting: s.settings.Get,
		MaxClients: s.live.maxClients.Load(), Accepted: st.accepted.Load(), Rejected: st.rejected.Load(),
		Cut: st.cut.Load(), Commands: st.commands.Load(), Errors: st.errors.Load(), ErrorCodes: st.codes.All(),
		BytesIn: st.bytesIn.Load(), BytesOut: st.bytesOut.Load(),
		Data: store.Engine().Stats(), Raft: store.Status(), Replication: info.View(store),
	}
	f.Channels, f.Patterns = s.hub.Counts()
	for _, c := range s.clients.list() {
		f.Clients++
		if l := c.view(); l.IsType("pubsub") {
			f.PubSubClients++
		}
	}
	for _, e := range s.table.index().Shown() {
		if cmd := s.table[e.Name]; cmd.calls.Load() > 0 {
			f.Calls = append(f.Calls, info.Calls{Name: e.Name, Calls: cmd.calls.Load(), Failed: cmd.failed.Load()})
		}
	}
	return f
}
