package monitor

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"
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

func (m *Monitor) serveText(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	m.WriteText(w)
}

// WriteText writes the state of cluster and host for people at a terminal.
func (m *Monitor) WriteText(w io.Writer) {
	c := m.Cluster()
	d := m.details()
	out := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	defer out.Flush() //nolint:errcheck // the client went away: nothing to do about it
	if m.cfg.Cluster != nil {
		verdict, why := Verdict(c)
		fmt.Fprintf(out, "pingd %s  cluster %s: %s\n\n", d.Version, verdict, plain(why))
		textCluster(out, c)
	}
	v := func(name string) float64 { f, _ := m.ring.Value(name); return f }
	fmt.Fprintf(out, "HOST\tCPU\tIOWAIT\tSTEAL\tLOAD\tMEMORY\tPSI c/m/i\tDISK\tNET in/out\n")
	fmt.Fprintf(out, "%s\t%.0f %%\t%.0f %%\t%.0f %%\t%.2f\t%s of %s\t%.0f/%.0f/%.0f %%\t%.0f %%\t%s/%s /s\n",
		plain(d.Name), v("cpu.busy"), v("cpu.iowait"), v("cpu.steal"), v("load.1"),
		size(v("mem.used")), size(v("mem.total")), v("psi.cpu"), v("psi.memory"), v("psi.io"),
		v("disk.util"), size(v("net.rx")), size(v("net.tx")))
	for _, s := range d.Spaces {
		fmt.Fprintf(out, "  %s\t%.0f %% of %s used\n", plain(s.Mount), 100*(1-share(float64(s.Avail), float64(s.Size))), size(float64(s.Size)))
	}
	for _, warning := range d.Warnings {
		fmt.Fprintf(out, "  ! %s\n", plain(warning))
	}
	events := m.events.since(0)
	if len(events) > 0 {
		fmt.Fprintf(out, "\nEVENTS\n")
	}
	for _, e := range events[max(0, len(events)-10):] {
		fmt.Fprintf(out, "  %s\t%s\n", e.Time.UTC().Format(time.TimeOnly), plain(e.Text))
	}
}

func textCluster(out io.Writer, c ClusterState) {
	fmt.Fprintf(out, "STORE\tSTATE\tTERM\tCOMMIT\tAPPLIED\tLAG\tCONTACT\n")
	for _, s := range c.Stores {
		state := s.State
		if !s.Alive {
			state = "DEAD"
		}
		fmt.Fprintf(out, "%s\t%s\t%d\t%d\t%d\t%d\t%.0f ms\n", plain(s.Name), plain(state), s.Term, s.Commit, s.Applied, s.Lag, s.LastContactMS)
	}
	fmt.Fprintf(out, "\nCOUNTER\tSTATE\tVISITS\tADDRESS\n")
	for _, n := range c.Counters {
		fmt.Fprintf(out, "%s\t%s\t%d\t%s\n", plain(n.Name), life(n.Alive), n.Visits, plain(n.Addr))
	}
	for _, p := range c.Proxies {
		fmt.Fprintf(out, "\nPROXY %s\t%s\t%d requests\t%d errors\n", plain(p.Name), life(p.Alive), p.Requests, p.Errors)
		for _, b := range p.Backends {
			fmt.Fprintf(out, "  %s\t%s\t%s\t%d requests\t%s\n", plain(b.Name), plain(b.State), plain(b.Addr), b.Requests, plain(b.Check))
		}
	}
	fmt.Fprintln(out)
}

func life(alive bool) string {
	if alive {
		return "up"
	}
	return "DEAD"
}

// plain keeps a name from driving the terminal: control characters become dots.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return '.'
		}
		return r
	}, s)
}

// size writes bytes with a binary unit in three digits.
func size(v float64) string {
	for _, unit := range [...]string{"B", "KiB", "MiB", "GiB", "TiB"} {
		if v < 1000 {
			return fmt.Sprintf("%.3g %s", v, unit)
		}
		v /= 1024
	}
	return fmt.Sprintf("%.3g PiB", v)
}
