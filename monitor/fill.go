package monitor

import (
	"context"
	"slices"
	"sync"
	"time"

	"pingd/monitor/cluster"
	"pingd/monitor/history"
	"pingd/monitor/record"
)

const (
	// fillEvery is how often holes are looked for.
	fillEvery = 10 * time.Second
	// late is how old a second must be to count as missed.
	late = 5
	// shortest is the shortest hole worth asking for, in seconds: a poll that was
	// late is none.
	shortest    = 3
	fillTimeout = 30 * time.Second
	// piece is how much is asked for at once, in seconds: every process answers with
	// some kilobytes a second.
	piece = 300
	// witness is the series that every second of a cluster has.
	witness = "nodes.alive"
)

// filler finds the seconds of the last hour that this monitor has nothing of, as
// it was not there or could not reach the cluster, and asks the processes what they
// remember of them. Only its owner, pollCluster, calls it.
type filler struct {
	m      *Monitor
	looked time.Time
	wg     sync.WaitGroup
	busy   chan struct{} // holds one token while somebody is asked, who owns what follows

	tried  map[int64]bool // pieces of holes, by their last second
	copied bool           // older history was asked of other monitors
}

func newFiller(m *Monitor) *filler {
	return &filler{m: m, tried: map[int64]bool{}, busy: make(chan struct{}, 1)}
}

// wait waits for what is under way.
func (f *filler) wait() { f.wg.Wait() }

// fill looks for holes, now and then, and has one filled at a time.
func (f *filler) fill(ctx context.Context, now time.Time) {
	if now.Sub(f.looked) < fillEvery {
		return
	}
	select {
	case f.busy <- struct{}{}:
	default:
		return
	}
	f.looked = now
	f.wg.Go(func() {
		defer func() { <-f.busy }()
		for ctx.Err() == nil {
			from, to, ok := f.hole(now.Unix())
			if !ok {
				break
			}
			f.tried[to] = true
			f.ask(ctx, from, to)
		}
		if !f.copied && ctx.Err() == nil {
			f.copied = true
			f.m.copyOld(ctx, now, copyPause)
		}
	})
}

// hole finds the newest stretch without a value that was not asked for yet.
func (f *filler) hole(now int64) (from, to int64, ok bool) {
	if f.m.cfg.Past == nil {
		return 0, 0, false
	}
	span := int64(f.m.cfg.Span / time.Second)
	start := now - late - span
	values := f.m.history.AppendValues(nil, witness, start, now-late)
	for i := len(values) - 1; i >= 0; i-- {
		if values[i] == values[i] {
			continue
		}
		end := i
		for i > 0 && values[i-1] != values[i-1] && (start+int64(i))%piece != 0 {
			i--
		}
		if last := start + int64(end); end-i+1 >= shortest && !f.tried[last] {
			return start + int64(i), last, true
		}
	}
	return 0, 0, false
}

// ask has the processes tell of the seconds from..to, and records what they say as
// if it had been heard then.
func (f *filler) ask(ctx context.Context, from, to int64) {
	c, cancel := context.WithTimeout(ctx, fillTimeout)
	defer cancel()
	// One second more at both ends, as a rate lies between two states.
	states, err := f.m.cfg.Past(c, time.Unix(from-1, 0), time.Unix(to+1, 0))
	if err != nil {
		f.m.cfg.Logger.Debug("missed seconds stay missed", "component", "monitor", "from", from, "to", to, "err", err)
		return
	}
	ring, events := replay(states)
	filled := false
	for _, name := range ring.Names() {
		f.m.history.Fill(name, from, ring.AppendValues(nil, name, from, to))
		filled = true
	}
	if !filled {
		return
	}
	f.m.history.Rewrite(from, to)
	f.m.cfg.Logger.Info("missed seconds learned from the cluster", "component", "monitor", "from", time.Unix(from, 0).UTC(), "seconds", len(states))
	f.m.happened(f.m.board.Events.Add(f.news(events, from, to)))
}

// replay records states that lie in the past, in the order they were in.
func replay(states []cluster.State) (*history.Ring, []cluster.Event) {
	ring := history.NewRing(2 * 3600)
	var rec record.Recorder
	var events []cluster.Event
	var before cluster.State
	for _, s := range states {
		next := cluster.Remember(before, s, s.Time)
		if !before.Time.IsZero() {
			rec.Begin(ring, s.Time.Unix())
			rec.Cluster(&before, &next)
			rec.End()
			events = append(events, cluster.Events(before, next)...)
		}
		before = next
	}
	return ring, events
}

// news leaves out what is known already: the first look after a hole tells of all
// that changed in it, at the wrong time.
func (f *filler) news(events []cluster.Event, from, to int64) []cluster.Event {
	known := f.m.board.Events.Since(0)
	return slices.DeleteFunc(events, func(e cluster.Event) bool {
		t := e.Time.Unix()
		return t < from || t > to || slices.ContainsFunc(known, func(k cluster.Event) bool {
			return k.Kind == e.Kind && k.Subject == e.Subject && k.Time.Unix() >= from && k.Time.Unix() <= to+late
		})
	})
}
