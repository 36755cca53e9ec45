package monitor

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pingd/monitor/export"
)

// Describe implements prometheus.Collector.
func (m *Monitor) Describe(ch chan<- *prometheus.Desc) { export.Describe(ch) }

// Collect implements prometheus.Collector: it sends the newest sample's raw
// counters, which are at most a second old, and reads nothing itself.
func (m *Monitor) Collect(ch chan<- prometheus.Metric) {
	own := export.Own{
		Series: m.ring.Len(), Viewers: m.hub.count(),
		Samples: m.samples.Load(), Took: time.Duration(m.tookNano.Load()),
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	export.Collect(ch, own, m.now, m.spaces, func(id string) (name, image string) {
		id = shortID(id)
		for _, c := range m.slow.Contained {
			if c.ID == id {
				return c.Name, c.Image
			}
		}
		return id, ""
	})
}
