package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/stats"
	"pingd/integration/procs"
)

// soakCmd runs a cluster for long, under load and with one fault after the other,
// and tells whether anything grows.
type soakCmd struct {
	For     time.Duration `default:"1h" help:"How long."`
	Clients int           `default:"20" help:"Concurrent keep-alive clients."`
	Pause   time.Duration `default:"5ms" help:"Pause of each client after an answer."`
	Every   time.Duration `default:"10s" help:"Calm between two faults; what the processes hold is read at its end."`
}

// Validate refuses what is too short to tell anything.
func (c *soakCmd) Validate() error {
	if c.Clients < 1 || c.Every <= 0 || c.For < 4*c.Every {
		return errors.New("--clients and --every must be above 0, --for at least four times --every")
	}
	return nil
}

var soakFaults = []string{"kill-master", "kill-app", "pause-master", "restart-master"}

// holding is what all processes together hold at one time.
type holding struct {
	At         float64 `json:"at_s"`
	Memory     float64 `json:"memory_mib"` // proportional set size
	Files      float64 `json:"open_files"`
	Goroutines float64 `json:"goroutines"`
	Disk       float64 `json:"disk_mib"`
}

// soakReport is the result of soak.
type soakReport struct {
	Machine machine `json:"machine"`
	Seconds float64 `json:"seconds"`
	stats.Account
	Errors     int64              `json:"errors"`
	ErrorKinds map[string]int64   `json:"error_kinds,omitempty"`
	Faults     map[string]int     `json:"faults"`
	Gaps       map[string]float64 `json:"longest_gap_s"` // of each kind of fault
	Held       []holding          `json:"held"`
	Grown      []string           `json:"grown,omitempty"`
}

// errGrown is why the exit status is 1 when something does not stay flat.
var errGrown = errors.New("something grows")

// Run soaks and reports. errLost when a visit was lost, errGrown when what is held
// grew.
func (c *soakCmd) Run(ctx context.Context, env *environment) error {
	return env.withLab(func(lab *procs.Lab) error {
		dir, err := lab.Dir("machine")
		if err != nil {
			return err
		}
		report := &soakReport{Faults: map[string]int{}, Gaps: map[string]float64{}}
		if report.Machine, err = inspect(dir); err != nil {
			return err
		}
		cluster, err := startCluster(ctx, env, lab, procs.ClusterConfig{Stores: 3, Counters: 3, Proxies: 2})
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
			return fmt.Errorf("%w: %d of %d", errLost, report.Lost, report.Acked)
		case len(report.Grown) > 0:
			return fmt.Errorf("%w: %v", errGrown, report.Grown)
		}
		return nil
	})
}

func (c *soakCmd) soak(ctx context.Context, env *environment, cluster *procs.Cluster, dir string, report *soakReport) error {
	var urls []string
	for _, p := range cluster.Proxies {
		urls = append(urls, "http://"+p.HTTP+"/")
	}
	base, _, err := drive.VisitOnce(ctx, urls[0], visitTimeout)
	if err != nil {
		return err
	}
	rec := drive.NewRecorder(base)
	visiting, stop := context.WithCancel(ctx)
	defer stop()
	visited := make(chan error, 1)
	go func() {
		_, err := drive.Visits{URLs: urls, Clients: c.Clients, Pause: c.Pause, For: 2*c.For + time.Hour, Timeout: visitTimeout}.Run(visiting, rec)
		visited <- err
	}()
	err = c.roll(ctx, env, cluster, dir, rec, report)
	stop()
	if err := errors.Join(err, <-visited); err != nil {
		return err
	}
	report.Seconds = rec.Since().Seconds()
	final, failed, err := drive.VisitOnce(ctx, urls[0], visitTimeout)
	if err != nil {
		return err
	}
	report.Account = rec.Account(final - 1)
	report.Unclaimed = max(0, report.Unclaimed-int64(failed))
	report.Errors, report.ErrorKinds = rec.Errors()
	return nil
}

// roll does one fault after the other and notes what is held in between.
func (c *soakCmd) roll(ctx context.Context, env *environment, cluster *procs.Cluster, dir string, rec *drive.Recorder, report *soakReport) error {
	stack := pingdStack(cluster)
	for i := 0; rec.Since() < c.For; i++ {
		if err := pass(ctx, c.Every); err != nil {
			return err
		}
		held, err := hold(ctx, cluster, dir)
		if err != nil {
			return err
		}
		held.At = rec.Since().Seconds()
		report.Held = append(report.Held, held)
		fault := soakFaults[i%len(soakFaults)]
		at, err := stack.do(ctx, fault, rec, &hurtFigure{})
		if err != nil {
			return fmt.Errorf("%s at %.0f s: %w", fault, held.At, err)
		}
		gap := rec.LongestWithin(at, rec.Since()).Long.Seconds()
		report.Faults[fault]++
		report.Gaps[fault] = max(report.Gaps[fault], gap)
		env.log.Info("soak", "at_s", int(held.At), "fault", fault, "gap_s", gap, "memory_mib", int(held.Memory),
			"files", held.Files, "goroutines", held.Goroutines, "disk_mib", int(held.Disk))
	}
	return nil
}

// hold reads what the processes hold and what lies in their directories.
func hold(ctx context.Context, cluster *procs.Cluster, dir string) (h holding, err error) {
	for _, n := range cluster.Nodes() {
		f, err := n.Footprint()
		if err != nil {
			return h, err
		}
		h.Memory += mib(f.Memory)
		text, _, err := fetchWithHead(ctx, "http://"+n.Admin+"/metrics")
		if err != nil {
			return h, err
		}
		h.Files += metric(text, "process_open_fds")
		h.Goroutines += metric(text, "go_goroutines")
	}
	size, err := below(dir)
	h.Disk = mib(size)
	return h, err
}

// metric reads a metric without labels, 0 if there is none.
func metric(text []byte, name string) float64 {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if value, ok := bytes.CutPrefix(lines.Bytes(), []byte(name+" ")); ok {
			v, _ := strconv.ParseFloat(string(value), 64) // 0 for what is no number
			return v
		}
	}
	return 0
}

// below sums the files of the data directories; logs of processes do not count.
func below(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && (d.IsDir() || filepath.Ext(path) == ".log") {
			return nil
		}
		if err != nil {
			return err
		}
		if d.Name() == "pingd" { // the binary
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			sum += onDisk(info)
		}
		return err
	})
	return sum, err
}

// onDisk returns the space that a file takes, which is less than its size where
// pieces of it are empty.
func onDisk(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

// grown compares the second quarter of the time, when all is warm, with the last.
func grown(held []holding) (what []string) {
	quarter := len(held) / 4
	if quarter == 0 {
		return nil
	}
	for _, m := range []struct {
		name   string
		of     func(holding) float64
		factor float64 // of growth that is still noise, and what is added to it
		more   float64
	}{
		{"memory", func(h holding) float64 { return h.Memory }, 1.25, 16},
		{"open files", func(h holding) float64 { return h.Files }, 1.1, 16},
		{"goroutines", func(h holding) float64 { return h.Goroutines }, 1.1, 40},
		{"disk", func(h holding) float64 { return h.Disk }, 1.25, 200}, // logs are cut in steps
	} {
		median := func(part []holding) float64 {
			var values []float64
			for _, h := range part {
				values = append(values, m.of(h))
			}
			return stats.Median(values)
		}
		early, late := median(held[quarter:2*quarter]), median(held[len(held)-quarter:])
		if late > early*m.factor+m.more {
			what = append(what, fmt.Sprintf("%s %.0f to %.0f", m.name, early, late))
		}
	}
	return what
}

func (r *soakReport) print(env *environment) error {
	if env.JSON {
		return writeJSON(env.stdout, r)
	}
	w := env.stdout
	fmt.Fprintln(w, r.Machine)
	fmt.Fprintf(w, "%.0f s: acked %s, lost %s, twice %s, errors %s\n", r.Seconds, count(r.Acked), count(r.Lost), count(r.Duplicates), count(r.Errors))
	for _, k := range slices.Sorted(maps.Keys(r.ErrorKinds)) {
		fmt.Fprintf(w, "  %s x %s\n", count(r.ErrorKinds[k]), k)
	}
	for _, f := range slices.Sorted(maps.Keys(r.Faults)) {
		fmt.Fprintf(w, "%-15s %d times, longest gap %.2f s\n", f, r.Faults[f], r.Gaps[f])
	}
	t := table{head: []string{"at s", "memory MiB", "open files", "goroutines", "disk MiB"}}
	for i := range 9 {
		if n := len(r.Held); n > 0 {
			h := r.Held[i*(n-1)/8]
			t.add(rate(h.At), rate(h.Memory), rate(h.Files), rate(h.Goroutines), rate(h.Disk))
		}
	}
	if err := t.write(w); err != nil {
		return err
	}
	if len(r.Grown) == 0 {
		fmt.Fprintln(w, "nothing grows: the last quarter holds what the second did")
	}
	return nil
}
