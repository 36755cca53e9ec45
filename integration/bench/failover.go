package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/stats"
	"pingd/integration/procs"
)

// failoverCmd measures how long nobody is answered when the leader goes.
type failoverCmd struct {
	Only      []string      `placeholder:"SYSTEM,..." help:"Measure only these: pingd, redis-sentinel."`
	Faults    []string      `default:"kill,terminate,pause" help:"What happens to the leader: kill (SIGKILL), terminate (SIGTERM), pause (SIGSTOP, then SIGCONT)."`
	Rounds    int           `default:"5" help:"Rounds of each fault and system, in turn."`
	Every     time.Duration `default:"5ms" help:"Between the writes of the one client (0: the next at once)."`
	Try       time.Duration `default:"100ms" help:"The client gives a try up after this and goes elsewhere."`
	PauseFor  time.Duration `default:"4s" help:"How long a paused leader stays so."`
	DownAfter time.Duration `default:"1s" help:"Sentinel's down-after-milliseconds."`
	Election  time.Duration `name:"election-timeout" default:"0s" help:"pingd's --election-timeout (0: its default)."`
}

var (
	failoverNames  = []string{"pingd", "redis-sentinel"}
	failoverFaults = []string{"kill", "terminate", "pause"}
)

// Validate refuses unknown names.
func (c *failoverCmd) Validate() error {
	var errs []error
	for _, name := range c.Only {
		if !slices.Contains(failoverNames, name) {
			errs = append(errs, fmt.Errorf("--only=%s: unknown system\nhint: one or more of %s", name, strings.Join(failoverNames, ",")))
		}
	}
	for _, name := range c.Faults {
		if !slices.Contains(failoverFaults, name) {
			errs = append(errs, fmt.Errorf("--faults=%s: unknown fault\nhint: one or more of %s", name, strings.Join(failoverFaults, ",")))
		}
	}
	if c.Rounds < 1 || c.Try <= 0 {
		errs = append(errs, fmt.Errorf("--rounds=%d and --try=%s must be above 0", c.Rounds, c.Try))
	}
	return errors.Join(errs...)
}

// failoverFigure is one system under one fault.
type failoverFigure struct {
	Fault  string    `json:"fault"`
	System string    `json:"system"`
	Gaps   []float64 `json:"gaps_ms"` // of each round
	// Over all rounds, as in stats.Account.
	Acked     int64 `json:"acked"`
	Lost      int64 `json:"lost"`
	Unclaimed int64 `json:"unclaimed"`
	Errors    int64 `json:"errors"`
	// Twice is in how many rounds the system replaced its leader more than once for
	// one fault: what the first replacement acknowledged is then lost with it.
	Twice   int     `json:"rounds_with_two_failovers"`
	Restore float64 `json:"restore_s"` // median time from mending to a whole system
}

// failoverReport is the result of failover.
type failoverReport struct {
	Machine machine          `json:"machine"`
	Notes   []string         `json:"notes"`
	Figures []failoverFigure `json:"figures"`
}

// Run starts the systems, does the faults in turn and reports. errLost when
// pingd lost a write.
func (c *failoverCmd) Run(ctx context.Context, env *environment) error {
	return env.withLab(func(lab *procs.Lab) error {
		dir, err := lab.Dir("machine")
		if err != nil {
			return err
		}
		report := &failoverReport{Notes: []string{fmt.Sprintf(
			"one client, INCR every %s, a try is given up after %s; gap = longest time without an acknowledged write around the fault", c.Every, c.Try)}}
		if report.Machine, err = inspect(dir); err != nil {
			return err
		}
		groups, err := c.start(ctx, env, lab)
		if err != nil {
			return err
		}
		var lost int64
		for _, f := range c.Faults {
			figures, err := c.measure(ctx, env, groups, f)
			if err != nil {
				return err
			}
			report.Figures = append(report.Figures, figures...)
			for _, figure := range figures {
				if figure.System == "pingd" {
					lost += figure.Lost
				}
			}
		}
		if err := report.print(env); err != nil {
			return err
		}
		if lost > 0 {
			return fmt.Errorf("%w: %d by pingd", errLost, lost)
		}
		return nil
	})
}

func (c *failoverCmd) measure(ctx context.Context, env *environment, groups []group, f string) ([]failoverFigure, error) {
	figures := make([]failoverFigure, len(groups))
	restores := make([][]float64, len(groups))
	for r := range c.Rounds {
		for i, g := range groups {
			round, err := c.round(ctx, g, f)
			if err != nil {
				return nil, fmt.Errorf("%s of %s, round %d: %w", f, g.name, r+1, err)
			}
			env.log.Info("round", "system", g.name, "fault", f, "round", r+1, "target", round.target,
				"gap", round.gap, "acked", round.account.Acked, "lost", round.account.Lost, "switches", round.switches)
			restores[i] = append(restores[i], round.restore.Seconds())
			figure := &figures[i]
			figure.Fault, figure.System = f, g.name
			figure.Gaps = append(figure.Gaps, drive.Millis(round.gap))
			figure.Acked += round.account.Acked
			figure.Lost += round.account.Lost
			figure.Unclaimed += round.account.Unclaimed
			figure.Errors += round.errors
			if round.switches > 1 {
				figure.Twice++
			}
			figure.Restore = stats.Median(restores[i])
		}
	}
	return figures, nil
}

func (r *failoverReport) print(env *environment) error {
	if env.JSON {
		return writeJSON(env.stdout, r)
	}
	fmt.Fprintln(env.stdout, r.Machine)
	for _, note := range r.Notes {
		fmt.Fprintln(env.stdout, note)
	}
	t := table{head: []string{"fault", "system", "gap min", "median", "max ms", "acked", "lost", "two fail-overs", "unclaimed", "errors", "whole again s"}}
	for _, f := range r.Figures {
		t.add(f.Fault, f.System, millis(slices.Min(f.Gaps)), millis(stats.Median(f.Gaps)), millis(slices.Max(f.Gaps)),
			count(f.Acked), count(f.Lost), count(int64(f.Twice)), count(f.Unclaimed), count(f.Errors), fmt.Sprintf("%.1f", f.Restore))
	}
	return t.write(env.stdout)
}
