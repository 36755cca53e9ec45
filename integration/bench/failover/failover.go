package failover

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

// Command measures how long nobody is answered when the leader goes.
type Command struct {
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
	names  = []string{"pingd", "redis-sentinel"}
	faults = []string{"kill", "terminate", "pause"}
)

// Validate refuses unknown names.
func (c *Command) Validate() error {
	var errs []error
	for _, name := range c.Only {
		if !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("--only=%s: unknown system\nhint: one or more of %s", name, strings.Join(names, ",")))
		}
	}
	for _, name := range c.Faults {
		if !slices.Contains(faults, name) {
			errs = append(errs, fmt.Errorf("--faults=%s: unknown fault\nhint: one or more of %s", name, strings.Join(faults, ",")))
		}
	}
	if c.Rounds < 1 || c.Try <= 0 {
		errs = append(errs, fmt.Errorf("--rounds=%d and --try=%s must be above 0", c.Rounds, c.Try))
	}
	return errors.Join(errs...)
}

// Figure is one system under one fault.
type Figure struct {
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

// Report is the result of failover.
type Report struct {
	Machine machine.Machine `json:"machine"`
	Notes   []string        `json:"notes"`
	Figures []Figure        `json:"figures"`
}

// Run starts the systems, does the faults in turn and reports. session.ErrLost when
// pingd lost a write.
func (c *Command) Run(ctx context.Context, env *session.Session) error {
	return env.WithLab(func(lab *procs.Lab) error {
		_, m, err := env.Inspect(lab)
		if err != nil {
			return err
		}
		report := &Report{Machine: m, Notes: []string{fmt.Sprintf(
			"one client, INCR every %s, a try is given up after %s; gap = longest time without an acknowledged write around the fault", c.Every, c.Try)}}
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
			return fmt.Errorf("%w: %d by pingd", session.ErrLost, lost)
		}
		return nil
	})
}

func (c *Command) measure(ctx context.Context, env *session.Session, groups []group, f string) ([]Figure, error) {
	figures := make([]Figure, len(groups))
	restores := make([][]float64, len(groups))
	for r := range c.Rounds {
		for i, g := range groups {
			round, err := c.round(ctx, g, f)
			if err != nil {
				return nil, fmt.Errorf("%s of %s, round %d: %w", f, g.name, r+1, err)
			}
			env.Log.Info("round", "system", g.name, "fault", f, "round", r+1, "target", round.target,
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

func (r *Report) print(env *session.Session) error {
	if env.JSON {
		return show.JSON(env.Stdout, r)
	}
	fmt.Fprintln(env.Stdout, r.Machine)
	for _, note := range r.Notes {
		fmt.Fprintln(env.Stdout, note)
	}
	t := show.Table{Head: []string{"fault", "system", "gap min", "median", "max ms", "acked", "lost", "two fail-overs", "unclaimed", "errors", "whole again s"}}
	for _, f := range r.Figures {
		t.Add(f.Fault, f.System, show.Millis(slices.Min(f.Gaps)), show.Millis(stats.Median(f.Gaps)), show.Millis(slices.Max(f.Gaps)),
			show.Count(f.Acked), show.Count(f.Lost), show.Count(int64(f.Twice)), show.Count(f.Unclaimed), show.Count(f.Errors), fmt.Sprintf("%.1f", f.Restore))
	}
	return t.Write(env.Stdout)
}
