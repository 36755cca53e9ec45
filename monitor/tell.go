package monitor

import (
	"context"
	"errors"
	"time"

	"pingd/monitor/alert"
	"pingd/monitor/board"
)

// handover is how old an alert of the cluster may be to be told again by a monitor
// that takes over: the one before may have died with it untold. Twice is better
// than never.
const handover = time.Minute

// tell tells people what changed, as far as it is this monitor's to tell and nobody
// silenced it.
func (m *Monitor) tell(changes []alert.Change, now time.Time) {
	if m.notify.Ways() == 0 {
		return
	}
	silences := m.board.Silences(now)
	m.mu.RLock()
	first := m.first
	m.mu.RUnlock()
	var out []alert.Change
	for _, c := range changes {
		if (!c.Cluster || first) && !alert.Silenced(silences, &c.Alert, m.cfg.Name, now) {
			out = append(out, c)
		}
	}
	m.notify.Tell(out)
}

// tellAgain tells of the cluster's alerts that were raised just now.
func (m *Monitor) tellAgain(now time.Time) {
	var fresh []alert.Change
	for _, a := range m.board.OwnAlerts(now) {
		if a.Cluster && now.Sub(time.Unix(a.Changed, 0)) < handover {
			fresh = append(fresh, alert.Change{Alert: a.Alert})
		}
	}
	m.tell(fresh, now)
}

// actions are what the page may offer.
func (m *Monitor) actions() board.Actions {
	if !m.cfg.Actions {
		return board.Actions{}
	}
	a := board.Actions{Silence: true}
	if m.cfg.Operator != nil {
		a.Drain, a.Weight = m.cfg.Operator.Can()
	}
	return a
}

// watchSilences follows those that all monitors of the cluster share.
func (m *Monitor) watchSilences(ctx context.Context) {
	err := m.cfg.Silences.Watch(ctx, m.board.SetSilences)
	if err != nil && ctx.Err() == nil {
		m.cfg.Logger.Warn("silences are not followed any more", "component", "monitor", "err", err)
	}
}

// listOwn lists the silences this monitor keeps itself, for who holds the lock or
// has the monitor alone.
func (m *Monitor) listOwn() []alert.Silence {
	var out []alert.Silence
	for _, s := range m.own {
		out = append(out, s)
	}
	return out
}

// actor does what the page asks for.
type actor struct{ m *Monitor }

func (a actor) Silence(ctx context.Context, s alert.Silence) error {
	if a.m.cfg.Silences != nil {
		return a.m.cfg.Silences.Put(ctx, s)
	}
	a.m.changeOwn(func(all map[string]alert.Silence) { all[s.ID()] = s })
	return nil
}

func (a actor) Unsilence(ctx context.Context, id string) error {
	if a.m.cfg.Silences != nil {
		return a.m.cfg.Silences.Delete(ctx, id)
	}
	a.m.changeOwn(func(all map[string]alert.Silence) { delete(all, id) })
	return nil
}

// changeOwn changes the silences this monitor keeps itself, and drops old ones.
func (m *Monitor) changeOwn(change func(map[string]alert.Silence)) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m.own)
	for id, s := range m.own {
		if !now.Before(s.Until) {
			delete(m.own, id)
		}
	}
	m.board.SetSilences(m.listOwn())
	m.history.Keep(now.Unix(), keptSilences, encode(m.own))
}

// ErrNoOperator says that backends can not be changed from here.
var ErrNoOperator = errors.New("backends can not be changed from here")

func (a actor) Drain(ctx context.Context, backend string, drain bool) error {
	if a.m.cfg.Operator == nil {
		return ErrNoOperator
	}
	return a.m.cfg.Operator.Drain(ctx, backend, drain)
}

func (a actor) SetWeight(ctx context.Context, backend string, weight int) error {
	if a.m.cfg.Operator == nil {
		return ErrNoOperator
	}
	return a.m.cfg.Operator.SetWeight(ctx, backend, weight)
}
