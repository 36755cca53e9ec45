package alert

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"pingd/monitor/history"
)

const (
	// gone is how long a series may be silent before its alerts are cleared: what it
	// told of is not there any more.
	gone = 60
	// slowWindow is the window from which a rule is reckoned each slowEvery seconds.
	slowWindow = time.Minute
	slowEvery  = 5
	// flap is within how long an alert that comes back is the same trouble again.
	flap    = int64(3600)
	maxDown = time.Hour
	// maxAlerts bounds the series that are watched.
	maxAlerts = 5000
)

// Change is an alert that was raised, got worse, got better or was cleared.
type Change struct {
	Alert
	Before Severity // what it was
	Gone   bool     // cleared because there are no more values
}

// Alert is a rule that is raised, or was until a moment ago.
type Alert struct {
	Rule     string   `json:"rule"`
	Subject  string   `json:"subject,omitempty"` // what the star of its series stands for
	Series   string   `json:"series"`
	Severity Severity `json:"severity"`
	Since    int64    `json:"since"` // unix second at which it was raised
	Changed  int64    `json:"changed"`
	Value    float64  `json:"value"` // the newest
	Unit     string   `json:"unit,omitempty"`
	About    string   `json:"about"` // what the value is; see defaults
	Cluster  bool     `json:"cluster,omitempty"`
}

// ID names the alert among all of one monitor.
func (a *Alert) ID() string { return a.Rule + "/" + a.Subject }

// Text says in one line what the alert is about. It may hold names chosen by
// anybody.
func (a *Alert) Text() string {
	value := Value(a.Value, a.Unit)
	switch {
	case strings.Contains(a.About, "{"):
		return strings.NewReplacer("{s}", a.Subject, "{v}", value, "{}", "").Replace(a.About)
	case a.Subject != "" && a.About != a.Series:
		return a.About + " " + a.Subject + ": " + value
	}
	return a.About + ": " + value
}

// Value writes a number with its unit.
func Value(v float64, unit string) string {
	n := func(v float64) string {
		digits := max(0, 2-int(math.Floor(math.Log10(max(math.Abs(v), 1)))))
		s := fmt.Sprintf("%.*f", digits, v)
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	}
	switch {
	case strings.HasPrefix(unit, "bytes"):
		for _, u := range [...]string{"B", "KiB", "MiB", "GiB"} {
			if math.Abs(v) < 1000 {
				return n(v) + " " + u + strings.TrimPrefix(unit, "bytes")
			}
			v /= 1024
		}
		return n(v) + " TiB" + strings.TrimPrefix(unit, "bytes")
	case unit == "":
		return n(v)
	}
	return n(v) + " " + unit
}

// Engine holds rules against series. Create it with New. Not for concurrent use.
type Engine struct {
	rules []watcher
	known map[string]*state // by Alert.ID
	gen   uint64
	ready bool
}

// watcher is a rule with the series it watches.
type watcher struct {
	Rule
	states []*state
}

// state is one series under one rule.
type state struct {
	Alert
	Pending Severity `json:"pending,omitempty"` // what it is about to become
	From    int64    `json:"from,omitempty"`    // since when
	Cleared int64    `json:"cleared,omitempty"` // when it was cleared last
	Flaps   int      `json:"flaps,omitempty"`
	Heard   int64    `json:"heard"` // newest second with a value
}

// Source is where series are looked up; *history.Ring is one.
type Source interface {
	Generation() uint64
	Names(patterns ...string) []string
	Stat(name string, from, to int64) history.Stat
}

// New makes an engine of rules, whose names differ.
func New(rules []Rule) *Engine {
	e := &Engine{known: map[string]*state{}}
	for _, r := range rules {
		if !r.Off {
			e.rules = append(e.rules, watcher{Rule: r})
		}
	}
	return e
}

// Rules returns the rules in force.
func (e *Engine) Rules() []Rule {
	var out []Rule
	for _, w := range e.rules {
		out = append(out, w.Rule)
	}
	return out
}

// Evaluate looks at every rule at unix second now and returns what changed, in the
// order of the rules. It is meant to be called once a second; while no series comes
// or goes, and nothing changes, it allocates nothing.
func (e *Engine) Evaluate(now int64, from Source) []Change {
	if gen := from.Generation(); !e.ready || gen != e.gen {
		e.match(from)
		e.gen, e.ready = gen, true
	}
	var changes []Change
	for i := range e.rules {
		w := &e.rules[i]
		if w.Window >= slowWindow && (now+int64(i))%slowEvery != 0 {
			continue
		}
		for _, s := range w.states {
			value, ok := w.value(s.Series, now, from)
			if ok {
				s.Value, s.Heard = value, now
			}
			before := s.Severity
			lost := !ok && now-s.Heard > gone
			if s.step(&w.Rule, now, ok, lost) {
				changes = append(changes, Change{s.Alert, before, lost})
			}
		}
	}
	return changes
}

// Rewind tells that the clock was set back to unix second now: what waits for a time to
// pass waits from now on.
func (e *Engine) Rewind(now int64) {
	for _, s := range e.known {
		for _, t := range [...]*int64{&s.From, &s.Heard, &s.Cleared, &s.Since, &s.Changed} {
			*t = min(*t, now)
		}
	}
}

// match finds the series of each rule anew; what is known of one that is still
// there stays.
func (e *Engine) match(from Source) {
	total := 0
	used := map[string]bool{}
	for i := range e.rules {
		w := &e.rules[i]
		old := w.states
		w.states = nil
		for _, name := range from.Names(w.Series) {
			if total++; total > maxAlerts {
				break
			}
			w.states = append(w.states, e.of(&w.Rule, name))
		}
		// One whose series is gone is looked at until its alert is cleared.
		for _, s := range old {
			if s.Severity > Clear && !slices.Contains(w.states, s) {
				w.states = append(w.states, s)
			}
		}
		for _, s := range e.known {
			if s.Rule == w.Name && s.Severity > Clear && !slices.Contains(w.states, s) {
				w.states = append(w.states, s) // restored, and not there any more
			}
		}
		for _, s := range w.states {
			used[s.ID()] = true
		}
	}
	for id := range e.known {
		if !used[id] {
			delete(e.known, id)
		}
	}
}

func (e *Engine) of(r *Rule, series string) *state {
	before, after, star := strings.Cut(r.Series, "*")
	subject := ""
	if star {
		subject = series[len(before) : len(series)-len(after)]
	}
	a := Alert{
		Rule: r.Name, Subject: subject, Series: series, Unit: unitOf(series), About: about(r.Name, series), Cluster: r.OfCluster(),
	}
	s := e.known[a.ID()]
	if s == nil {
		s = &state{Alert: a}
		e.known[a.ID()] = s
	}
	return s
}

// value is what a rule looks at; false when there is too little to tell.
func (r *Rule) value(series string, now int64, from Source) (float64, bool) {
	if r.Window == 0 {
		s := from.Stat(series, now-2, now) // a cluster's figures come a moment late
		return float64(s.Last), s.N > 0
	}
	window := int64(r.Window / time.Second)
	s := from.Stat(series, now-window+1, now)
	if s.N == 0 || r.Func != Sum && int64(s.N) < window/2 {
		return 0, false
	}
	switch r.Func {
	case Min:
		return float64(s.Min), true
	case Max:
		return float64(s.Max), true
	case Sum:
		return s.Sum, true
	}
	return s.Sum / float64(s.N), true
}

// target is the severity that the value asks for: raised levels hold on until the
// value is within their clear level.
func (s *state) target(r *Rule) Severity {
	beyond := func(level float64) bool {
		if r.Below {
			return s.Value < level
		}
		return s.Value > level
	}
	at := func(l Level, of Severity) bool {
		return l.Set && (beyond(l.Raise) || s.Severity >= of && beyond(l.Clear))
	}
	switch {
	case at(r.Crit, Crit):
		return Crit
	case at(r.Warn, Warn):
		return Warn
	}
	return Clear
}

// step moves the state on and reports whether its severity changed.
func (s *state) step(r *Rule, now int64, heard, lost bool) bool {
	target := s.Severity
	switch {
	case lost:
		target = Clear
	case heard:
		target = s.target(r)
	}
	if target == s.Severity {
		s.Pending, s.From = target, 0
		return false
	}
	if s.Pending != target || s.From == 0 {
		// Getting worse still while it waits to be raised is no new beginning.
		if !(s.From != 0 && s.Pending > s.Severity && target > s.Severity) {
			s.From = now
		}
		s.Pending = target
	}
	wait := r.For
	if target < s.Severity {
		wait = s.down(r)
	}
	if !lost && now-s.From < int64(wait/time.Second) {
		return false
	}
	s.become(target, now)
	return true
}

func (s *state) become(target Severity, now int64) {
	switch {
	case s.Severity == Clear:
		s.Since = now
		if s.Cleared > 0 && now-s.Cleared < flap {
			s.Flaps++
		} else {
			s.Flaps = 0
		}
	case target == Clear:
		s.Cleared = now
	}
	s.Severity, s.Changed, s.Pending, s.From = target, now, target, 0
}

// down is how long the value must be within the clear level: half as long again for
// each time it came back.
func (s *state) down(r *Rule) time.Duration {
	d := r.Down
	for range min(s.Flaps, 20) {
		d = min(d+d/2, max(maxDown, r.Down))
	}
	return d
}

// Active returns the alerts that are raised, the worst and newest first.
func (e *Engine) Active() []Alert {
	var out []Alert
	for i := range e.rules {
		for _, s := range e.rules[i].states {
			if s.Severity > Clear {
				out = append(out, s.Alert)
			}
		}
	}
	slices.SortFunc(out, func(a, b Alert) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Since, a.Since), cmp.Compare(a.ID(), b.ID()))
	})
	return out
}
