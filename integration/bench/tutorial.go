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

// tutorialCmd compares pingd with the stack that it takes the place of, part by
// part and as a whole.
type tutorialCmd struct {
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
	tutorialNames  = []string{"tutorial", "pingd"}
	tutorialFaults = []string{"kill-app", "pause-master", "kill-master", "restart-master", "add-app"}
)

// Validate refuses unknown names.
func (c *tutorialCmd) Validate() error {
	var errs []error
	for _, name := range c.Only {
		if !slices.Contains(tutorialNames, name) {
			errs = append(errs, fmt.Errorf("--only=%s: unknown stack\nhint: one or more of %s", name, strings.Join(tutorialNames, ",")))
		}
	}
	for _, name := range c.Faults {
		if !slices.Contains(tutorialFaults, name) {
			errs = append(errs, fmt.Errorf("--faults=%s: unknown fault\nhint: one or more of %s", name, strings.Join(tutorialFaults, ",")))
		}
	}
	if len(c.Clients) == 0 || slices.Min(c.Clients) < 1 || c.For <= 0 || c.Rounds < 1 || c.DownAfter <= 0 || c.Poll <= 0 {
		errs = append(errs, errors.New("--clients, --for, --rounds, --down-after and --poll must be above 0"))
	}
	return errors.Join(errs...)
}

// visitFigure is one stack under a number of clients, medians of the rounds.
type visitFigure struct {
	Stack      string  `json:"stack"`
	Clients    int     `json:"clients"`
	Rate       float64 `json:"visits_per_s"`
	P50        float64 `json:"p50_ms"`
	P99        float64 `json:"p99_ms"`
	CPU        float64 `json:"cpu_ms_per_visit"` // of all processes of the stack
	Acked      int64   `json:"acked"`            // over all rounds
	Duplicates int64   `json:"duplicates"`
	Errors     int64   `json:"errors"`
}

// sizeFigure is what a stack occupies at rest, and how soon it answers.
type sizeFigure struct {
	Stack     string  `json:"stack"`
	Processes int     `json:"processes"`
	Memory    float64 `json:"memory_mib"`   // proportional set size of all
	Loaded    float64 `json:"loaded_mib"`   // the same after the rounds
	First     float64 `json:"first_answer"` // seconds after all processes are started at once
}

// hurtFigure is one stack under one fault.
type hurtFigure struct {
	Fault      string  `json:"fault"`
	Stack      string  `json:"stack"`
	Gap        float64 `json:"gap_s"`
	Acked      int64   `json:"acked"`
	Lost       int64   `json:"lost"`
	Duplicates int64   `json:"duplicates"`
	Errors     int64   `json:"errors"`
	Joined     float64 `json:"joined_s,omitempty"` // of add-app: from registered to its first answer
}

// tutorialReport is the result of tutorial.
type tutorialReport struct {
	Machine machine       `json:"machine"`
	Notes   []string      `json:"notes"`
	Visits  []visitFigure `json:"visits"`
	Sizes   []sizeFigure  `json:"sizes"`
	Faults  []hurtFigure  `json:"faults"`
	Targets []target      `json:"targets,omitempty"` // with both stacks
}

// Run measures both stacks and reports. errLost when pingd lost a visit.
func (c *tutorialCmd) Run(ctx context.Context, env *environment) error {
	return env.withLab(func(lab *procs.Lab) (err error) {
		dir, err := lab.Dir("machine")
		if err != nil {
			return err
		}
		report := &tutorialReport{Notes: c.notes()}
		if report.Machine, err = inspect(dir); err != nil {
			return err
		}
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
				return fmt.Errorf("%w: %d by pingd", errLost, f.Lost)
			}
		}
		return nil
	})
}

func (c *tutorialCmd) notes() []string {
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
func (c *tutorialCmd) measure(ctx context.Context, env *environment, stacks []*visitStack, report *tutorialReport) error {
	for _, s := range stacks {
		if err := s.alone(stacks); err != nil {
			return err
		}
		size, err := s.coldStart(ctx)
		if err != nil {
			return fmt.Errorf("cold start of %s: %w", s.name, err)
		}
		env.log.Info("cold start", "stack", s.name, "first_answer_s", size.First, "processes", size.Processes, "memory_mib", size.Memory)
		report.Sizes = append(report.Sizes, size)
	}
	if err := c.rounds(ctx, env, stacks, report); err != nil {
		return err
	}
	for i, s := range stacks {
		f, err := s.footprint()
		if err != nil {
			return err
		}
		report.Sizes[i].Loaded = mib(f.Memory)
	}
	for _, s := range stacks {
		if err := s.alone(stacks); err != nil {
			return err
		}
		if err := pass(ctx, s.calm); err != nil {
			return err
		}
		for _, fault := range c.Faults {
			f, err := s.hurt(ctx, fault)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", fault, s.name, err)
			}
			env.log.Info("fault", "stack", s.name, "fault", fault, "gap_s", f.Gap, "acked", f.Acked, "lost", f.Lost, "errors", f.Errors, "joined_s", f.Joined)
			report.Faults = append(report.Faults, f)
		}
	}
	return nil
}

// rounds visits the stacks in turn.
func (c *tutorialCmd) rounds(ctx context.Context, env *environment, stacks []*visitStack, report *tutorialReport) error {
	for _, clients := range c.Clients {
		all := make([][]visitFigure, len(stacks))
		for r := range c.Rounds {
			for i, s := range stacks {
				if err := s.alone(stacks); err != nil {
					return err
				}
				f, err := s.visit(ctx, clients, c.For)
				if err != nil {
					return fmt.Errorf("visit %s: %w", s.name, err)
				}
				env.log.Info("round", "stack", s.name, "clients", clients, "round", r+1, "visits/s", rate(f.Rate), "cpu_ms", f.CPU)
				all[i] = append(all[i], f)
			}
		}
		for i := range stacks {
			report.Visits = append(report.Visits, medians(all[i]))
		}
	}
	return nil
}

// medians gathers the rounds of one stack.
func medians(rounds []visitFigure) visitFigure {
	of := func(field func(visitFigure) float64) float64 {
		var values []float64
		for _, r := range rounds {
			values = append(values, field(r))
		}
		return stats.Median(values)
	}
	f := visitFigure{Stack: rounds[0].Stack, Clients: rounds[0].Clients}
	f.Rate = of(func(f visitFigure) float64 { return f.Rate })
	f.P50 = of(func(f visitFigure) float64 { return f.P50 })
	f.P99 = of(func(f visitFigure) float64 { return f.P99 })
	f.CPU = of(func(f visitFigure) float64 { return f.CPU })
	for _, r := range rounds {
		f.Acked += r.Acked
		f.Duplicates += r.Duplicates
		f.Errors += r.Errors
	}
	return f
}

// visit makes one round of visits as the tutorial's view answers them.
func (s *visitStack) visit(ctx context.Context, clients int, takes time.Duration) (f visitFigure, err error) {
	base, _, err := drive.VisitOnce(ctx, s.url, visitTimeout)
	if err != nil {
		return f, err
	}
	before, err := s.cpu()
	if err != nil {
		return f, err
	}
	rec := drive.NewRecorder(base)
	h, err := drive.Visits{URLs: []string{s.url}, Clients: clients, For: takes, Timeout: visitTimeout}.Run(ctx, rec)
	if err != nil {
		return f, err
	}
	during := rec.Since()
	after, err := s.cpu()
	if err != nil {
		return f, err
	}
	a := rec.Account(1 << 62)
	result := drive.NewResult(h, during)
	errs, _ := rec.Errors()
	return visitFigure{
		Stack: s.name, Clients: clients, Rate: result.Ops, P50: result.P50, P99: result.P99,
		CPU: drive.Millis(after-before) / float64(max(1, a.Acked)), Acked: a.Acked, Duplicates: a.Duplicates, Errors: errs,
	}, nil
}
