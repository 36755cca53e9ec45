package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/stats"
	"pingd/integration/procs"
	"pingd/integration/procs/peers"
)

// proxyCmd compares proxies before the same backends.
type proxyCmd struct {
	Only     []string      `placeholder:"PROXY,..." help:"Measure only these: pingd, haproxy, nginx."`
	Clients  []int         `default:"64" help:"Concurrent keep-alive clients; several are measured one after the other."`
	Backends int           `default:"3" help:"nginx processes that answer at once."`
	Bytes    int           `default:"5" help:"Size of an answer's body."`
	Rounds   int           `default:"3" help:"Rounds of each proxy, in turn."`
	Round    time.Duration `default:"2s" help:"Time measured in a round, whole seconds."`
	Threads  int           `default:"2" help:"HAProxy's threads, nginx's workers and pingd's GOMAXPROCS."`
}

var proxyNames = []string{"pingd", "haproxy", "nginx"}

// Validate refuses what wrk or the proxies would not take.
func (c *proxyCmd) Validate() error {
	var errs []error
	for _, name := range c.Only {
		if !slices.Contains(proxyNames, name) {
			errs = append(errs, fmt.Errorf("--only=%s: unknown proxy\nhint: one or more of %s", name, strings.Join(proxyNames, ",")))
		}
	}
	if c.Round < time.Second || c.Round%time.Second != 0 {
		errs = append(errs, fmt.Errorf("--round=%s: want whole seconds\nhint: --round=2s", c.Round))
	}
	if c.Rounds < 1 || c.Backends < 1 || c.Threads < 1 || c.Bytes < 1 || c.Bytes > 1<<20 || slices.Min(c.Clients) < 1 {
		errs = append(errs, errors.New("--rounds, --backends, --threads, --clients and --bytes (to 1 MiB) must be above 0"))
	}
	return errors.Join(errs...)
}

// proxyFigure is one proxy under one number of clients; medians over rounds.
type proxyFigure struct {
	Clients  int     `json:"clients"`
	Proxy    string  `json:"proxy"`
	CPU      float64 `json:"cpu_us"` // per request, user and system
	User     float64 `json:"user_us"`
	Rate     float64 `json:"req_s"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	RSS      float64 `json:"rss_mib"`
	Failed   int64   `json:"failed"`      // all rounds
	CPURatio float64 `json:"cpu_ratio"`   // to proxyReport.Base: HAProxy if measured, else the first
	ReqRatio float64 `json:"req_s_ratio"` // the same
}

// proxyReport is the result of proxy.
type proxyReport struct {
	Machine machine       `json:"machine"`
	Base    string        `json:"ratio_to"`
	Figures []proxyFigure `json:"figures"`
}

// Run starts backends and proxies, measures in turn and reports.
func (c *proxyCmd) Run(ctx context.Context, env *environment) error {
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		return &peers.MissingError{Program: "wrk", Debian: "wrk"}
	}
	return env.withLab(func(lab *procs.Lab) error {
		dir, err := lab.Dir("machine")
		if err != nil {
			return err
		}
		report := &proxyReport{}
		if report.Machine, err = inspect(dir); err != nil {
			return err
		}
		proxies, err := c.start(ctx, env, lab)
		if err != nil {
			return err
		}
		base := slices.IndexFunc(proxies, func(p *peers.Proxy) bool { return p.Name() == "haproxy" })
		base = max(base, 0)
		report.Base = proxies[base].Name()
		for _, clients := range c.Clients {
			figures, err := c.measure(ctx, env, wrk, proxies, base, clients)
			if err != nil {
				return err
			}
			report.Figures = append(report.Figures, figures...)
		}
		return report.print(env)
	})
}

// start starts the backends, then the proxies, and waits until each brings a
// request to a backend.
func (c *proxyCmd) start(ctx context.Context, env *environment, lab *procs.Lab) ([]*peers.Proxy, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	var backends []string
	for i := range c.Backends {
		b, err := peers.StartBackend(ctx, lab, "app"+strconv.Itoa(i+1), strings.Repeat("x", c.Bytes))
		if err != nil {
			return nil, err
		}
		backends = append(backends, b.Addr)
	}
	starters := map[string]func() (*peers.Proxy, error){
		"pingd":   func() (*peers.Proxy, error) { return c.startPingd(ctx, env, lab, backends) },
		"haproxy": func() (*peers.Proxy, error) { return peers.StartHAProxy(ctx, lab, "haproxy", c.Threads, backends) },
		"nginx":   func() (*peers.Proxy, error) { return peers.StartNginx(ctx, lab, "nginx", c.Threads, backends) },
	}
	var proxies []*peers.Proxy
	for _, name := range proxyNames {
		if len(c.Only) > 0 && !slices.Contains(c.Only, name) {
			continue
		}
		p, err := starters[name]()
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", name, err)
		}
		if err := p.WaitReady(ctx, procs.Answers("http://"+p.Addr+"/")); err != nil {
			return nil, err
		}
		proxies = append(proxies, p)
	}
	return proxies, nil
}

func (c *proxyCmd) startPingd(ctx context.Context, env *environment, lab *procs.Lab, backends []string) (*peers.Proxy, error) {
	binary, err := env.binary(ctx, lab)
	if err != nil {
		return nil, err
	}
	admin, err := lab.Addr()
	if err != nil {
		return nil, err
	}
	addr, err := lab.Addr()
	if err != nil {
		return nil, err
	}
	dir, err := lab.Dir("pingd")
	if err != nil {
		return nil, err
	}
	args := []string{"--role=proxy", "--name=bench", "--data=" + dir, "--admin-addr=" + admin, "--proxy-addr=" + addr}
	for _, b := range backends {
		args = append(args, "--backend="+b)
	}
	p, err := lab.Start(ctx, procs.Spec{
		Name: "pingd", Path: binary, Args: args, Env: []string{"GOMAXPROCS=" + strconv.Itoa(c.Threads)},
	})
	if err != nil {
		return nil, err
	}
	return &peers.Proxy{Process: p, Addr: addr}, nil
}

// proxyRound is one round of one proxy.
type proxyRound struct {
	wrkResult
	cpu, user float64 // µs per request
	rss       float64 // MiB
}

func (c *proxyCmd) measure(ctx context.Context, env *environment, wrk string, proxies []*peers.Proxy, base, clients int) ([]proxyFigure, error) {
	rounds := make([][]proxyRound, len(proxies))
	for _, p := range proxies { // warm: connections, pools, heaps
		if _, err := runWrk(ctx, wrk, p.Addr, clients, time.Second); err != nil {
			return nil, err
		}
	}
	for r := range c.Rounds {
		for i, p := range proxies {
			round, err := c.round(ctx, wrk, p, clients)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", p.Name(), r+1, err)
			}
			env.log.Info("round", "proxy", p.Name(), "clients", clients, "round", r+1,
				"req_s", int(round.rate), "cpu_us", round.cpu)
			rounds[i] = append(rounds[i], *round)
		}
	}
	of := func(i int, f func(proxyRound) float64) []float64 {
		var values []float64
		for _, r := range rounds[i] {
			values = append(values, f(r))
		}
		return values
	}
	cpu := func(r proxyRound) float64 { return r.cpu }
	rate := func(r proxyRound) float64 { return r.rate }
	var figures []proxyFigure
	for i, p := range proxies {
		f := proxyFigure{
			Clients: clients, Proxy: p.Name(),
			CPU: stats.Median(of(i, cpu)), Rate: stats.Median(of(i, rate)),
			User:     stats.Median(of(i, func(r proxyRound) float64 { return r.user })),
			P50:      stats.Median(of(i, func(r proxyRound) float64 { return drive.Millis(r.p50) })),
			P99:      stats.Median(of(i, func(r proxyRound) float64 { return drive.Millis(r.p99) })),
			RSS:      stats.Median(of(i, func(r proxyRound) float64 { return r.rss })),
			CPURatio: stats.Ratio(of(i, cpu), of(base, cpu)), ReqRatio: stats.Ratio(of(i, rate), of(base, rate)),
		}
		for _, r := range rounds[i] {
			f.Failed += r.failed
		}
		figures = append(figures, f)
	}
	return figures, nil
}

func (c *proxyCmd) round(ctx context.Context, wrk string, p *peers.Proxy, clients int) (*proxyRound, error) {
	before, err := p.Usage()
	if err != nil {
		return nil, err
	}
	result, err := runWrk(ctx, wrk, p.Addr, clients, c.Round)
	if err != nil {
		return nil, err
	}
	after, err := p.Usage()
	if err != nil {
		return nil, err
	}
	perRequest := func(d time.Duration) float64 {
		return float64(d) / float64(time.Microsecond) / float64(max(1, result.requests))
	}
	return &proxyRound{
		wrkResult: result, cpu: perRequest(after.CPU() - before.CPU()), user: perRequest(after.User - before.User),
		rss: float64(after.RSS) / (1 << 20),
	}, nil
}

func (r *proxyReport) print(env *environment) error {
	if env.JSON {
		return writeJSON(env.stdout, r)
	}
	fmt.Fprintln(env.stdout, r.Machine)
	t := table{head: []string{
		"clients", "proxy", "CPU us/req", "(user)", "req/s", "p50 ms", "p99 ms", "RSS MiB", "failed",
		"CPU / " + r.Base, "req/s / " + r.Base,
	}}
	for _, f := range r.Figures {
		t.add(strconv.Itoa(f.Clients), f.Proxy, fmt.Sprintf("%.1f", f.CPU), fmt.Sprintf("%.1f", f.User), rate(f.Rate),
			millis(f.P50), millis(f.P99), fmt.Sprintf("%.0f", f.RSS), count(f.Failed),
			fmt.Sprintf("%.2f", f.CPURatio), fmt.Sprintf("%.2f", f.ReqRatio))
	}
	return t.write(env.stdout)
}
