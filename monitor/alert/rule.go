package alert

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Severity is how bad an alert is; zero is none.
type Severity int8

// The severities.
const (
	Clear Severity = iota
	Warn
	Crit
)

// String returns clear, warn or crit.
func (s Severity) String() string { return [...]string{"clear", "warn", "crit"}[min(max(s, 0), 2)] }

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Severity) UnmarshalText(b []byte) error {
	for v := Clear; v <= Crit; v++ {
		if v.String() == string(b) {
			*s = v
			return nil
		}
	}
	return fmt.Errorf("%q is no severity", b)
}

// Function is what a window of seconds is reduced to.
type Function string

// The functions; Last is that of a rule without a window.
const (
	Last Function = "last"
	Avg  Function = "avg"
	Min  Function = "min"
	Max  Function = "max"
	Sum  Function = "sum"
)

// Level is a value from which an alert is raised, and one from which it is cleared.
// They lie apart so that a value that sways between them does not flap.
type Level struct {
	Raise, Clear float64
	Set          bool
}

// Rule is one rule. The zero value watches nothing.
type Rule struct {
	Name   string
	Series string // a pattern with at most one "*"
	Func   Function
	Window time.Duration // zero for Last
	Below  bool          // raised below its levels, not above
	Warn   Level
	Crit   Level
	For    time.Duration // it must be beyond the level that long
	Down   time.Duration // it must be within the clear level that long
	Off    bool          // it is switched off
}

// String writes the rule as Parse reads it.
func (r Rule) String() string {
	if r.Off {
		return r.Name + ": off"
	}
	var b strings.Builder
	b.WriteString(r.Name + ": " + r.Series)
	if r.Func != Last && r.Func != "" {
		fmt.Fprintf(&b, " %s %s", r.Func, short(r.Window))
	}
	op := ">"
	if r.Below {
		op = "<"
	}
	for _, l := range [...]struct {
		word  string
		level Level
	}{{"warn", r.Warn}, {"crit", r.Crit}} {
		if l.level.Set {
			fmt.Fprintf(&b, " %s %s %s", l.word, op, number(l.level.Raise))
			if l.level.Clear != l.level.Raise {
				b.WriteString(" clear " + number(l.level.Clear))
			}
		}
	}
	if r.For > 0 {
		b.WriteString(" for " + short(r.For))
	}
	if r.Down > 0 {
		b.WriteString(" down " + short(r.Down))
	}
	return b.String()
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// short writes a duration without its zero parts: 1m, not 1m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// OfCluster reports whether the rule is about the cluster, which every monitor
// watches, and not about the host that only this one does.
func (r *Rule) OfCluster() bool {
	first, _, _ := strings.Cut(r.Series, ".")
	switch first {
	case "raft", "store", "backend", "backends", "requests", "latency", "proxy", "counter", "visits", "nodes", "node", "host":
		return true
	}
	return false
}

// Unit is the unit of the rule's values as people write it, empty for a count.
func (r *Rule) Unit() string { return unitOf(r.Series) }

// unitOf goes by the names of package record.
func unitOf(series string) string {
	first, rest, _ := strings.Cut(series, ".")
	last := series[strings.LastIndexByte(series, '.')+1:]
	switch {
	case strings.HasSuffix(last, "share"), first == "psi", strings.HasPrefix(last, "psi_"), last == "util", last == "inodes",
		first == "cpu", first == "space" && last == "used", first == "container" && (last == "cpu" || last == "throttled"),
		first == "host" && last != "rx" && last != "tx", series == "tcp.retrans", series == "self.cpu":
		return "%"
	case strings.HasPrefix(last, "p50"), strings.HasPrefix(last, "p95"), strings.HasPrefix(last, "p99"),
		last == "await", last == "last_contact", last == "skew", series == "clock.offset":
		return "ms"
	case first == "mem" && rest != "major_faults" && rest != "oom_kills", last == "memory", last == "avail", series == "swap.used", series == "swap.total":
		return "bytes"
	case last == "rx", last == "tx", last == "read", last == "write", series == "requests.in", series == "requests.out":
		return "bytes/s"
	case first == "temp":
		return "°C"
	case last == "hours":
		return "h"
	}
	return ""
}
