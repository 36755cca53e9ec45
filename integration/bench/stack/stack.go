package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/session"
	"pingd/integration/procs"
	"pingd/integration/procs/peers"
)

// VisitTimeout is how long a visitor waits.
const VisitTimeout = 5 * time.Second

// errNoVisitYet is what asking a new application gives that nobody was sent to.
var errNoVisitYet = errors.New("no visit yet")

// Stack is a whole stack that counts visits.
type Stack struct {
	Name      string        // as in the tables
	Calm      time.Duration // after a pause, until faults are treated as ever
	url       string        // as the tutorial's view answers
	own       string        // the number is that of the visit itself
	processes func() []*procs.Process
	leader    func(ctx context.Context) (*procs.Process, error)
	app       func() *procs.Process
	whole     func(ctx context.Context) error // waits until the next fault is fair
	// addApp starts an application and registers it; answered asks whether it has
	// answered a visit.
	addApp func(ctx context.Context) (registered time.Time, answered func(context.Context) error, err error)

	paused bool
}

// sentinelTilt is how long a Sentinel that stood still does nothing, with a margin.
const sentinelTilt = 32 * time.Second

// Tutorial is the usual stack of parts.
func Tutorial(t *peers.Tutorial) *Stack {
	url := "http://" + t.Addr + "/"
	return &Stack{
		Name: "tutorial", url: url, own: url + "own", processes: t.Processes, leader: t.Master,
		app:   func() *procs.Process { return t.Apps[0] },
		whole: t.Redis.WaitCalm, Calm: sentinelTilt,
		addApp: func(ctx context.Context) (time.Time, func(context.Context) error, error) {
			name, at, err := t.AddApp(ctx)
			return at, func(ctx context.Context) error {
				_, head, err := Fetch(ctx, url+"own")
				if err == nil && head.Get("X-Server") != name {
					err = errNoVisitYet
				}
				return err
			}, err
		},
	}
}

// Pingd is a cluster behind its first proxy.
func Pingd(c *procs.Cluster) *Stack {
	url := "http://" + c.Proxies[0].HTTP + "/"
	return &Stack{
		Name: "pingd", url: url, own: url,
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
				body, _, err := Fetch(ctx, "http://"+n.Admin+"/status")
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

// Fetch gets a URL over a connection of its own.
func Fetch(ctx context.Context, url string) ([]byte, http.Header, error) {
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

// Alone lets this stack run and pauses the others: a stack at rest takes
// processor time too. Faults are treated as
// ever only after Calm.
func (s *Stack) Alone(all []*Stack) error {
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

func (s *Stack) cpu() (sum time.Duration, err error) {
	for _, p := range s.processes() {
		u, err := p.Usage()
		if err != nil {
			return 0, err
		}
		sum += u.CPU()
	}
	return sum, nil
}

// Footprint sums the footprints of all processes.
func (s *Stack) Footprint() (sum procs.Footprint, err error) {
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

// ColdStart ends every process, starts all at once and waits for an answer.
func (s *Stack) ColdStart(ctx context.Context) (size Size, err error) {
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
	err = session.Within(ctx, session.StartWithin, func(ctx context.Context) error {
		_, _, err := drive.VisitOnce(ctx, s.url, VisitTimeout)
		return err
	})
	if err != nil {
		return size, err
	}
	first := time.Since(began).Seconds()
	if err := session.Within(ctx, wholeWithin, s.whole); err != nil {
		return size, err
	}
	f, err := s.Footprint()
	return Size{Stack: s.Name, Processes: f.Processes, Memory: MiB(f.Memory), First: first}, err
}

// MiB is bytes in units of 1,048,576.
func MiB(bytes int64) float64 { return float64(bytes) / (1 << 20) }
