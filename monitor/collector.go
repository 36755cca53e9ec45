package monitor

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pingd/monitor/export"
	"pingd/monitor/record"
)

// Describe implements prometheus.Collector.
func (m *Monitor) Describe(ch chan<- *prometheus.Desc) { export.Describe(ch) }

// Collect implements prometheus.Collector: it sends the newest sample's raw
// counters, which are at most a second old, and reads nothing itself.
func (m *Monitor) Collect(ch chan<- prometheus.Metric) {
	stats, slow, machine := m.history.Stats(), m.board.Slow(), m.board.Machine()
	own := export.Own{
		Series: m.history.Len(), Viewers: m.viewers(), Warnings: len(slow.Warnings),
		Samples: m.samples.Load(), Took: time.Duration(m.tookNano.Load()),
		Bytes: stats.Bytes, Syncs: stats.Syncs, Failures: stats.Failures, Alerts: m.board.OwnAlerts(time.Now()),
	}
	ways := map[string]int{} // two of the same host are one label
	for _, w := range m.notify.Status() {
		i, ok := ways[w.Way]
		if !ok {
			i = len(own.Ways)
			ways[w.Way] = i
			own.Ways = append(own.Ways, export.Way{Name: w.Way})
		}
		own.Ways[i].Sent += w.Sent
		own.Ways[i].Failed += w.Failed
		own.Ways[i].Waiting += w.Waiting
	}
	export.CollectOwn(ch, own)
	m.mu.RLock()
	defer m.mu.RUnlock()
	rest := export.Slow{Spaces: machine.Spaces, Interfaces: machine.Interfaces, Temperatures: machine.Temperatures}
	export.Collect(ch, m.now, rest, func(id string) (name, image string) {
		short := record.ShortID(id)
		for i := range slow.Containers {
			if c := &slow.Containers[i]; c.ID == short {
				return c.Name, c.Image
			}
		}
		return short, ""
	})
}
