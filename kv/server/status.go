package server

import "time"

// Status is what /status shows of the Redis front.
type Status struct {
	Addr         string  `json:"addr"`
	Clients      int     `json:"clients"`
	MaxClients   int64   `json:"max_clients"`
	Accepted     int64   `json:"accepted"`
	Rejected     int64   `json:"rejected"` // at max_clients
	Cut          int64   `json:"cut"`      // for unread output or lost events
	Commands     int64   `json:"commands"`
	Errors       int64   `json:"errors"` // error replies
	BytesIn      int64   `json:"bytes_in"`
	BytesOut     int64   `json:"bytes_out"`
	Channels     int     `json:"channels"` // with subscribers here
	Patterns     int     `json:"patterns"`
	UptimeSecond float64 `json:"uptime_seconds"`
	RunID        string  `json:"run_id"`
}

// Status returns the present figures, a value of type Status. Safe for
// concurrent use.
func (s *Server) Status() any {
	channels, patterns, _ := s.hub.Counts()
	return Status{
		Addr:         s.cfg.Listener.Addr().String(),
		Clients:      s.clients.Count(),
		MaxClients:   s.live.maxClients.Load(),
		Accepted:     s.stats.accepted.Load(),
		Rejected:     s.stats.rejected.Load(),
		Cut:          s.stats.cut.Load(),
		Commands:     s.stats.commands.Load(),
		Errors:       s.stats.errors.Load(),
		BytesIn:      s.stats.bytesIn.Load(),
		BytesOut:     s.stats.bytesOut.Load(),
		Channels:     channels,
		Patterns:     patterns,
		UptimeSecond: time.Since(s.started).Seconds(),
		RunID:        s.cfg.RunID,
	}
}
