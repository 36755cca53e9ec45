package monitor

import (
	"time"

	"pingd/monitor/cluster"
	"pingd/monitor/history"
	"pingd/monitor/notify"
)

// Status is what /status says of a monitor. Other monitors take its host and its
// alerts from there.
type Status struct {
	Series        int             `json:"series"`
	Samples       uint64          `json:"samples"` // taken since the start
	SampleMS      float64         `json:"sample_ms"`
	Viewers       int             `json:"viewers"`
	Containers    int             `json:"containers"`
	Cgroups       string          `json:"cgroups"` // v1, v2, hybrid or empty
	History       history.Stats   `json:"history"`
	Notifications []notify.Status `json:"notifications,omitempty"`
	Warnings      []string        `json:"warnings,omitempty"`
	Host          cluster.Host    `json:"host"`
	Alerts        []cluster.Alert `json:"alerts,omitempty"`
}

// Status tells how the monitor itself is, a value of type Status.
func (m *Monitor) Status() any {
	slow := m.board.Slow()
	m.mu.RLock()
	containers := len(m.now.Containers)
	m.mu.RUnlock()
	return Status{
		Series: m.history.Len(), Samples: m.samples.Load(),
		SampleMS: float64(m.tookNano.Load()) / 1e6, Viewers: m.viewers(),
		Containers: containers, Cgroups: string(m.sampler.Mode()),
		History: m.history.Stats(), Notifications: m.notify.Status(), Warnings: slow.Warnings,
		Host: m.board.Host(), Alerts: m.board.OwnAlerts(time.Now()),
	}
}

func (m *Monitor) viewers() int {
	if m.api == nil {
		return 0
	}
	return m.api.Viewers()
}
