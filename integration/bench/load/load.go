package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/machine"
	"pingd/integration/bench/session"
	"pingd/integration/bench/show"
	"pingd/integration/bench/stats"
	"pingd/integration/procs"
)

// Command makes visits, against URLs or a cluster of its own, with faults.
type Command struct {
	URLs    []string      `arg:"" optional:"" name:"url" help:"Where to visit; several share the clients."`
	Clients int           `default:"50" help:"Concurrent keep-alive clients."`
	For     time.Duration `default:"10s" help:"How long to visit."`
	Pause   time.Duration `default:"0s" help:"Pause of each client after an answer."`
	Timeout time.Duration `default:"5s" help:"A visit without an answer for so long is an error."`
	Verify  bool          `default:"true" negatable:"" help:"Compare with the counter's value before and after; turn off when others visit too."`

	Cluster      bool          `help:"Start a cluster, visit its proxies, and stop it."`
	Stores       int           `default:"3" help:"With --cluster: stores."`
	Counters     int           `default:"3" help:"With --cluster: counters."`
	Proxies      int           `default:"2" help:"With --cluster: proxies."`
	Fault        []fault       `placeholder:"FAULT,..." help:"With --cluster, evenly spread over the time: kill-leader, pause-leader, stop-leader (SIGTERM), kill-counter, stop-counter, none."`
	PauseFor     time.Duration `default:"4s" help:"How long pause-leader lasts."`
	RestartAfter time.Duration `default:"2s" help:"When what a fault ended is started again."`
}

// Validate refuses what makes no sense together.
func (c *Command) Validate() error {
	var errs []error
	if c.Cluster == (len(c.URLs) > 0) {
		errs = append(errs, errors.New("give either a URL to visit or --cluster\nhint: bench load http://127.0.0.1:8080/"))
	}
	if len(c.Fault) > 0 && !c.Cluster {
		errs = append(errs, errors.New("--fault works on a cluster of its own\nhint: bench load --cluster --fault=kill-leader"))
	}
	if c.Clients < 1 || c.For <= 0 {
		errs = append(errs, fmt.Errorf("--clients=%d and --for=%s must be above 0", c.Clients, c.For))
	}
	if c.Cluster && (c.Stores < 1 || c.Counters < 1 || c.Proxies < 1) {
		errs = append(errs, errors.New("a cluster needs at least one store, counter and proxy"))
	}
	return errors.Join(errs...)
}

// Report is the result of load.
type Report struct {
	Machine machine.Machine `json:"machine"`
	Clients int             `json:"clients"`
	Seconds float64         `json:"seconds"`
	stats.Account
	Verified   bool             `json:"verified"` // the final value was read and compared
	Errors     int64            `json:"errors"`
	ErrorKinds map[string]int64 `json:"error_kinds,omitempty"`
	LongestGap float64          `json:"longest_gap_ms"`
	drive.Result
	CPU    []RoleCPU     `json:"cpu_per_visit,omitempty"` // with --cluster, without faults
	Faults []FaultReport `json:"faults,omitempty"`
}

// Run visits and reports. session.ErrLost when a visit was lost.
func (c *Command) Run(ctx context.Context, env *session.Session) error {
	return env.WithLab(func(lab *procs.Lab) error {
		_, m, err := env.Inspect(lab)
		if err != nil {
			return err
		}
		report, err := c.measure(ctx, env, lab)
		if err != nil {
			return err
		}
		report.Machine = m
		if err := report.print(env); err != nil {
			return err
		}
		if report.Lost > 0 {
			return fmt.Errorf("%w: %d of %d", session.ErrLost, report.Lost, report.Acked)
		}
		return nil
	})
}

func (c *Command) measure(ctx context.Context, env *session.Session, lab *procs.Lab) (*Report, error) {
	urls := c.URLs
	var cluster *procs.Cluster
	if c.Cluster {
		var err error
		if cluster, err = env.StartCluster(ctx, lab, procs.ClusterConfig{Stores: c.Stores, Counters: c.Counters, Proxies: c.Proxies}); err != nil {
			return nil, err
		}
		for _, p := range cluster.Proxies {
			urls = append(urls, "http://"+p.HTTP+"/")
		}
	}
	base, _, err := drive.VisitOnce(ctx, urls[0], c.Timeout)
	if err != nil {
		return nil, err
	}
	var cpu *cpuWatch
	if c.Cluster && len(c.Fault) == 0 { // a process that a fault ends takes its figures along
		if cpu, err = watchCPU(ctx, cluster); err != nil {
			return nil, err
		}
	}
	rec := drive.NewRecorder(base)
	faults := newInjector(c, env.Log, cluster, rec)
	faultsDone := make(chan error, 1)
	go func() { faultsDone <- faults.run(ctx) }()
	h, loadErr := drive.Visits{URLs: urls, Clients: c.Clients, For: c.For, Pause: c.Pause, Timeout: c.Timeout}.Run(ctx, rec)
	during := rec.Since()
	if err := errors.Join(loadErr, <-faultsDone); err != nil {
		return nil, err
	}
	perVisit, err := cpu.perVisit(int64(h.Count()))
	if err != nil {
		return nil, err
	}
	account, err := c.settle(ctx, urls[0], rec)
	if err != nil {
		return nil, err
	}
	errs, kinds := rec.Errors()
	return &Report{
		Clients: c.Clients, Seconds: during.Seconds(), Account: account, Verified: c.Verify,
		Errors: errs, ErrorKinds: kinds, LongestGap: drive.Millis(rec.Longest().Long),
		Result: drive.NewResult(h, during), Faults: faults.reports(), CPU: perVisit,
	}, nil
}

// settle visits once more to learn the counter's final value.
func (c *Command) settle(ctx context.Context, url string, rec *drive.Recorder) (stats.Account, error) {
	if !c.Verify {
		return rec.Account(1 << 62), nil // only numbers given twice can be told
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	last, failed, err := drive.VisitOnce(ctx, url, c.Timeout)
	if err != nil {
		return stats.Account{}, fmt.Errorf("learn the final value: %w", err)
	}
	account := rec.Account(last - 1)
	account.Unclaimed = max(0, account.Unclaimed-int64(failed)) // may be our own failed tries
	return account, nil
}

func (r *Report) print(env *session.Session) error {
	if !r.Verified {
		r.Unclaimed, r.Final = 0, 0
	}
	if env.JSON {
		return show.JSON(env.Stdout, r)
	}
	w := env.Stdout
	fmt.Fprintln(w, r.Machine)
	fmt.Fprintf(w, "%d clients for %.1f s\n", r.Clients, r.Seconds)
	fmt.Fprintf(w, "  acked       %s\n  lost        %s\n  duplicates  %s\n", show.Count(r.Acked), show.Count(r.Lost), show.Count(r.Duplicates))
	if r.Verified {
		fmt.Fprintf(w, "  unclaimed   %s (counted, and no client got the number)\n", show.Count(r.Unclaimed))
	} else {
		fmt.Fprintln(w, "  not compared with the counter's value: only numbers given twice are lost ones")
	}
	fmt.Fprintf(w, "  errors      %s\n", show.Count(r.Errors))
	for _, k := range slices.Sorted(maps.Keys(r.ErrorKinds)) {
		fmt.Fprintf(w, "              %s x %s\n", show.Count(r.ErrorKinds[k]), k)
	}
	fmt.Fprintf(w, "  longest gap %s ms\n  req/s       %s\n  p50 %s ms, p99 %s ms, max %s ms\n",
		show.Millis(r.LongestGap), show.Rate(r.Ops), show.Millis(r.P50), show.Millis(r.P99), show.Millis(r.Max))
	printCPU(w, r.CPU)
	for _, f := range r.Faults {
		fmt.Fprintf(w, "  %-12s %s at %.1f s: longest gap %s ms\n", f.Fault, f.Target, f.At, show.Millis(f.Gap))
	}
	return nil
}
