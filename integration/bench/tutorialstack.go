package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/procs"
	"pingd/integration/procs/peers"
)

// visitTimeout is how long a visitor waits.
const visitTimeout = 5 * time.Second

// errNoVisitYet is what asking a new application gives that nobody was sent to.
var errNoVisitYet = errors.New("no visit yet")

// visitStack is a whole stack that counts visits.
type visitStack struct {
	name      string
	url       string // as the tutorial's view answers
	own       string // the number is that of the visit itself
	processes func() []*procs.Process
	leader    func(ctx context.Context) (*procs.Process, error)
	app       func() *procs.Process
	whole     func(ctx context.Context) error // waits until the next fault is fair
	// addApp starts an application and registers it; answered asks whether it has
	// answered a visit.
	addApp func(ctx context.Context) (registered time.Time, answered func(context.Context) error, err error)

	calm   time.Duration // after a pause, until faults are treated as ever
	paused bool
}

// sentinelTilt is how long a Sentinel that stood still does nothing, with a margin.
const sentinelTilt = 32 * time.Second

// start starts the stacks asked for. stop ends what runs beside the processes; it
// is never nil.
func (c *tutorialCmd) start(ctx context.Context, env *environment, lab *procs.Lab) (stacks []*visitStack, stop func() error, err error) {
	stop = func() error { return nil }
	starting, cancel := context.WithTimeout(ctx, 2*startWithin)
	defer cancel()
	wanted := func(name string) bool { return len(c.Only) == 0 || slices.Contains(c.Only, name) }
	if wanted("tutorial") {
		t, err := peers.StartTutorial(starting, lab, peers.TutorialConfig{Apps: 3, DownAfter: c.DownAfter, Poll: c.Poll, Tuned: c.Tuned})
		if err != nil {
			return nil, stop, err
		}
		watching, end := context.WithCancel(ctx)
		done := make(chan error, 1)
		s := tutorialStack(t)
		go func() { done <- t.Confd(watching) }()
		stop = func() error { end(); return <-done }
		stacks = append(stacks, s)
	}
	if wanted("pingd") {
		cluster, err := startCluster(starting, env, lab, procs.ClusterConfig{Stores: 3, Counters: 3, Proxies: 1})
		if err != nil {
			return nil, stop, err
		}
		stacks = append(stacks, pingdStack(cluster))
	}
	return stacks, stop, nil
}

func tutorialStack(t *peers.Tutorial) *visitStack {
	url := "http://" + t.Addr + "/"
	return &visitStack{
		name: "tutorial", url: url, own: url + "own", processes: t.Processes, leader: t.Master,
		app:   func() *procs.Process { return t.Apps[0] },
		whole: t.Redis.WaitCalm, calm: sentinelTilt,
		addApp: func(ctx context.Context) (time.Time, func(context.Context) error, error) {
			name, at, err := t.AddApp(ctx)
			return at, func(ctx context.Context) error {
				_, head, err := fetchWithHead(ctx, url+"own")
				if err == nil && head.Get("X-Server") != name {
					err = errNoVisitYet
				}
				return err
			}, err
		},
	}
}

func pingdStack(c *procs.Cluster) *visitStack {
	url := "http://" + c.Proxies[0].HTTP + "/"
	return &visitStack{
		name: "pingd", url: url, own: url,
		processes: func() (all []*procs.Process) {
			for _, n := range c.Nodes() {
				all = append(all, n.Process)
			}
			return all
		},
		leader: func(ctx context.Context) (*procs.Process, error) {
			n, err := c.WaitLeader(ctx)
			if err != nil {
				return nil, err
			}
			return n.Process, nil
		},
		app: func() *procs.Process { return c.Counters[0].Process },
		whole: func(ctx context.Context) error {
			_, err := c.WaitWhole(ctx)
			return err
		},
		addApp: func(ctx context.Context) (at time.Time, answered func(context.Context) error, err error) {
			n, err := c.AddCounter(ctx)
			if err != nil {
				return at, nil, err
			}
			// It registers itself once it listens.
			if err := n.WaitReady(ctx, procs.Listens(n.HTTP)); err != nil {
				return at, nil, err
			}
			return time.Now(), func(ctx context.Context) error {
				body, _, err := fetchWithHead(ctx, "http://"+n.Admin+"/status")
				if err != nil {
					return err
				}
				var status struct {
					Roles struct{ Counter struct{ Visits int64 } }
				}
				if err := json.Unmarshal(body, &status); err != nil {
					return fmt.Errorf("read status: %w", err)
				}
				if status.Roles.Counter.Visits == 0 {
					return errNoVisitYet
				}
				return nil
			}, nil
		},
	}
}

// fetchWithHead gets a URL over a connection of its own.
func fetchWithHead(ctx context.Context, url string) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("ask %s: %w", url, err)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return body, res.Header, err
}

// alone lets this stack run and pauses the others: a stack at rest takes
// processor time too. It then waits until the stack is whole.
func (s *visitStack) alone(all []*visitStack) error {
	for _, other := range all {
		if other == s || other.paused {
			continue
		}
		for _, p := range other.processes() {
			if err := p.Pause(); err != nil {
				return err
			}
		}
		other.paused = true
	}
	if !s.paused {
		return nil
	}
	for _, p := range s.processes() {
		if err := p.Resume(); err != nil {
			return err
		}
	}
	s.paused = false
	return nil
}

func (s *visitStack) cpu() (sum time.Duration, err error) {
	for _, p := range s.processes() {
		u, err := p.Usage()
		if err != nil {
			return 0, err
		}
		sum += u.CPU()
	}
	return sum, nil
}

func (s *visitStack) footprint() (sum procs.Footprint, err error) {
	for _, p := range s.processes() {
		f, err := p.Footprint()
		if err != nil {
			return sum, err
		}
		sum.Processes += f.Processes
		sum.Memory += f.Memory
	}
	return sum, nil
}

// coldStart ends every process, starts all at once and waits for an answer.
func (s *visitStack) coldStart(ctx context.Context) (size sizeFigure, err error) {
	all := s.processes()
	for _, p := range all {
		if err := p.Kill(); err != nil {
			return size, err
		}
	}
	began := time.Now()
	for _, p := range all {
		if err := p.Restart(ctx); err != nil {
			return size, err
		}
	}
	err = within(ctx, startWithin, func(ctx context.Context) error {
		_, _, err := drive.VisitOnce(ctx, s.url, visitTimeout)
		return err
	})
	if err != nil {
		return size, err
	}
	first := time.Since(began).Seconds()
	if err := within(ctx, wholeWithin, s.whole); err != nil {
		return size, err
	}
	f, err := s.footprint()
	return sizeFigure{Stack: s.name, Processes: f.Processes, Memory: mib(f.Memory), First: first}, err
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
