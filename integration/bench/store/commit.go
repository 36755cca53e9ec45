package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pingd/integration/bench/machine"
	"pingd/integration/bench/session"
	"pingd/integration/bench/show"
	"pingd/integration/procs"
)

// CommitCommand counts what one write costs.
type CommitCommand struct {
	Only   []string      `placeholder:"SYSTEM,..." help:"Count only these: pingd, etcd, redis-wait, redis-alone."`
	Shapes []shape       `default:"1,50" help:"Loads: clients, or clients x pipeline."`
	Round  time.Duration `default:"2s" help:"Time counted, of each system and shape."`
	Log    []string      `name:"log-store" default:"wal,bolt" help:"pingd's --log-store; several are systems of their own."`
}

// Validate refuses unknown systems.
func (c *CommitCommand) Validate() error { return c.stores().Validate() }

// stores is the comparison whose systems these are.
func (c *CommitCommand) stores() *Command {
	return &Command{Only: c.Only, Shapes: c.Shapes, Rounds: 1, Round: c.Round, Log: c.Log}
}

// CommitFigure is one system under one shape: what each node's disk was given, for
// each write that was acknowledged.
type CommitFigure struct {
	Shape  string     `json:"shape"`
	System string     `json:"system"`
	Writes uint64     `json:"writes"`
	Nodes  []DiskCost `json:"nodes"` // the leader first, where it is known
}

// DiskCost is one node's, for each write.
type DiskCost struct {
	Syncs float64 `json:"syncs"`
	Bytes float64 `json:"bytes"`
}

// CommitReport is the result of commit.
type CommitReport struct {
	Machine machine.Machine `json:"machine"`
	Notes   []string        `json:"notes"`
	Figures []CommitFigure  `json:"figures"`
}

// Run starts all systems, looks on while each writes, and reports.
func (c *CommitCommand) Run(ctx context.Context, env *session.Session) error {
	return env.WithLab(func(lab *procs.Lab) error {
		dir, m, err := env.Inspect(lab)
		if err != nil {
			return err
		}
		report := &CommitReport{Machine: m}
		systems, err := c.stores().start(ctx, env, lab)
		if err != nil {
			return err
		}
		for _, s := range systems {
			report.Notes = append(report.Notes, s.name+": "+s.note)
		}
		for _, sh := range c.Shapes {
			for _, s := range systems {
				f, err := c.count(ctx, dir, s, sh)
				if err != nil {
					return fmt.Errorf("%s, %s clients: %w", s.name, sh, err)
				}
				report.Figures = append(report.Figures, f)
			}
		}
		return report.print(env)
	})
}

// count runs one load with a tracer on each of the system's processes, which makes
// it slow: only the numbers of calls mean something.
func (c *CommitCommand) count(ctx context.Context, dir string, s system, sh shape) (CommitFigure, error) {
	f := CommitFigure{Shape: sh.String(), System: s.name}
	var tracers []*tracer
	end := func() (costs []diskCalls, err error) {
		for _, t := range tracers {
			calls, endErr := t.end()
			costs = append(costs, calls)
			if err == nil {
				err = endErr
			}
		}
		tracers = nil
		return costs, err
	}
	defer func() { _, _ = end() }() // on an error
	for _, pid := range s.pids() {
		t, err := traceDisk(ctx, dir, pid)
		if err != nil {
			return f, err
		}
		tracers = append(tracers, t)
	}
	result, err := s.round(ctx, sh, 0, c.Round)
	if err != nil {
		return f, err
	}
	costs, err := end()
	if err != nil {
		return f, err
	}
	f.Writes = result.Samples
	for _, n := range costs {
		f.Nodes = append(f.Nodes, DiskCost{float64(n.syncs) / float64(f.Writes), float64(n.bytes) / float64(f.Writes)})
	}
	return f, nil
}

func (r *CommitReport) print(env *session.Session) error {
	if env.JSON {
		return show.JSON(env.Stdout, r)
	}
	fmt.Fprintln(env.Stdout, r.Machine)
	for _, note := range r.Notes {
		fmt.Fprintln(env.Stdout, note)
	}
	t := show.Table{Head: []string{"clients", "system", "writes", "syncs a write, each node", "bytes a write, each node"}}
	for _, f := range r.Figures {
		var syncs, size []string
		for _, n := range f.Nodes {
			syncs = append(syncs, fmt.Sprintf("%.3f", n.Syncs))
			size = append(size, show.Rate(n.Bytes))
		}
		t.Add(f.Shape, f.System, show.Count(f.Writes), strings.Join(syncs, " "), strings.Join(size, " "))
	}
	return t.Write(env.Stdout)
}
