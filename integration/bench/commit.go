package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pingd/integration/procs"
)

// commitCmd counts what one write costs.
type commitCmd struct {
	Only   []string      `placeholder:"SYSTEM,..." help:"Count only these: pingd, etcd, redis-wait, redis-alone."`
	Shapes []shape       `default:"1,50" help:"Loads: clients, or clients x pipeline."`
	Round  time.Duration `default:"2s" help:"Time counted, of each system and shape."`
	Log    []string      `name:"log-store" default:"wal,bolt" help:"pingd's --log-store; several are systems of their own."`
}

// Validate refuses unknown systems.
func (c *commitCmd) Validate() error { return c.stores().Validate() }

// stores is the comparison whose systems these are.
func (c *commitCmd) stores() *storeCmd {
	return &storeCmd{Only: c.Only, Shapes: c.Shapes, Rounds: 1, Round: c.Round, Log: c.Log}
}

// commitFigure is one system under one shape: what each node's disk was given, for
// each write that was acknowledged.
type commitFigure struct {
	Shape  string     `json:"shape"`
	System string     `json:"system"`
	Writes uint64     `json:"writes"`
	Nodes  []diskCost `json:"nodes"` // the leader first, where it is known
}

// diskCost is one node's, for each write.
type diskCost struct {
	Syncs float64 `json:"syncs"`
	Bytes float64 `json:"bytes"`
}

// commitReport is the result of commit.
type commitReport struct {
	Machine machine        `json:"machine"`
	Notes   []string       `json:"notes"`
	Figures []commitFigure `json:"figures"`
}

// Run starts all systems, looks on while each writes, and reports.
func (c *commitCmd) Run(ctx context.Context, env *environment) error {
	return env.withLab(func(lab *procs.Lab) error {
		dir, err := lab.Dir("machine")
		if err != nil {
			return err
		}
		report := &commitReport{}
		if report.Machine, err = inspect(dir); err != nil {
			return err
		}
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
func (c *commitCmd) count(ctx context.Context, dir string, s storeSystem, sh shape) (commitFigure, error) {
	f := commitFigure{Shape: sh.String(), System: s.name}
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
		f.Nodes = append(f.Nodes, diskCost{float64(n.syncs) / float64(f.Writes), float64(n.bytes) / float64(f.Writes)})
	}
	return f, nil
}

func (r *commitReport) print(env *environment) error {
	if env.JSON {
		return writeJSON(env.stdout, r)
	}
	fmt.Fprintln(env.stdout, r.Machine)
	for _, note := range r.Notes {
		fmt.Fprintln(env.stdout, note)
	}
	t := table{head: []string{"clients", "system", "writes", "syncs a write, each node", "bytes a write, each node"}}
	for _, f := range r.Figures {
		var syncs, size []string
		for _, n := range f.Nodes {
			syncs = append(syncs, fmt.Sprintf("%.3f", n.Syncs))
			size = append(size, rate(n.Bytes))
		}
		t.add(f.Shape, f.System, count(f.Writes), strings.Join(syncs, " "), strings.Join(size, " "))
	}
	return t.write(env.stdout)
}
