package monitor

import (
	"context"
	"time"

	"pingd/monitor/board"
	"pingd/monitor/host"
	"pingd/monitor/record"
)

const (
	// machineEvery is how often file systems, sensors and interfaces are looked at.
	machineEvery = 30 * time.Second
	// fillSpan is over how long it is reckoned when a disk will be full.
	fillSpan, leastFillSpan = 30 * time.Minute, 5 * time.Minute
	// namesAgain is how soon an engine is asked again because of a container it did
	// not name.
	namesAgain = 5 * time.Second
)

// takeMachine looks at what is slow to ask for, now and every half minute, and at
// the names of containers also when there is one without.
func (m *Monitor) takeMachine(ctx context.Context) {
	ticker := time.NewTicker(machineEvery)
	defer ticker.Stop()
	m.takeNames(ctx)
	m.takeOnce(ctx)
	asked := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.strange:
			if time.Since(asked) > namesAgain {
				asked = time.Now()
				m.takeNames(ctx)
			}
		case <-ticker.C:
			m.takeOnce(ctx)
		}
	}
}

func (m *Monitor) takeOnce(ctx context.Context) {
	machine := board.Machine{
		Inventory: m.roots.Take(ctx), Temperatures: m.roots.Temperatures(), Interfaces: m.roots.Interfaces(),
	}
	if machine.Inventory.Host == "" || m.cfg.HostProc != "/proc" {
		machine.Inventory.Host = m.cfg.Name // what the kernel says is a container's own name
	}
	blind := ""
	spaces, err := m.roots.Spaces()
	if err != nil {
		blind = "nothing is known of the space on the host's disks: mount its root with -v /:/host/root:ro (" + err.Error() + ")"
	}
	machine.Spaces = spaces
	hours := m.hoursLeft(spaces)
	m.mu.Lock()
	m.hours, m.blind = hours, blind
	m.mu.Unlock()
	m.board.SetMachine(machine)
}

// hoursLeft reckons from the last half hour when each file system will be full.
func (m *Monitor) hoursLeft(spaces []host.Space) map[string]float64 {
	out := map[string]float64{}
	oldest, newest := m.history.Bounds()
	from := max(oldest, newest-int64(fillSpan/time.Second))
	if newest-from < int64(leastFillSpan/time.Second) {
		return out
	}
	for i := range spaces {
		s := &spaces[i]
		first := m.history.Stat("space."+s.Mount+".avail", from, from+60)
		if first.N > 0 {
			out[s.Mount] = record.HoursLeft(float64(first.Min), float64(s.Avail), float64(newest-from))
		}
	}
	return out
}

// takeNames asks the engine for the names of containers.
func (m *Monitor) takeNames(ctx context.Context) {
	if m.engine == nil || !m.engine.Present() {
		return
	}
	names, err := m.engine.Containers(ctx)
	if err != nil {
		m.cfg.Logger.Debug("containers without names", "component", "monitor", "err", err)
		return
	}
	m.mu.Lock()
	m.names = names
	m.mu.Unlock()
}
