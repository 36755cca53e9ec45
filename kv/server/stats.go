package server

import (
	"context"
	"sync/atomic"
	"time"

	"pingd/kv/server/catalog"
	"pingd/kv/server/follow"
	"pingd/kv/server/info"
)

// stats are the figures of INFO and of the metrics since the start or the last
// CONFIG RESETSTAT.
type stats struct {
	accepted, rejected  atomic.Int64
	commands            atomic.Int64
	bytesIn, bytesOut   atomic.Int64
	errors, cut, panics atomic.Int64
	blocked             atomic.Int64 // clients that wait now

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
	s.table.each(func(cmd *command) { cmd.reset() })
	s.stats.codes.Reset()
}

// cmdInfo is INFO [section ...].
func (c *conn) cmdInfo(args [][]byte) {
	f := c.srv.facts()
	c.Verbatim(f.Render(args[1:]))
}

// facts gathers what INFO tells.
func (s *Server) facts() *info.Facts {
	st, store := &s.stats, s.cfg.Store
	f := &info.Facts{
		Started: s.started, RunID: s.cfg.RunID, Name: s.cfg.Name, Setting: s.settings.Get,
		MaxClients: s.live.maxClients.Load(), Accepted: st.accepted.Load(), Rejected: st.rejected.Load(),
		Cut: st.cut.Load(), Commands: st.commands.Load(), Errors: st.errors.Load(), ErrorCodes: st.codes.All(),
		BytesIn: st.bytesIn.Load(), BytesOut: st.bytesOut.Load(), Blocked: st.blocked.Load(), Rates: s.rates.Now(),
		Data: store.Engine().Stats(), Seen: store.Engine().Counters(), Raft: store.Status(), Replication: info.View(store), Tracking: s.tracking.Counts(),
	}
	f.Replication.ReadOnly = s.cfg.FollowerWrites != follow.Forward
	f.Channels, f.Patterns, f.Shards = s.hub.Counts()
	for _, c := range s.clients.All() {
		f.Clients++
		if l := c.View(); l.IsType("pubsub") {
			f.PubSubClients++
		}
	}
	s.table.each(func(cmd *command) {
		if !cmd.Is(catalog.Hidden) {
			f.Calls = append(f.Calls, info.Calls{
				Name: cmd.Name, Calls: cmd.calls.Load(), Failed: cmd.failed.Load(), Rejected: cmd.rejected.Load(),
				Took: time.Duration(cmd.nanos.Load()),
			})
		}
	})
	return f
}

// sample notes the counters now and then, for the rates of INFO.
func (s *Server) sample(ctx context.Context) {
	tick := time.NewTicker(info.RateEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			s.rates.Note(now, s.stats.commands.Load(), s.stats.bytesIn.Load(), s.stats.bytesOut.Load())
		case <-ctx.Done():
			return
		}
	}
}
