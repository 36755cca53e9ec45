package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/procs"
)

// fault is something done to a process under load.
type fault string

// The faults.
const (
	killLeader  fault = "kill-leader"  // SIGKILL, started again later
	stopLeader  fault = "stop-leader"  // SIGTERM, started again later
	pauseLeader fault = "pause-leader" // SIGSTOP, continued later
	killCounter fault = "kill-counter"
	stopCounter fault = "stop-counter"
	noFault     fault = "none"
)

var faultNames = []fault{killLeader, stopLeader, pauseLeader, killCounter, stopCounter, noFault}

// UnmarshalText takes the name of a fault.
func (f *fault) UnmarshalText(text []byte) error {
	if !slices.Contains(faultNames, fault(text)) {
		return fmt.Errorf("unknown fault %q\nhint: one of %s", text, strings.Join(asStrings(faultNames), ", "))
	}
	*f = fault(text)
	return nil
}

func asStrings[T ~string](all []T) []string {
	var texts []string
	for _, one := range all {
		texts = append(texts, string(one))
	}
	return texts
}

// FaultReport says what happened around one fault.
type FaultReport struct {
	Fault  fault   `json:"fault"`
	Target string  `json:"target"`
	At     float64 `json:"at_s"`
	Gap    float64 `json:"longest_gap_ms"` // from the fault to the next one or the end
}

// injected is a fault as it was done.
type injected struct {
	fault  fault
	target string
	at     time.Duration
}

// injector does a run's faults one after the other.
type injector struct {
	faults  []fault
	every   time.Duration
	pause   time.Duration
	restart time.Duration
	log     *slog.Logger
	cluster *procs.Cluster
	rec     *drive.Recorder

	mu   sync.Mutex
	done []injected
}

// newInjector spreads the faults evenly: n faults cut the time into n+1 parts.
func newInjector(c *Command, log *slog.Logger, cluster *procs.Cluster, rec *drive.Recorder) *injector {
	faults := slices.DeleteFunc(slices.Clone(c.Fault), func(f fault) bool { return f == noFault })
	return &injector{
		faults: faults, every: c.For / time.Duration(len(faults)+1), pause: c.PauseFor, restart: c.RestartAfter,
		log: log, cluster: cluster, rec: rec,
	}
}

// run does the faults and returns when the last one is mended.
func (in *injector) run(ctx context.Context) error {
	var mends sync.WaitGroup
	defer mends.Wait()
	failed := make(chan error, len(in.faults))
	for i, f := range in.faults {
		due := in.every*time.Duration(i+1) - in.rec.Since()
		select {
		case <-time.After(max(0, due)):
		case <-ctx.Done():
			return ctx.Err()
		}
		mend, after, err := in.inject(ctx, f)
		if err != nil {
			return err
		}
		mends.Go(func() {
			select {
			case <-time.After(after):
				if err := mend(); err != nil {
					failed <- err
				}
			case <-ctx.Done():
			}
		})
	}
	mends.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// inject does one fault and says how and when to mend it.
func (in *injector) inject(ctx context.Context, f fault) (mend func() error, after time.Duration, err error) {
	target := in.cluster.Counters[0]
	if f != killCounter && f != stopCounter {
		if target, err = in.cluster.WaitLeader(ctx); err != nil {
			return nil, 0, err
		}
	}
	at := in.rec.Since()
	in.log.Info("fault", "fault", string(f), "target", target.Name(), "at", at)
	restart := func() error { return target.Restart(ctx) }
	switch f {
	case pauseLeader:
		mend, after, err = target.Resume, in.pause, target.Pause()
	case killLeader, killCounter:
		mend, after, err = restart, in.restart, target.Kill()
	default: // a stop must end by itself; it is awaited beside the load
		mend = func() error {
			if err := target.Terminated(ctx); err != nil {
				return err
			}
			return target.Restart(ctx)
		}
		after, err = in.restart, target.BeginTerminate()
	}
	in.mu.Lock()
	in.done = append(in.done, injected{f, target.Name(), at})
	in.mu.Unlock()
	return mend, after, err
}

// reports gives each fault the longest gap up to the next one.
func (in *injector) reports() []FaultReport {
	in.mu.Lock()
	defer in.mu.Unlock()
	var reports []FaultReport
	for i, d := range in.done {
		end := in.rec.Since()
		if i+1 < len(in.done) {
			end = in.done[i+1].at
		}
		gap := in.rec.LongestWithin(d.at, end)
		reports = append(reports, FaultReport{d.fault, d.target, d.at.Seconds(), drive.Millis(gap.Long)})
	}
	return reports
}
