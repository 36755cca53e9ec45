package board

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"pingd/monitor/alert"
	"pingd/monitor/cluster"
	"pingd/monitor/history"
	"pingd/monitor/host"
	"pingd/monitor/host/process"
)

// Board is a monitor's present. Create it with New. Safe for concurrent use.
type Board struct {
	Name, Version string
	History       *history.History
	Events        cluster.Log
	// Clustered is whether a cluster is watched, or this host only.
	Clustered bool
	// Actions are those that the page may offer; set before anything is served.
	Actions Actions

	mu       sync.RWMutex
	cluster  cluster.State
	before   cluster.State // the state before cluster
	slow     Slow
	machine  Machine
	alerts   []alert.Alert
	silences []alert.Silence
	report   func() any
}

// Actions are what somebody who may can do from the page.
type Actions struct {
	Silence bool `json:"silence"`
	Drain   bool `json:"drain"`
	Weight  bool `json:"weight"`
}

// Slow is what is looked at every few seconds. Its slices are never changed.
type Slow struct {
	Processes  []process.Process `json:"processes"`
	Count      int               `json:"process_count"`
	Containers []Container       `json:"containers"`
	Warnings   []string          `json:"warnings"`
}

// Machine is what is looked at every half minute. Its slices are never changed.
type Machine struct {
	Inventory    host.Inventory     `json:"inventory"`
	Spaces       []host.Space       `json:"spaces"`
	Temperatures []host.Temperature `json:"temperatures"`
	Interfaces   []host.Interface   `json:"interfaces"`
}

// Container says which container the series container.<id>.* are about.
type Container struct {
	ID       string   `json:"id"` // as in the series' names
	Path     string   `json:"path"`
	Name     string   `json:"name"`
	Image    string   `json:"image,omitempty"`
	Service  string   `json:"service,omitempty"` // of docker compose
	Node     string   `json:"node,omitempty"`    // the pingd in it
	Roles    []string `json:"roles,omitempty"`
	Engine   string   `json:"engine,omitempty"`
	CPULimit float64  `json:"cpu_limit"` // cores; 0 = none
	MemLimit uint64   `json:"memory_limit"`
	OOMKills uint64   `json:"oom_kills"`
}

// Details is what changes slowly.
type Details struct {
	Slow
	Machine
	Name    string  `json:"name"`
	Version string  `json:"version"`
	Actions Actions `json:"actions"`
	Monitor any     `json:"monitor"`
}

// New makes an empty board. report is asked for the monitor's account of itself.
func New(name, version string, h *history.History, report func() any) *Board {
	return &Board{Name: name, Version: version, History: h, report: report}
}

// Cluster is the state of the cluster as last heard of. Its slices must not be
// changed.
func (b *Board) Cluster() cluster.State {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.cluster
}

// Both are the newest state of the cluster and the one before.
func (b *Board) Both() (before, now cluster.State) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.before, b.cluster
}

// SetCluster takes over a state that was just asked for at time now, and returns
// the events that lie between it and the one before, numbered.
func (b *Board) SetCluster(next cluster.State, now time.Time) []cluster.Event {
	b.mu.Lock()
	old := b.cluster
	next = cluster.Remember(old, next, now)
	b.before, b.cluster = old, next
	b.mu.Unlock()
	if events := cluster.Events(old, next); len(events) > 0 {
		return b.Events.Add(events)
	}
	return nil
}

// LoseCluster notes why nothing is heard of the cluster. That the asking failed
// says nothing of the cluster itself, so the last state stays as it was.
func (b *Board) LoseCluster(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cluster.Error = err.Error()
}

// SetSlow takes over what was looked at; it reports whether the warnings changed.
func (b *Board) SetSlow(s Slow) (warned bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	warned = !slices.Equal(s.Warnings, b.slow.Warnings)
	b.slow = s
	return warned
}

// SetMachine takes over what was looked at.
func (b *Board) SetMachine(m Machine) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.machine = m
}

// Slow is what was looked at last.
func (b *Board) Slow() Slow {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.slow
}

// Machine is what was looked at last.
func (b *Board) Machine() Machine {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.machine
}

// Details puts together what changes slowly.
func (b *Board) Details() Details {
	var report any
	if b.report != nil {
		report = b.report()
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return Details{Slow: b.slow, Machine: b.machine, Name: b.Name, Version: b.Version, Actions: b.Actions, Monitor: report}
}

// SetAlerts takes over the alerts that this monitor holds raised.
func (b *Board) SetAlerts(all []alert.Alert) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alerts = all
}

// SetSilences takes over the silences there are.
func (b *Board) SetSilences(all []alert.Silence) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.silences = all
}

// Silences are those that are not over at time now.
func (b *Board) Silences(now time.Time) []alert.Silence {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := []alert.Silence{}
	for _, s := range b.silences {
		if now.Before(s.Until) {
			out = append(out, s)
		}
	}
	return out
}

// OwnAlerts are the alerts that this monitor holds raised.
func (b *Board) OwnAlerts(now time.Time) []cluster.Alert {
	silences := b.Silences(now)
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := make([]cluster.Alert, 0, len(b.alerts))
	for i := range b.alerts {
		a := &b.alerts[i]
		out = append(out, cluster.Alert{
			Alert: *a, Node: b.Name, Text: a.Text(), Silenced: alert.Silenced(silences, a, b.Name, now),
		})
	}
	return out
}

// Alerts are all there are: this monitor's, and those of others on their hosts. What
// every monitor sees of the cluster is told once.
func (b *Board) Alerts(now time.Time) []cluster.Alert {
	out := b.OwnAlerts(now)
	c := b.Cluster()
	for i := range c.Alerts {
		if a := c.Alerts[i]; a.Node != b.Name && !a.Cluster {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(x, y cluster.Alert) int {
		return cmp.Or(cmp.Compare(y.Severity, x.Severity), cmp.Compare(y.Since, x.Since), cmp.Compare(x.ID(), y.ID()))
	})
	return out
}

// Verdict is the verdict on all of it: the cluster's, or where none is watched the
// host's; an alert that nobody silenced keeps it from being OK.
func (b *Board) Verdict(now time.Time) cluster.Verdict {
	v := cluster.Verdict{Word: cluster.OK, Why: b.Name}
	if b.Clustered {
		v = cluster.Judge(b.Cluster())
	}
	if v.Word != cluster.OK {
		return v
	}
	for _, a := range b.Alerts(now) {
		if !a.Silenced && a.Severity == alert.Crit {
			return cluster.Verdict{Word: cluster.Degraded, Why: a.Text}
		}
	}
	return v
}
