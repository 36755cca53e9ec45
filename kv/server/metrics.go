package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"pingd/kv/engine"
)

// collector gives the server's figures to Prometheus. The label cmd takes its
// values from the command table only, so that clients cannot add to them.
type collector struct{ s *Server }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("pingd_store_"+name, help, labels, nil)
}

var (
	descCommands  = desc("commands_total", "Commands executed, by command.", "cmd")
	descFailed    = desc("command_errors_total", "Error replies, by command.", "cmd")
	descErrors    = desc("error_replies_total", "Error replies of all kinds.")
	descClients   = desc("clients", "Client connections.")
	descAccepted  = desc("connections_total", "Client connections accepted.")
	descRejected  = desc("connections_rejected_total", "Client connections refused at maxclients, or given up for others before they had logged in.")
	descWrong     = desc("wrong_passwords_total", "Attempts of clients to log in with a wrong name or password.")
	descCut       = desc("connections_cut_total", "Client connections cut for unread output or lost events.")
	descPanics    = desc("connection_panics_total", "Client connections ended by a fault of the server.")
	descBytesIn   = desc("received_bytes_total", "Bytes received from clients.")
	descBytesOut  = desc("sent_bytes_total", "Bytes sent to clients.")
	descChannels  = desc("pubsub_channels", "Channels with subscribers on this node.")
	descPatterns  = desc("pubsub_patterns", "Patterns with subscribers on this node.")
	descTracking  = desc("tracking_clients", "Client connections that cache what they read (CLIENT TRACKING).")
	descTracked   = desc("tracked_keys", "Keys that clients may have cached.")
	descKeys      = desc("keys", "Keys in all databases.")
	descExpires   = desc("keys_with_expiry", "Keys that will expire.")
	descTokens    = desc("tokens", "Tokens remembered by ONCE and ONCEINCR.")
	descDataBytes = desc("data_bytes", "Approximate memory of keys and values.")
)

// Describe sends nothing: commands appear once they are used (an unchecked
// collector).
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the present figures.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(d *prometheus.Desc, v int64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	s := c.s
	s.table.each(func(cmd *command) {
		if n := cmd.calls.Load(); n > 0 {
			counter(descCommands, n, cmd.Name)
		}
		if n := cmd.failed.Load(); n > 0 {
			counter(descFailed, n, cmd.Name)
		}
	})
	counter(descErrors, s.stats.errors.Load())
	counter(descAccepted, s.stats.accepted.Load())
	counter(descRejected, s.stats.rejected.Load())
	counter(descWrong, s.session.Wrong())
	counter(descCut, s.stats.cut.Load())
	counter(descPanics, s.stats.panics.Load())
	counter(descBytesIn, s.stats.bytesIn.Load())
	counter(descBytesOut, s.stats.bytesOut.Load())
	gauge(descClients, int64(s.clients.Count()))
	channels, patterns, _ := s.hub.Counts()
	gauge(descChannels, int64(channels))
	gauge(descPatterns, int64(patterns))
	tracked := s.tracking.Counts()
	gauge(descTracking, int64(tracked.Clients))
	gauge(descTracked, int64(tracked.Keys))
	st := s.cfg.Store.Engine().Stats()
	keys, expires := totals(st)
	gauge(descKeys, int64(keys))
	gauge(descExpires, int64(expires))
	gauge(descTokens, int64(st.Tokens))
	gauge(descDataBytes, st.Bytes)
}

// totals sums the engine's figures over databases.
func totals(st engine.Stats) (keys, expires int) {
	for db := range st.Keys {
		keys += st.Keys[db]
		expires += st.Expires[db]
	}
	return keys, expires
}
