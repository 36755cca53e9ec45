package clients

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pingd/integration/bench/machine"
	"pingd/integration/bench/session"
	libraries "pingd/integration/clients"
	"pingd/integration/procs"
)

// Command compares what client libraries see of a fail-over.
type Command struct {
	Only      []string      `placeholder:"SYSTEM" help:"Measure only these: pingd, redis-sentinel."`
	Libraries []string      `placeholder:"LIBRARY" help:"Measure only these: go-redis, rueidis, redigo, redis-py, ioredis, node-redis, ioredis-5, node-redis-5 (default: the first six)."`
	Faults    []string      `default:"failover,kill" help:"What happens to the leader: failover (SENTINEL FAILOVER), kill (SIGKILL, started again later)."`
	Rounds    int           `default:"5" help:"Rounds of each fault and system, in turn."`
	Patience  time.Duration `default:"15s" help:"How long after a kill to wait for libraries that do not write again before the node is started."`
	DownAfter time.Duration `default:"1s" help:"Sentinel's down-after-milliseconds."`
}

// The faults.
const (
	failover = "failover"
	kill     = "kill"
)

var (
	faultNames   = []string{failover, kill}
	libraryNames = append(libraries.Names(), "ioredis-5", "node-redis-5")
)

// Validate refuses unknown names.
func (c *Command) Validate() error {
	errs := []error{
		known("only", c.Only, systemNames, "system"),
		known("libraries", c.Libraries, libraryNames, "library"),
		known("faults", c.Faults, faultNames, "fault"),
	}
	if c.Rounds < 1 || c.Patience <= 0 || c.DownAfter <= 0 {
		errs = append(errs, fmt.Errorf("--rounds=%d, --patience=%s and --down-after=%s must be above 0", c.Rounds, c.Patience, c.DownAfter))
	}
	return errors.Join(errs...)
}

func known(flag string, given, names []string, what string) error {
	var errs []error
	for _, name := range given {
		if !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("--%s=%s: unknown %s\nhint: one or more of %s", flag, name, what, strings.Join(names, ",")))
		}
	}
	return errors.Join(errs...)
}

// Report is the result of clients.
type Report struct {
	Machine machine.Machine `json:"machine"`
	Notes   []string        `json:"notes"`
	Figures []*Figure       `json:"figures"`
	Ratios  []Ratio         `json:"ratios"`
}

// Run makes the libraries ready, starts the systems, does the faults in turn and
// reports. session.ErrLost when pingd lost a write.
func (c *Command) Run(ctx context.Context, env *session.Session) error {
	return env.WithLab(func(lab *procs.Lab) error {
		_, m, err := env.Inspect(lab)
		if err != nil {
			return err
		}
		report := &Report{Machine: m, Notes: []string{
			fmt.Sprintf("all libraries at once, each an INCR every 20 ms through its Sentinel client; Sentinel's down-after %s; rounds: %d", c.DownAfter, c.Rounds),
			"missing: acknowledged, and not in the final value; untold: in it, and acknowledged to nobody",
			"gap: longest time without an acknowledged write; again: from the fault until writes were acknowledged for good",
		}}
		ready, err := c.find(ctx, env, lab, report)
		if err != nil {
			return err
		}
		systems, err := c.start(ctx, env, lab)
		if err != nil {
			return err
		}
		if err := c.measure(ctx, env, ready, systems, report); err != nil {
			return err
		}
		if err := report.print(env); err != nil {
			return err
		}
		if lost := report.missing(systemNames[0]); lost > 0 {
			return fmt.Errorf("%w: %d by pingd", session.ErrLost, lost)
		}
		return nil
	})
}

// find makes the libraries ready that are on this machine, and notes what the others
// lack.
func (c *Command) find(ctx context.Context, env *session.Session, lab *procs.Lab, report *Report) ([]*libraries.Library, error) {
	dir, err := lab.Dir("libraries")
	if err != nil {
		return nil, err
	}
	names := c.Libraries
	if len(names) == 0 {
		names = libraries.Names()
	}
	var ready []*libraries.Library
	var missing []string
	for _, name := range names {
		env.Log.Info("making ready", "library", name)
		l, err := libraries.Find(ctx, dir, name)
		switch {
		case err == nil:
			ready = append(ready, l)
		case errors.Is(err, libraries.ErrMissing):
			env.Log.Warn("left out", "library", name, "why", err)
			missing = append(missing, "left out: "+err.Error())
		default:
			return nil, fmt.Errorf("make %s ready: %w", name, err)
		}
	}
	report.Notes = append(report.Notes, missing...)
	if len(ready) == 0 {
		return nil, fmt.Errorf("measure: %w", errors.Join(errNoLibrary, errors.New(strings.Join(missing, "\n"))))
	}
	return ready, nil
}

var errNoLibrary = errors.New("no library is ready")

// measure does every round. Which system comes first changes from round to round.
func (c *Command) measure(ctx context.Context, env *session.Session, ready []*libraries.Library, systems []*system, report *Report) error {
	for round := range c.Rounds {
		for _, fault := range c.Faults {
			order := slices.Clone(systems)
			if round%2 == 1 {
				slices.Reverse(order)
			}
			for _, s := range order {
				env.Log.Info("round", "round", round+1, "fault", fault, "system", s.name)
				seen, err := c.round(ctx, s, ready, fault, round)
				if err != nil {
					return fmt.Errorf("%s of %s, round %d: %w", fault, s.name, round+1, err)
				}
				for i, l := range ready {
					env.Log.Info("seen", "library", l.Name, "acked", seen[i].Acked, "missing", seen[i].Missing, "gap", seen[i].gap, "again", seen[i].again)
					report.figure(fault, l, s.name).add(seen[i])
				}
			}
		}
	}
	report.compare()
	return nil
}
