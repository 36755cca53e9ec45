package monitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"pingd/integration/bench/machine"
	"pingd/integration/bench/session"
	"pingd/integration/bench/show"
	"pingd/integration/procs"
	"pingd/integration/procs/peers"
)

// Command compares what watching this machine costs.
type Command struct {
	For time.Duration `default:"60s" help:"How long each phase is measured: with nobody looking, and with metrics asked for each second."`
}

// watcher is a monitor under measurement and what it showed.
type watcher struct {
	*peers.Monitor
	page    bool
	metrics string // path of the metrics
	first   string // path of the newest value of the CPU's use

	Name      string  `json:"name"`
	StartMS   float64 `json:"first_answer_ms"`     // from the start of the process
	DataMS    float64 `json:"first_data_ms"`       // until a share of the CPU is told
	IdleCPU   float64 `json:"idle_cpu_s_per_min"`  // nobody looks
	AskedCPU  float64 `json:"asked_cpu_s_per_min"` // metrics asked for each second
	RSS       float64 `json:"rss_mib"`
	Page      int     `json:"page_bytes"` // compressed
	Requests  int     `json:"page_requests"`
	Metrics   int     `json:"metrics_bytes"`
	MetricsMS float64 `json:"metrics_ms"` // median
	WorstMS   float64 `json:"metrics_worst_ms"`

	cpu time.Duration // at the start of a phase
}

// Run measures.
func (c *Command) Run(ctx context.Context, env *session.Session) error {
	return env.WithLab(func(lab *procs.Lab) error {
		_, m, err := env.Inspect(lab)
		if err != nil {
			return err
		}
		all, err := c.start(ctx, env, lab)
		if err != nil {
			return err
		}
		if err := c.measure(ctx, env, all); err != nil {
			return err
		}
		if env.JSON {
			return show.JSON(env.Stdout, struct {
				Machine  machine.Machine `json:"machine"`
				Monitors []*watcher      `json:"monitors"`
			}{m, all})
		}
		fmt.Fprintln(env.Stdout, m)
		return tableOf(all).Write(env.Stdout)
	})
}

// start starts the monitors one after the other, each when the one before has data.
func (c *Command) start(ctx context.Context, env *session.Session, lab *procs.Lab) ([]*watcher, error) {
	binary, err := env.Binary(ctx, lab)
	if err != nil {
		return nil, err
	}
	pingd := func(ctx context.Context, lab *procs.Lab, name string) (*peers.Monitor, error) {
		addr, err := lab.Addr()
		if err != nil {
			return nil, err
		}
		dir, err := lab.Dir(name)
		if err != nil {
			return nil, err
		}
		p, err := lab.Start(ctx, procs.Spec{Name: name, Path: binary, Args: []string{"--role=monitor", "--name=bench", "--data=" + dir, "--admin-addr=" + addr}})
		return &peers.Monitor{Process: p, Addr: addr}, err
	}
	var all []*watcher
	for _, s := range []struct {
		w     watcher
		start func(context.Context, *procs.Lab, string) (*peers.Monitor, error)
	}{
		{watcher{Name: "pingd", page: true, metrics: "/metrics", first: "/api/v1/series?name=cpu.busy"}, pingd},
		{watcher{
			Name: "netdata", page: true, metrics: "/api/v1/allmetrics?format=prometheus",
			first: "/api/v1/data?chart=system.cpu&after=-2&points=1&format=json",
		}, peers.StartNetdata},
		{watcher{Name: "node_exporter", metrics: "/metrics", first: "/metrics"}, peers.StartNodeExporter},
	} {
		w := s.w
		began := time.Now()
		if w.Monitor, err = s.start(ctx, lab, w.Name); err != nil {
			var missing *peers.MissingError
			if errors.As(err, &missing) {
				env.Log.Warn("left out", "monitor", w.Name, "why", err)
				continue
			}
			return nil, fmt.Errorf("start %s: %w", w.Name, err)
		}
		if err := w.awaitData(ctx, began); err != nil {
			return nil, err
		}
		all = append(all, &w)
	}
	return all, nil
}

// measure lets all of them run at the same time: what else happens on the machine
// happens to all of them.
func (c *Command) measure(ctx context.Context, env *session.Session, all []*watcher) error {
	env.Log.Info("settling", "for", 20*time.Second)
	if err := session.Pass(ctx, 20*time.Second); err != nil {
		return err
	}
	env.Log.Info("nobody looks", "for", c.For)
	if err := c.phase(all, func() error { return session.Pass(ctx, c.For) }, func(w *watcher, cpu float64) { w.IdleCPU = cpu }); err != nil {
		return err
	}
	env.Log.Info("metrics each second, in turn", "for", c.For)
	err := c.phase(all, func() error { return scrape(ctx, all, c.For) }, func(w *watcher, cpu float64) { w.AskedCPU = cpu })
	if err != nil {
		return err
	}
	for _, w := range all {
		if w.page {
			if w.Page, w.Requests, err = weigh(ctx, "http://"+w.Addr+"/"); err != nil {
				return fmt.Errorf("page of %s: %w", w.Name, err)
			}
		}
	}
	return nil
}

// phase reckons the CPU seconds a minute that each spent while fn ran.
func (c *Command) phase(all []*watcher, fn func() error, note func(*watcher, float64)) error {
	began := time.Now()
	for _, w := range all {
		u, err := usage(w.Monitor)
		if err != nil {
			return err
		}
		w.cpu = u.CPU()
	}
	if err := fn(); err != nil {
		return err
	}
	minutes := time.Since(began).Minutes()
	for _, w := range all {
		u, err := usage(w.Monitor)
		if err != nil {
			return err
		}
		note(w, (u.CPU()-w.cpu).Seconds()/minutes)
		w.RSS = float64(u.RSS) / (1 << 20)
	}
	return nil
}

// usage asks again when a child ended while it was looked at.
func usage(m *peers.Monitor) (u procs.Usage, err error) {
	for range 20 {
		if u, err = m.Usage(); err == nil || !m.Running() {
			break
		}
	}
	return u, err
}

func tableOf(all []*watcher) *show.Table {
	t := &show.Table{Head: []string{
		"", "first answer ms", "first data ms", "CPU s/min", "asked each s", "RSS MiB", "page KiB", "requests", "metrics KiB", "ms", "worst ms",
	}}
	kib := func(n int) string {
		if n == 0 {
			return "-"
		}
		return fmt.Sprintf("%.0f", float64(n)/1024)
	}
	for _, w := range all {
		t.Add(w.Name, show.Millis(w.StartMS), show.Millis(w.DataMS), show.Millis(w.IdleCPU), show.Millis(w.AskedCPU), fmt.Sprintf("%.1f", w.RSS),
			kib(w.Page), fmt.Sprint(w.Requests), kib(w.Metrics), show.Millis(w.MetricsMS), show.Millis(w.WorstMS))
	}
	ours := all[0]
	for _, w := range all[1:] {
		ratio := func(theirs, ours float64) string { return fmt.Sprintf("%.2f", theirs/cmp.Or(ours, 0.01)) }
		t.Add(w.Name+" / pingd", ratio(w.StartMS, ours.StartMS), ratio(w.DataMS, ours.DataMS), ratio(w.IdleCPU, ours.IdleCPU), ratio(w.AskedCPU, ours.AskedCPU),
			ratio(w.RSS, ours.RSS), ratio(float64(w.Page), float64(ours.Page)), "", ratio(float64(w.Metrics), float64(ours.Metrics)),
			ratio(w.MetricsMS, ours.MetricsMS), ratio(w.WorstMS, ours.WorstMS))
	}
	return t
}
