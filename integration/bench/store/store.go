package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/machine"
	"pingd/integration/bench/session"
	"pingd/integration/bench/show"
	"pingd/integration/bench/stats"
	"pingd/integration/procs"
)

// Command is the group commit table.
type Command struct {
	Only   []string      `placeholder:"SYSTEM,..." help:"Measure only these: pingd, etcd, redis-wait, redis-alone."`
	Shapes []shape       `default:"1,50,200,50x16" help:"Loads: clients, or clients x pipeline."`
	Rounds int           `default:"3" help:"Rounds of each system and shape, in turn."`
	Round  time.Duration `default:"1500ms" help:"Time measured in a round."`
	Warm   time.Duration `default:"300ms" help:"Time before it."`
	Log    []string      `name:"log-store" default:"wal" help:"pingd's --log-store; several are measured as systems of their own."`
}

// Validate refuses unknown systems.
func (c *Command) Validate() error {
	var errs []error
	for _, name := range c.Only {
		if !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("--only=%s: unknown system\nhint: one or more of %s", name, strings.Join(names, ",")))
		}
	}
	if c.Rounds < 1 || c.Round <= 0 {
		errs = append(errs, fmt.Errorf("--rounds=%d and --round=%s must be above 0", c.Rounds, c.Round))
	}
	return errors.Join(errs...)
}

// Figure is one system under one shape.
type Figure struct {
	Shape  string         `json:"shape"`
	System string         `json:"system"`
	Ops    float64        `json:"ops"` // medians over the rounds
	P50    float64        `json:"p50_ms"`
	P99    float64        `json:"p99_ms"`
	Spread float64        `json:"spread"` // of ops
	Ratio  float64        `json:"first_to_this"`
	Rounds []drive.Result `json:"rounds"`
}

// Report is the result of store.
type Report struct {
	Machine machine.Machine `json:"machine"`
	Notes   []string        `json:"notes"`
	Figures []Figure        `json:"figures"`
}

// Run starts all systems, measures them in turn and reports.
func (c *Command) Run(ctx context.Context, env *session.Session) error {
	return env.WithLab(func(lab *procs.Lab) error {
		_, m, err := env.Inspect(lab)
		if err != nil {
			return err
		}
		report := &Report{Machine: m}
		systems, err := c.start(ctx, env, lab)
		if err != nil {
			return err
		}
		for _, s := range systems {
			report.Notes = append(report.Notes, s.name+": "+s.note)
		}
		for _, sh := range c.Shapes {
			figures, err := c.measure(ctx, env, systems, sh)
			if err != nil {
				return err
			}
			report.Figures = append(report.Figures, figures...)
		}
		return report.print(env)
	})
}

// measure runs every system in turn, round by round, so that a slow minute of
// the machine meets all of them.
func (c *Command) measure(ctx context.Context, env *session.Session, systems []system, sh shape) ([]Figure, error) {
	rounds := make([][]drive.Result, len(systems))
	for r := range c.Rounds {
		for i, s := range systems {
			result, err := s.round(ctx, sh, c.Warm, c.Round)
			if err != nil {
				return nil, fmt.Errorf("%s, %s clients, round %d: %w", s.name, sh, r+1, err)
			}
			env.Log.Info("round", "system", s.name, "clients", sh.String(), "round", r+1, "ops", int(result.Ops), "p50_ms", result.P50)
			rounds[i] = append(rounds[i], result)
		}
	}
	ops := func(i int) []float64 { return column(rounds[i], func(r drive.Result) float64 { return r.Ops }) }
	var figures []Figure
	for i, s := range systems {
		figures = append(figures, Figure{
			Shape: sh.String(), System: s.name, Ops: stats.Median(ops(i)),
			P50:    stats.Median(column(rounds[i], func(r drive.Result) float64 { return r.P50 })),
			P99:    stats.Median(column(rounds[i], func(r drive.Result) float64 { return r.P99 })),
			Spread: stats.Spread(ops(i)), Ratio: stats.Ratio(ops(0), ops(i)), Rounds: rounds[i],
		})
	}
	return figures, nil
}

// column takes one figure of every round.
func column(rounds []drive.Result, of func(drive.Result) float64) []float64 {
	var values []float64
	for _, r := range rounds {
		values = append(values, of(r))
	}
	return values
}

func (r *Report) print(env *session.Session) error {
	if env.JSON {
		return show.JSON(env.Stdout, r)
	}
	fmt.Fprintln(env.Stdout, r.Machine)
	for _, note := range r.Notes {
		fmt.Fprintln(env.Stdout, note)
	}
	first := r.Figures[0].System
	t := show.Table{Head: []string{"clients", "system", "op/s", "p50 ms", "p99 ms", "spread", first + " / it"}}
	for _, f := range r.Figures {
		t.Add(f.Shape, f.System, show.Rate(f.Ops), show.Millis(f.P50), show.Millis(f.P99),
			fmt.Sprintf("%.0f %%", 100*f.Spread), fmt.Sprintf("%.2f", f.Ratio))
	}
	return t.Write(env.Stdout)
}
