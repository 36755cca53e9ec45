package api

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"pingd/monitor/alert"
	"pingd/monitor/cluster"
	"pingd/monitor/host"
)

// wantsText reports whether the client would rather read than render: it asks
// for plain text, or is a command line tool that takes anything.
func wantsText(r *http.Request) bool {
	accept, agent := r.Header.Get("Accept"), r.Header.Get("User-Agent")
	if strings.HasPrefix(accept, "text/plain") || r.URL.Query().Get("format") == "text" {
		return true
	}
	for _, tool := range [...]string{"curl/", "Wget/", "HTTPie/"} {
		if strings.HasPrefix(agent, tool) {
			return !strings.Contains(accept, "text/html")
		}
	}
	return false
}

func (s *Server) serveText(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	s.WriteText(w, time.Now())
}

// WriteText writes the state of all that is watched for people at a terminal.
func (s *Server) WriteText(w io.Writer, now time.Time) {
	out := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	defer out.Flush() //nolint:errcheck // the client went away: nothing to do about it
	b := s.board
	v := b.Verdict(now)
	what := "host"
	if b.Clustered {
		what = "cluster"
	}
	fmt.Fprintf(out, "pingd %s  %s %s: %s\n", b.Version, what, v.Word, Plain(v.Why))
	textAlerts(out, b.Alerts(now), now)
	if b.Clustered {
		textCluster(out, b.Cluster(), now)
	}
	s.textHosts(out)
	events := b.Events.Newest(10)
	if len(events) > 0 {
		fmt.Fprintf(out, "\nEVENTS\n")
	}
	for _, e := range events {
		fmt.Fprintf(out, "  %s\t%s\t%s\n", e.Time.UTC().Format(time.TimeOnly), mark(e.Severity), Plain(e.Text))
	}
}

func mark(s cluster.Severity) string {
	switch s {
	case cluster.Bad:
		return "✕"
	case cluster.Warn:
		return "!"
	case cluster.Good:
		return "✓"
	}
	return "·"
}

func textAlerts(out io.Writer, all []cluster.Alert, now time.Time) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(out, "\nALERT\tSINCE\tNODE\t\n")
	for i := range all {
		a := &all[i]
		word := "warning"
		if a.Severity == alert.Crit {
			word = "CRITICAL"
		}
		if a.Silenced {
			word = "silenced"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", word, Ago(now.Sub(time.Unix(a.Since, 0))), Plain(a.Node), Plain(a.Text))
	}
}

func textCluster(out io.Writer, c cluster.State, now time.Time) {
	if c.Error != "" {
		fmt.Fprintf(out, "  ! this is old: %s\n", Plain(c.Error))
	}
	fmt.Fprintf(out, "\nSTORE\tSTATE\tTERM\tCOMMIT\tAPPLIED\tLAG\tCONTACT\n")
	for i := range c.Stores {
		n := &c.Stores[i]
		state := n.State
		switch {
		case !n.Alive:
			state = dead(n.LastSeen, now)
		case n.Name == c.Leader:
			state = "★ leader"
		}
		fmt.Fprintf(out, "%s\t%s\t%d\t%d\t%d\t%d\t%.0f ms\n", Plain(n.Name), Plain(state), n.Term, n.Commit, n.Applied, n.Lag, n.LastContactMS)
	}
	if len(c.Counters) > 0 {
		fmt.Fprintf(out, "\nCOUNTER\tSTATE\tVISITS\tADDRESS\n")
	}
	for i := range c.Counters {
		n := &c.Counters[i]
		state := "up"
		if !n.Alive {
			state = dead(n.LastSeen, now)
		}
		fmt.Fprintf(out, "%s\t%s\t%d\t%s\n", Plain(n.Name), state, n.Visits, Plain(n.Addr))
	}
	for i := range c.Proxies {
		textProxy(out, &c.Proxies[i], now)
	}
}

func textProxy(out io.Writer, p *cluster.Proxy, now time.Time) {
	state := "up"
	if !p.Alive {
		state = dead(p.LastSeen, now)
	}
	fmt.Fprintf(out, "\nPROXY %s\t%s\t%d requests\t%d errors\t%d connections\n", Plain(p.Name), state, p.Requests, p.Errors, p.Connections)
	for j := range p.Backends {
		b := &p.Backends[j]
		fmt.Fprintf(out, "  %s\t%s\t%s\t%d requests\t%s\n", Plain(b.Name), Plain(b.State), Plain(b.Addr), b.Requests, Plain(b.Check))
	}
}

func dead(seen, now time.Time) string {
	if seen.IsZero() {
		return "DEAD"
	}
	return "DEAD " + Ago(now.Sub(seen))
}

func (s *Server) textHosts(out io.Writer) {
	d := s.board.Details()
	fmt.Fprintf(out, "\nHOST\tCPU\tIOWAIT\tSTEAL\tLOAD\tMEMORY\tPSI c/m/i\tDISK\tNET in/out\n")
	line := func(h *cluster.Host) {
		if !h.Alive {
			fmt.Fprintf(out, "%s\tdead\n", Plain(h.Name))
			return
		}
		fmt.Fprintf(out, "%s\t%.0f %%\t%.0f %%\t%.0f %%\t%.2f\t%s of %s\t%.0f/%.0f/%.0f %%\t%.0f %%\t%s/%s /s\n",
			Plain(h.Name), 100*h.CPU, 100*h.Iowait, 100*h.Steal, h.Load1, Size(float64(h.Memory)), Size(float64(h.MemoryMax)),
			100*h.PSICPU, 100*h.PSIMemory, 100*h.PSIIO, 100*h.DiskUtil, Size(h.Rx), Size(h.Tx))
	}
	own := s.board.Host()
	line(&own)
	others := s.board.Cluster().Hosts
	for i := range others {
		if others[i].Name != own.Name {
			line(&others[i])
		}
	}
	textSpaces(out, d.Spaces)
	for _, warning := range d.Warnings {
		fmt.Fprintf(out, "  ! %s\n", Plain(warning))
	}
}

func textSpaces(out io.Writer, spaces []host.Space) {
	for i := range spaces {
		s := &spaces[i]
		fmt.Fprintf(out, "  %s\t%.0f %% of %s used\n", Plain(s.Mount), 100*s.Used(), Size(float64(s.Size)))
	}
}

// Plain keeps a name from driving a terminal: control characters become dots.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '.'
		}
		return r
	}, s)
}

// Size writes bytes with a binary unit in three digits.
func Size(v float64) string {
	for _, unit := range [...]string{"B", "KiB", "MiB", "GiB", "TiB"} {
		if v < 1000 {
			return fmt.Sprintf("%.3g %s", v, unit)
		}
		v /= 1024
	}
	return fmt.Sprintf("%.3g PiB", v)
}

// Ago writes a duration in its largest unit, or two.
func Ago(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d m", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d m", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d", d/(24*time.Hour))
}
