package tutorial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pingd/integration/bench/machine"
	"pingd/integration/bench/session"
	"pingd/integration/bench/show"
	"pingd/integration/bench/stack"
	"pingd/integration/procs"
)

// Command compares pingd with the stack that it takes the place of, part by
// part and as a whole.
type Command struct {
	Only      []string      `placeholder:"STACK,..." help:"Measure only these: tutorial, pingd."`
	For       time.Duration `default:"8s" help:"How long each round of visits takes."`
	Clients   []int         `default:"50,1" help:"Concurrent clients of the rounds, the first for the targets."`
	Rounds    int           `default:"3" help:"Rounds of visits, the stacks in turn."`
	Faults    []string      `default:"kill-app,pause-master,kill-master,restart-master,add-app" help:"What is done under load: kill-app (and start it again), pause-master (4 s), kill-master (until another leads), restart-master (kill -9, back after 0.5 s), add-app."`
	DownAfter time.Duration `default:"30s" help:"Sentinel's down-after-milliseconds; 30 s is the tutorial's."`
	Poll      time.Duration `default:"10s" help:"How often confd looks into etcd; 10 s is the tutorial's."`
	Tuned     bool          `help:"The tutorial's stack without Django's DEBUG, gunicorn's reload and access log."`
}

var (
	names  = []string{"tutorial", "pingd"}
	faults = []string{"kill-app", "pause-master", "kill-master", "restart-master", "add-app"}
)

// Validate refuses unknown names.
func (c *Command) Validate() error {
	var errs []error
	for _, name := range c.Only {
		if !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("--only=%s: unknown stack\nhint: one or more of %s", name, strings.Join(names, ",")))
		}
	}
	for _, name := range c.Faults {
		if !slices.Contains(faults, name) {
			errs = append(errs, fmt.Errorf("--faults=%s: unknown fault\nhint: one or more of %s", name, strings.Join(faults, ",")))
		}
	}
	if len(c.Clients) == 0 || slices.Min(c.Clients) < 1 || c.For <= 0 || c.Rounds < 1 || c.DownAfter <= 0 || c.Poll <= 0 {
		errs = append(errs, errors.New("--clients, --for, --rounds, --down-after and --poll must be above 0"))
	}
	return errors.Join(errs...)
}

// Report is the result of tutorial.
type Report struct {
	Machine machine.Machine `json:"machine"`
	Notes   []string        `json:"notes"`
	Visits  []stack.Visited `json:"visits"`
	Sizes   []stack.Size    `json:"sizes"`
	Faults  []stack.Harm    `json:"faults"`
	Targets []target        `json:"targets,omitempty"` // with both stacks
}

// Run measures both stacks and reports. session.ErrLost when pingd lost a visit.
func (c *Command) Run(ctx context.Context, env *session.Session) error {
	return env.WithLab(func(lab *procs.Lab) (err error) {
		_, m, err := env.Inspect(lab)
		if err != nil {
			return err
		}
		report := &Report{Machine: m, Notes: c.notes()}
		stacks, stop, err := c.start(ctx, env, lab)
		defer func() { err = errors.Join(err, stop()) }()
		if err != nil {
			return err
		}
		if err := c.measure(ctx, env, stacks, report); err != nil {
			return err
		}
		report.judge()
		if err := report.print(env); err != nil {
			return err
		}
		for _, f := range report.Faults {
			if f.Stack == "pingd" && f.Lost > 0 {
				return fmt.Errorf("%w: %d by pingd", session.ErrLost, f.Lost)
			}
		}
		return nil
	})
}

func (c *Command) notes() []string {
	set := "as written"
	if c.Tuned {
		set = "tuned (no DEBUG, reload or access log)"
	}
	return []string{
		fmt.Sprintf("tutorial: HAProxy, 3 gunicorn + Django %s, Redis master and 2 replicas, 3 Sentinels (down-after %s), etcd, confd each %s; pingd: 1 proxy, 3 counters, 3 stores", set, c.DownAfter, c.Poll),
		"rounds of visits: the tutorial's own view (INCR, then GET); faults: INCR's own answer, 20 clients, 10 ms between a client's visits; both without their monitors",
	}
}

// measure runs everything; the stack that is not measured stays paused.
func (c *Command) measure(ctx context.Context, env *session.Session, stacks []*stack.Stack, report *Report) error {
	for _, s := range stacks {
		if err := s.Alone(stacks); err != nil {
			return err
		}
		size, err := s.ColdStart(ctx)
		if err != nil {
			return fmt.Errorf("cold start of %s: %w", s.Name, err)
		}
		env.Log.Info("cold start", "stack", s.Name, "first_answer_s", size.First, "processes", size.Processes, "memory_mib", size.Memory)
		report.Sizes = append(report.Sizes, size)
	}
	if err := c.rounds(ctx, env, stacks, report); err != nil {
		return err
	}
	for i, s := range stacks {
		f, err := s.Footprint()
		if err != nil {
			return err
		}
		report.Sizes[i].Loaded = stack.MiB(f.Memory)
	}
	for _, s := range stacks {
		if err := s.Alone(stacks); err != nil {
			return err
		}
		if err := session.Pass(ctx, s.Calm); err != nil {
			return err
		}
		for _, fault := range c.Faults {
			f, err := s.Hurt(ctx, fault)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", fault, s.Name, err)
			}
			env.Log.Info("fault", "stack", s.Name, "fault", fault, "gap_s", f.Gap, "acked", f.Acked, "lost", f.Lost, "errors", f.Errors, "joined_s", f.Joined)
			report.Faults = append(report.Faults, f)
		}
	}
	return nil
}

// rounds visits the stacks in turn.
func (c *Command) rounds(ctx context.Context, env *session.Session, stacks []*stack.Stack, report *Report) error {
	for _, clients := range c.Clients {
		all := make([][]stack.Visited, len(stacks))
		for r := range c.Rounds {
			for i, s := range stacks {
				if err := s.Alone(stacks); err != nil {
					return err
				}
				f, err := s.Visit(ctx, clients, c.For)
				if err != nil {
					return fmt.Errorf("visit %s: %w", s.Name, err)
				}
				env.Log.Info("round", "stack", s.Name, "clients", clients, "round", r+1, "visits/s", show.Rate(f.Rate), "cpu_ms", f.CPU)
				all[i] = append(all[i], f)
			}
		}
		for i := range stacks {
			report.Visits = append(report.Visits, medians(all[i]))
		}
	}
	return nil
}
