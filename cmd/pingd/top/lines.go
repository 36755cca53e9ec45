package top

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"pingd/monitor/alert"
	"pingd/monitor/api"
	"pingd/monitor/cluster"
	"pingd/monitor/host/process"
)

// Lines writes a snapshot for a screen of that width: first whether all is well, who
// leads and what just happened, then the numbers, then the tables. It is pure.
func Lines(s *Snapshot, screen int, now time.Time) []Line {
	out := []Line{verdict(s)}
	if e := newest(s.Events); e != nil {
		mark, style := sign(e.Severity)
		out = append(out, Line{{"  just happened  ", Dim}, {mark + " ", style}, {api.Plain(e.Text), Normal}, {"  " + api.Ago(now.Sub(e.Time)) + " ago", Dim}})
	}
	out = append(out, alerts(s, now)...)
	for _, w := range s.Details.Warnings {
		out = append(out, Line{{"  ! ", Warn}, name(w)})
	}
	out = append(append(out, Line{}), numbers(s, screen)...)
	for _, t := range []*table{stores(s, now), servers(s, now), hosts(s), processes(s)} {
		if lines := t.lines(screen); lines != nil {
			out = append(append(out, Line{}), lines...)
		}
	}
	return append(out, events(s)...)
}

var signs = map[cluster.Word]Span{
	cluster.OK: {"✓ All is well", Good}, cluster.Degraded: {"! Degraded", Warn}, cluster.Down: {"✕ Down", Bad},
}

func verdict(s *Snapshot) Line {
	word, ok := signs[s.Verdict.Word]
	if !ok {
		word = Span{"… Not heard yet", Info}
	}
	line := Line{word, {"  " + api.Plain(s.Verdict.Why), Normal}}
	if s.Cluster.Error != "" {
		line = append(line, Span{"  this is old: " + api.Plain(s.Cluster.Error), Warn})
	}
	return line
}

// newest is the newest event that is worth a headline.
func newest(events []cluster.Event) *cluster.Event {
	for i := len(events) - 1; i >= 0; i-- {
		if e := &events[i]; e.Severity != cluster.Info && e.Kind != "alert" {
			return e
		}
	}
	if len(events) == 0 {
		return nil
	}
	return &events[len(events)-1]
}

func sign(s cluster.Severity) (mark string, style Style) {
	switch s {
	case cluster.Bad:
		return "✕", Bad
	case cluster.Warn:
		return "!", Warn
	case cluster.Good:
		return "✓", Good
	}
	return "·", Info
}

// alerts are those raised, one line for those that several nodes raise by one rule.
func alerts(s *Snapshot, now time.Time) []Line {
	const most = 6
	var out []Line
	seen := map[string]int{} // rule and subject -> nodes more
	for _, a := range s.Alerts.Active {
		key := a.Rule + "\n" + a.Subject
		if seen[key]++; seen[key] > 1 {
			continue
		}
		word := Span{"! WARNING   ", Warn}
		switch {
		case a.Silenced:
			word = Span{"◌ silenced  ", Dim}
		case a.Severity == alert.Crit:
			word = Span{"✕ CRITICAL  ", Bad}
		}
		out = append(out, Line{{"  ", Normal}, word, {api.Plain(a.Text), Normal}, {"  " + api.Plain(a.Node) + " for " + api.Ago(now.Sub(time.Unix(a.Since, 0))), Dim}})
	}
	if len(out) > most {
		out = append(out[:most], Line{{fmt.Sprintf("  and %d more", len(out)-most), Dim}})
	}
	return out
}

// numbers are the headline numbers with their last two minutes.
func numbers(s *Snapshot, screen int) []Line {
	v := s.value
	cells := []struct {
		title, text, series string
		top                 float64
		style               Style
	}{
		{"requests", rate(v("requests.rate")) + "/s", "requests.rate", 0, Info},
		{"errors", percent(v("requests.error_share")), "requests.error_share", 5, level(v("requests.error_share"), 0.1, 1)},
		{"p99", millis(v("latency.p99")) + "  p50 " + millis(v("latency.p50")), "latency.p99", 0, Info},
		{"commits", rate(v("raft.commits")) + "/s  sync " + millis(v("raft.fsync.p99")), "raft.commits", 0, Good},
		{"cpu", percent(v("cpu.busy")) + "  waits " + percent(v("psi.cpu")), "cpu.busy", 100, level(v("cpu.busy"), 85, 95)},
		{"memory", size(v("mem.used")) + " of " + size(v("mem.total")), "mem.used", v("mem.total"), Info},
	}
	const wide = 46
	perLine := max(screen/wide, 1)
	var out []Line
	for _, c := range cells {
		if math.IsNaN(v(c.series)) {
			continue
		}
		if len(out) == 0 || len(out[len(out)-1]) >= 3*perLine {
			out = append(out, Line{})
		}
		last := &out[len(out)-1]
		text := fmt.Sprintf("%-22s", c.text)
		*last = append(*last, Span{fmt.Sprintf("%9s ", c.title), Dim}, Span{text, Bold}, Span{chart(s.Past.of(c.series), wide-10-max(22, len(text))-2, c.top) + "  ", c.style})
	}
	return out
}

func level(v, warn, bad float64) Style {
	switch {
	case v > bad:
		return Bad
	case v > warn:
		return Warn
	}
	return Good
}

func stores(s *Snapshot, now time.Time) *table {
	t := &table{head: []string{"STORE ", "STATE ", "TERM", "COMMIT", "APPLIED", "LAG", "HEARD", "SYNC P99", "CMD/S", "KEYS", "DATA"}}
	for i := range s.Cluster.Stores {
		n := &s.Cluster.Stores[i]
		state := Span{"● " + api.Plain(n.State), Info}
		switch {
		case !n.Alive:
			state = Span{dead(n.LastSeen, now), Bad}
		case n.Name == s.Cluster.Leader:
			state = Span{"★ leader", Good}
		case !n.Voter:
			state = Span{"○ " + api.Plain(n.State), Warn}
		}
		t.add(name(n.Name), state, plain(n.Term), plain(n.Commit), plain(n.Applied), Span{fmt.Sprint(n.Lag), level(float64(n.Lag), 1000, 10000)},
			text(millis(n.LastContactMS)), text(millis(s.value("store."+n.Name+".p99"))), text(rate(s.value("store."+n.Name+".commands"))),
			plain(n.Keys), text(size(float64(n.Bytes))))
	}
	return t
}

// servers is one row for each backend: what most proxies say of it, and all of them
// carried.
func servers(s *Snapshot, now time.Time) *table {
	t := &table{head: []string{"SERVER ", "ADDRESS ", "STATE ", "CHECK ", "WEIGHT", "REQ/S", "CONNS", "QUEUE", "ERRORS", "RETRIES", "P50", "P99", "SINCE"}}
	var order []string
	sum := map[string]*cluster.Backend{}
	for i := range s.Cluster.Proxies {
		if !s.Cluster.Proxies[i].Alive {
			continue
		}
		for _, b := range s.Cluster.Proxies[i].Backends {
			o := sum[b.Name]
			if o == nil {
				sum[b.Name], order = &b, append(order, b.Name)
				continue
			}
			if b.State != "UP" {
				o.State, o.Check, o.LastChange = b.State, b.Check, b.LastChange
			}
			o.Current, o.Queue, o.ConnErrors, o.RespErrors, o.Retries = o.Current+b.Current, o.Queue+b.Queue, o.ConnErrors+b.ConnErrors, o.RespErrors+b.RespErrors, o.Retries+b.Retries
		}
	}
	slices.Sort(order)
	for _, n := range order {
		b := sum[n]
		state := Span{"● " + b.State, Good}
		switch b.State {
		case "UP":
		case "DOWN":
			state = Span{"✕ DOWN", Bad}
		default:
			state = Span{"◐ " + api.Plain(b.State), Warn}
		}
		series := "backend." + b.Name + "."
		t.add(name(b.Name), Span{api.Plain(b.Addr), Dim}, state, Span{api.Plain(b.Check), Dim}, plain(b.Weight), text(rate(s.value(series+"requests"))), plain(b.Current), plain(b.Queue),
			Span{fmt.Sprint(b.ConnErrors + b.RespErrors), level(float64(b.ConnErrors+b.RespErrors), 0, math.Inf(1))}, plain(b.Retries),
			text(millis(s.value(series+"p50"))), text(millis(s.value(series+"p99"))), text(api.Ago(now.Sub(b.LastChange))))
	}
	return t
}

func hosts(s *Snapshot) *table {
	t := &table{head: []string{"HOST ", "CPU", "IOWAIT", "STEAL", "LOAD", "MEMORY", "PSI C/M/I", "DISK", "SPACE", "IN", "OUT"}}
	v := s.value
	add := func(host string, cpu, iowait, steal, load, mem, pc, pm, pi, disk, space, rx, tx float64) {
		t.add(name(host), Span{percent(cpu), level(cpu, 85, 95)}, text(percent(iowait)), text(percent(steal)), text(fmt.Sprintf("%.2f", load)), text(size(mem)),
			text(fmt.Sprintf("%.0f/%.0f/%.0f", pc, pm, pi)), text(percent(disk)), Span{percent(space), level(space, 90, 98)}, text(size(rx)+"/s"), text(size(tx)+"/s"))
	}
	space := 0.0
	for i := range s.Details.Spaces {
		space = max(space, 100*s.Details.Spaces[i].Used())
	}
	add(s.Details.Name, v("cpu.busy"), v("cpu.iowait"), v("cpu.steal"), v("load.1"), v("mem.used"), v("psi.cpu"), v("psi.memory"), v("psi.io"), v("disk.util"), space, v("net.rx"), v("net.tx"))
	for _, h := range s.Cluster.Hosts {
		switch {
		case h.Name == s.Details.Name:
		case !h.Alive:
			t.add(name(h.Name), Span{"✕ dead", Bad})
		default:
			add(h.Name, 100*h.CPU, 100*h.Iowait, 100*h.Steal, h.Load1, float64(h.Memory), 100*h.PSICPU, 100*h.PSIMemory, 100*h.PSIIO, 100*h.DiskUtil, 100*h.Space, h.Rx, h.Tx)
		}
	}
	return t
}

func processes(s *Snapshot) *table {
	t := &table{head: []string{"PROCESS ", "PID", "CPU", "MEMORY", "READ", "WRITE", "THREADS", "COMMAND "}}
	list := slices.SortedFunc(slices.Values(s.Details.Processes), func(a, b process.Process) int {
		return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(b.RSS, a.RSS))
	})
	for _, p := range list[:min(len(list), 12)] {
		style := Normal
		if p.Own {
			style = Good
		}
		t.add(Span{api.Plain(p.Name), style}, plain(p.PID), text(percent(100*p.CPU)), text(size(float64(p.RSS))), text(size(p.Read)+"/s"), text(size(p.Write)+"/s"),
			plain(p.Threads), Span{api.Plain(p.Command), Dim})
	}
	return t
}

func events(s *Snapshot) []Line {
	out := []Line{{}, {{"EVENTS", Head}}}
	for _, e := range slices.Backward(s.Events) {
		mark, style := sign(e.Severity)
		out = append(out, Line{{e.Time.Local().Format(time.TimeOnly) + "  ", Dim}, {mark + "  ", style}, name(e.Text)})
	}
	return out
}

func dead(seen, now time.Time) string {
	if seen.IsZero() {
		return "✕ dead"
	}
	return "✕ dead " + api.Ago(now.Sub(seen))
}

func plain[T any](v T) Span { return Span{fmt.Sprint(v), Normal} }

func text(s string) Span { return Span{s, Normal} }

// short writes v in three digits; a gap is a dash.
func short(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	}
	return fmt.Sprintf("%.2f", v)
}

func rate(v float64) string {
	switch {
	case v >= 1e6:
		return short(v/1e6) + "M"
	case v >= 1e4:
		return short(v/1e3) + "k"
	}
	return short(v)
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return short(v) + "%"
}

func millis(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v >= 1000:
		return short(v/1000) + "s"
	}
	return short(v) + "ms"
}

func size(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return api.Size(v)
}
