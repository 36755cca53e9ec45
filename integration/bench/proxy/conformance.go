package proxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"pingd/integration/bench/conform"
	"pingd/integration/bench/session"
	"pingd/integration/bench/show"
	"pingd/integration/procs"
	"pingd/integration/procs/peers"
)

// ConformanceCommand asks every proxy for what the RFCs demand.
type ConformanceCommand struct {
	Only []string `placeholder:"PROXY,..." help:"Ask only these: pingd, pingd-goroutines, haproxy, nginx, caddy."`
}

// Validate refuses unknown proxies.
func (c *ConformanceCommand) Validate() error {
	var errs []error
	for _, name := range c.Only {
		if !slices.Contains(contenderNames(), name) {
			errs = append(errs, fmt.Errorf("--only=%s: unknown proxy\nhint: one or more of %s", name, strings.Join(contenderNames(), ",")))
		}
	}
	return errors.Join(errs...)
}

// ConformanceReport is the result of conformance.
type ConformanceReport struct {
	Proxies []string       `json:"proxies"`
	Failed  map[string]int `json:"failed"`
	Demands []Verdict      `json:"demands"`
}

// Verdict is one demand, and which of the proxies meet it.
type Verdict struct {
	Name   string          `json:"name"`
	Source string          `json:"source"`
	Met    map[string]bool `json:"met"`
}

// Run starts each proxy before one server and asks.
func (c *ConformanceCommand) Run(ctx context.Context, env *session.Session) error {
	if len(c.Only) == 0 {
		c.Only = []string{"pingd", "pingd-goroutines", "haproxy", "nginx", "caddy"}
	}
	return env.WithLab(func(lab *procs.Lab) error {
		backend, err := conform.NewBackend(ctx)
		if err != nil {
			return fmt.Errorf("start server: %w", err)
		}
		defer backend.Close()
		settings := &Command{Only: c.Only, Threads: 2}
		proxies, err := settings.startBefore(ctx, env, lab, []string{backend.Addr()})
		if err != nil {
			return err
		}
		report := &ConformanceReport{Failed: map[string]int{}}
		for _, p := range proxies {
			report.Proxies = append(report.Proxies, p.Name())
		}
		for _, d := range conform.Demands() {
			v := Verdict{Name: d.Name, Source: d.Source, Met: map[string]bool{}}
			for _, p := range proxies {
				if v.Met[p.Name()], err = ask(ctx, p, backend, &d); err != nil {
					return fmt.Errorf("%s, %q: %w", p.Name(), d.Name, err)
				}
				if !v.Met[p.Name()] {
					report.Failed[p.Name()]++
				}
			}
			report.Demands = append(report.Demands, v)
		}
		return report.print(env)
	})
}

// ask asks up to three times when the demand is not met: a connection to the
// server that ended with the demand before may be in the way once.
func ask(ctx context.Context, p *peers.Proxy, b *conform.Backend, d *conform.Demand) (bool, error) {
	for try := 0; ; try++ {
		seen, err := conform.Ask(ctx, p.Addr, b, d)
		if err != nil {
			return false, err
		}
		if d.Met(seen) || try == 2 {
			return d.Met(seen), nil
		}
	}
}

func (r *ConformanceReport) print(env *session.Session) error {
	if env.JSON {
		return show.JSON(env.Stdout, r)
	}
	t := show.Table{Head: append([]string{"demand", "source"}, r.Proxies...)}
	for _, v := range r.Demands {
		row := []string{v.Name, v.Source}
		for _, p := range r.Proxies {
			row = append(row, map[bool]string{true: "yes", false: "NO"}[v.Met[p]])
		}
		t.Add(row...)
	}
	row := []string{"not met", fmt.Sprintf("of %d", len(r.Demands))}
	for _, p := range r.Proxies {
		row = append(row, show.Count(r.Failed[p]))
	}
	t.Add(row...)
	return t.Write(env.Stdout)
}
