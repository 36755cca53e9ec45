package monitor

import (
	"context"
	"slices"
	"time"

	"pingd/monitor/cluster"
)

const (
	pollTimeout = 2 * time.Second
	// pollPhase is when, within a second, the cluster is asked: each tick then finds
	// one new answer.
	pollPhase = 500 * time.Millisecond
)

// pollCluster asks for the cluster's state at once, and then every second halfway
// between ticks; what it missed it asks for as well.
func (m *Monitor) pollCluster(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	failing := false
	holes := newFiller(m)
	defer holes.wait()
	for {
		asked := time.Now()
		c, cancel := context.WithTimeout(ctx, pollTimeout)
		next, err := m.cfg.Cluster(c)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			m.cfg.Logger.Warn("cluster state unknown", "component", "monitor", "err", err)
		}
		failing = err != nil
		m.take(next, err, asked)
		if !failing {
			holes.fill(ctx, asked)
		}
		now := time.Now()
		timer.Reset(time.Until(now.Add(pollPhase).Truncate(time.Second).Add(pollPhase)))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

// take takes over a new state, or notes why there is none.
func (m *Monitor) take(next cluster.State, err error, now time.Time) {
	if err != nil {
		m.board.LoseCluster(err)
		return
	}
	m.happened(m.board.SetCluster(next, now))
	m.elect()
}

// elect finds out whether this monitor tells people of the cluster's alerts: of all
// that live, the first by name does, so that they are told once.
func (m *Monitor) elect() {
	c := m.board.Cluster()
	first := true
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if n.Alive && n.Name < m.cfg.Name && slices.Contains(n.Roles, "monitor") {
			first = false
		}
	}
	m.mu.Lock()
	became := first && !m.first
	m.first = first
	m.mu.Unlock()
	if became {
		m.tellAgain(time.Now())
	}
}
