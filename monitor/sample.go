package monitor

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"pingd/monitor/alert"
	"pingd/monitor/board"
	"pingd/monitor/cluster"
	"pingd/monitor/record"
)

const (
	// firstGap lies between the first two samples, so that rates exist at once.
	firstGap = 250 * time.Millisecond
	// slowEvery is how often, in ticks, the whole process table is read and sent to
	// pages. A table that takes long to read is read less often, so that reading it
	// costs no more than a two hundredth of a core.
	slowEvery    = 5
	scanShare    = 200
	topProcesses = 10
)

// sample is the sampling loop: two samples close together, then one at each
// whole second, so that the seconds of several monitors are the same ones.
func (m *Monitor) sample(ctx context.Context) {
	m.tick(time.Now())
	timer := time.NewTimer(firstGap)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now := time.Now()
		m.tick(now)
		// Not until the next second by the clock: one that is set back meanwhile would
		// make that an hour.
		timer.Reset(time.Second - time.Duration(now.Nanosecond()) - time.Since(now))
	}
}

// tick takes one sample, records it, judges it and tells the pages.
func (m *Monitor) tick(now time.Time) {
	m.sampler.Read(now, m.spare)
	slow := m.lookAtProcesses(now)
	m.mu.Lock()
	m.prev, m.now, m.spare = m.now, m.spare, m.prev
	m.mu.Unlock()
	m.ticks++
	if slow {
		m.refreshSlow()
	}
	m.record(now)
	m.judge(now)
	m.samples.Add(1)
	m.tookNano.Store(int64(time.Since(now)))
	m.api.Publish(now, slow)
}

// lookAtProcesses reads the process table, all of it or its busiest part; it
// reports whether it was all.
func (m *Monitor) lookAtProcesses(now time.Time) bool {
	seconds := float64(now.UnixNano()) / 1e9
	if m.ticks >= 2 && m.ticks < m.nextScan {
		m.processes.Refresh(seconds)
		return false
	}
	started := time.Now()
	if err := m.processes.Scan(seconds); err != nil {
		m.cfg.Logger.Debug("process table unreadable", "component", "monitor", "err", err)
	}
	every := max(slowEvery, int(time.Since(started)*scanShare/time.Second))
	m.nextScan = m.ticks - m.ticks%slowEvery + every
	return true
}

// record writes the newest second into the ring.
func (m *Monitor) record(now time.Time) {
	if m.prev.Time.IsZero() {
		return
	}
	before, state := m.board.Both()
	machine := m.board.Machine()
	m.mu.RLock()
	hours := m.hours
	m.mu.RUnlock()
	m.clock(now.Unix())
	m.rec.Begin(m.history.Ring, now.Unix())
	defer m.rec.End()
	m.rec.Host(m.prev, m.now)
	m.rec.Put(float64(m.processes.Count()), "procs.count")
	m.rec.Spaces(machine.Spaces, hours)
	m.rec.Temperatures(machine.Temperatures)
	m.self.record(&m.rec, now)
	if state.Time != m.recorded {
		m.rec.Cluster(&before, &state)
		m.recorded = state.Time
	}
}

// clock makes what is kept follow a clock that was set back.
func (m *Monitor) clock(now int64) {
	if _, newest := m.history.Bounds(); now < newest {
		m.cfg.Logger.Warn("the clock was set back; what was recorded of the time after is forgotten",
			"component", "monitor", "seconds", newest-now)
		m.history.Rewind(now)
		m.engineOf.Rewind(now)
	}
}

// refreshSlow renews what pages get every few ticks.
func (m *Monitor) refreshSlow() {
	s := board.Slow{
		Processes: m.processes.Top(topProcesses), Count: m.processes.Count(),
		Containers: m.containers(), Warnings: m.warnings(),
	}
	if m.board.SetSlow(s) && len(s.Warnings) > 0 {
		m.cfg.Logger.Warn("host figures incomplete", "component", "monitor", "missing", strings.Join(s.Warnings, "; "))
	}
}

// containers names the containers there are: by the engine, by the pingd in them,
// or by their id.
func (m *Monitor) containers() []board.Container {
	nodes := m.board.Cluster().Nodes
	m.mu.RLock()
	names := m.names
	m.mu.RUnlock()
	var out []board.Container
	for i := range m.now.Containers {
		c := &m.now.Containers[i]
		known, ok := names[c.ID]
		if !ok && c.Engine != "lxc" && c.Engine != "nspawn" {
			select {
			case m.strange <- struct{}{}:
			default:
			}
		}
		b := board.Container{
			ID: record.ShortID(c.ID), Path: c.Path, Name: known.Name, Image: known.Image, Service: known.Service,
			Engine: c.Engine, CPULimit: c.CPULimit, MemLimit: c.MemoryLimit, OOMKills: c.OOMKills,
		}
		for j := range nodes {
			if n := &nodes[j]; n.Container == c.ID && c.ID != "" {
				b.Node, b.Roles = n.Name, n.Roles
			}
		}
		if b.Name == "" {
			b.Name = b.Node
		}
		if b.Name == "" {
			b.Name = b.ID
		}
		out = append(out, b)
	}
	return out
}

func (m *Monitor) warnings() []string {
	w := append(m.sampler.Warnings(), m.processes.Warnings()...)
	if m.cfg.HostProc == "/proc" && inContainer() {
		w = append(w, "this is a container's own view: mount the host's with -v /proc:/host/proc:ro -v /sys:/host/sys:ro")
	}
	m.mu.RLock()
	blind := m.blind
	m.mu.RUnlock()
	if blind != "" {
		w = append(w, blind)
	}
	if p := m.history.Stats().Problem; p != "" {
		w = append(w, "history is kept in memory only: "+p)
	}
	return w
}

// judge holds the rules against the newest second.
func (m *Monitor) judge(now time.Time) {
	changes := m.engineOf.Evaluate(now.Unix(), m.history.Ring)
	if len(changes) == 0 {
		if m.ticks%slowEvery == 0 {
			m.board.SetAlerts(m.engineOf.Active()) // their values
		}
		return
	}
	m.board.SetAlerts(m.engineOf.Active())
	m.history.Keep(now.Unix(), keptAlerts, m.engineOf.Save(now.Unix()))
	m.happened(m.board.Events.Add(alertEvents(changes, now)))
	m.tell(changes, now)
}

func alertEvents(changes []alert.Change, now time.Time) []cluster.Event {
	var events []cluster.Event
	for i := range changes {
		c := &changes[i]
		e := cluster.Event{Time: now.UTC(), Kind: "alert", Subject: c.Rule, Severity: cluster.Warn, Text: c.Text()}
		switch {
		case c.Severity == alert.Clear && c.Gone:
			e.Severity, e.Text = cluster.Info, "not watched any more: "+c.Text()
		case c.Severity == alert.Clear:
			e.Severity, e.Text = cluster.Good, "cleared: "+c.Text()
		case c.Severity == alert.Crit:
			e.Severity = cluster.Bad
		}
		events = append(events, e)
	}
	return events
}

// selfUse watches what this process itself takes.
type selfUse struct {
	last record.Own
	at   time.Time
	rate float64
}

// selfEvery is how often this process looks at itself.
const selfEvery = 5 * time.Second

func (s *selfUse) record(r *record.Recorder, now time.Time) {
	span := now.Sub(s.at)
	if span < selfEvery && !s.at.IsZero() {
		r.Put(s.rate, "self.cpu")
		r.Put(s.last.Memory, "self.memory")
		return
	}
	own, ok := ownUse()
	if !ok {
		return
	}
	if !s.at.IsZero() && own.CPUSeconds >= s.last.CPUSeconds {
		s.rate = 100 * (own.CPUSeconds - s.last.CPUSeconds) / span.Seconds()
	}
	s.last, s.at = own, now
	r.Put(s.rate, "self.cpu")
	r.Put(own.Memory, "self.memory")
}

// encode is json.Marshal of values that can not fail.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}
