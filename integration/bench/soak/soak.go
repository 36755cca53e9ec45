package soak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/machine"
	"pingd/integration/bench/session"
	"pingd/integration/bench/show"
	"pingd/integration/bench/stack"
	"pingd/integration/bench/stats"
	"pingd/integration/procs"
)

// Command runs a cluster for long, under load and with one fault after the other,
// and tells whether anything grows.
type Command struct {
	For     time.Duration `default:"1h" help:"How long."`
	Clients int           `default:"20" help:"Concurrent keep-alive clients."`
	Pause   time.Duration `default:"5ms" help:"Pause of each client after an answer."`
	Every   time.Duration `default:"10s" help:"Calm between two faults; what the processes hold is read at its end."`
}

// Validate refuses what is too short to tell anything.
func (c *Command) Validate() error {
	if c.Clients < 1 || c.Every <= 0 || c.For < 4*c.Every {
		return errors.New("--clients and --every must be above 0, --for at least four times --every")
	}
	return nil
}

var faults = []string{"kill-master", "kill-app", "pause-master", "restart-master"}

// Report is the result of soak.
type Report struct {
	Machine machine.Machine `json:"machine"`
	Seconds float64         `json:"seconds"`
	stats.Account
	Errors     int64              `json:"errors"`
	ErrorKinds map[string]int64   `json:"error_kinds,omitempty"`
	Faults     map[string]int     `json:"faults"`
	Gaps       map[string]float64 `json:"longest_gap_s"` // of each kind of fault
	Held       []Holding          `json:"held"`
	Grown      []string           `json:"grown,omitempty"`
}

// errGrown is why the exit status is 1 when something does not stay flat.
var errGrown = errors.New("something grows")

// Run soaks and reports. session.ErrLost when a visit was lost, errGrown when what is held
// grew.
func (c *Command) Run(ctx context.Context, env *session.Session) error {
	return env.WithLab(func(lab *procs.Lab) error {
		dir, m, err := env.Inspect(lab)
		if err != nil {
			return err
		}
		report := &Report{Machine: m, Faults: map[string]int{}, Gaps: map[string]float64{}}
		cluster, err := env.StartCluster(ctx, lab, procs.ClusterConfig{Stores: 3, Counters: 3, Proxies: 2})
		if err != nil {
			return err
		}
		if err := c.soak(ctx, env, cluster, filepath.Dir(dir), report); err != nil {
			return err
		}
		report.Grown = grown(report.Held)
		if err := report.print(env); err != nil {
			return err
		}
		switch {
		case report.Lost > 0:
			return fmt.Errorf("%w: %d of %d", session.ErrLost, report.Lost, report.Acked)
		case len(report.Grown) > 0:
			return fmt.Errorf("%w: %v", errGrown, report.Grown)
		}
		return nil
	})
}

func (c *Command) soak(ctx context.Context, env *session.Session, cluster *procs.Cluster, dir string, report *Report) error {
	var urls []string
	for _, p := range cluster.Proxies {
		urls = append(urls, "http://"+p.HTTP+"/")
	}
	base, _, err := drive.VisitOnce(ctx, urls[0], stack.VisitTimeout)
	if err != nil {
		return err
	}
	rec := drive.NewRecorder(base)
	visiting, stop := context.WithCancel(ctx)
	defer stop()
	visited := make(chan error, 1)
	go func() {
		_, err := drive.Visits{URLs: urls, Clients: c.Clients, Pause: c.Pause, For: 2*c.For + time.Hour, Timeout: stack.VisitTimeout}.Run(visiting, rec)
		visited <- err
	}()
	err = c.roll(ctx, env, cluster, dir, rec, report)
	stop()
	if err := errors.Join(err, <-visited); err != nil {
		return err
	}
	report.Seconds = rec.Since().Seconds()
	final, failed, err := drive.VisitOnce(ctx, urls[0], stack.VisitTimeout)
	if err != nil {
		return err
	}
	report.Account = rec.Account(final - 1)
	report.Unclaimed = max(0, report.Unclaimed-int64(failed))
	report.Errors, report.ErrorKinds = rec.Errors()
	return nil
}

// roll does one fault after the other and notes what is held in between.
func (c *Command) roll(ctx context.Context, env *session.Session, cluster *procs.Cluster, dir string, rec *drive.Recorder, report *Report) error {
	s := stack.Pingd(cluster)
	for i := 0; rec.Since() < c.For; i++ {
		if err := session.Pass(ctx, c.Every); err != nil {
			return err
		}
		held, err := hold(ctx, cluster, dir)
		if err != nil {
			return err
		}
		held.At = rec.Since().Seconds()
		report.Held = append(report.Held, held)
		fault := faults[i%len(faults)]
		at, err := s.Do(ctx, fault, rec, &stack.Harm{})
		if err != nil {
			return fmt.Errorf("%s at %.0f s: %w", fault, held.At, err)
		}
		gap := rec.LongestWithin(at, rec.Since()).Long.Seconds()
		report.Faults[fault]++
		report.Gaps[fault] = max(report.Gaps[fault], gap)
		env.Log.Info("soak", "at_s", int(held.At), "fault", fault, "gap_s", gap, "memory_mib", int(held.Memory),
			"files", held.Files, "goroutines", held.Goroutines, "disk_mib", int(held.Disk))
	}
	return nil
}

func (r *Report) print(env *session.Session) error {
	if env.JSON {
		return show.JSON(env.Stdout, r)
	}
	w := env.Stdout
	fmt.Fprintln(w, r.Machine)
	fmt.Fprintf(w, "%.0f s: acked %s, lost %s, twice %s, errors %s\n", r.Seconds, show.Count(r.Acked), show.Count(r.Lost), show.Count(r.Duplicates), show.Count(r.Errors))
	for _, k := range slices.Sorted(maps.Keys(r.ErrorKinds)) {
		fmt.Fprintf(w, "  %s x %s\n", show.Count(r.ErrorKinds[k]), k)
	}
	for _, f := range slices.Sorted(maps.Keys(r.Faults)) {
		fmt.Fprintf(w, "%-15s %d times, longest gap %.2f s\n", f, r.Faults[f], r.Gaps[f])
	}
	t := show.Table{Head: []string{"at s", "memory MiB", "open files", "goroutines", "disk MiB"}}
	for i := range 9 {
		if n := len(r.Held); n > 0 {
			h := r.Held[i*(n-1)/8]
			t.Add(show.Rate(h.At), show.Rate(h.Memory), show.Rate(h.Files), show.Rate(h.Goroutines), show.Rate(h.Disk))
		}
	}
	if err := t.Write(w); err != nil {
		return err
	}
	if len(r.Grown) == 0 {
		fmt.Fprintln(w, "nothing grows: the last quarter holds what the second did")
	}
	return nil
}
