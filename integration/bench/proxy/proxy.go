package proxy

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"pingd/integration/bench/session"
	"pingd/integration/bench/stats"
	"pingd/integration/procs"
	"pingd/integration/procs/peers"
)

// Command compares proxies before the same backends.
type Command struct {
	Only     []string      `placeholder:"PROXY,..." help:"Measure only these: pingd, pingd-log, pingd-full (log, rate limit, cookie and routes), pingd-goroutines, haproxy, nginx, caddy."`
	Shapes   []shape       `default:"idle:10000,get:1,get:8,get:64,get:512,large:64,post:64,new:64,tls:64,slow:5000" placeholder:"KIND:CLIENTS,..." help:"Loads, one after the other: get (small answers), large (64 KiB), post (15 KiB up), new (a connection each), tls (small answers over TLS), idle, slow (quick clients beside slow ones)."`
	Backends int           `default:"3" help:"nginx processes that answer at once."`
	Bytes    int           `default:"5" help:"Size of a small answer's body."`
	Rounds   int           `default:"5" help:"Rounds of each proxy, in turn."`
	Round    time.Duration `default:"2s" help:"Time measured in a round, whole seconds."`
	Threads  int           `default:"2" help:"HAProxy's threads, nginx's workers and the GOMAXPROCS of pingd and Caddy."`
}

// Validate refuses what wrk or the proxies would not take.
func (c *Command) Validate() error {
	var errs []error
	for _, name := range c.Only {
		if !slices.Contains(contenderNames(), name) {
			errs = append(errs, fmt.Errorf("--only=%s: unknown proxy\nhint: one or more of %s", name, strings.Join(contenderNames(), ",")))
		}
	}
	if c.Round < time.Second || c.Round%time.Second != 0 {
		errs = append(errs, fmt.Errorf("--round=%s: want whole seconds\nhint: --round=2s", c.Round))
	}
	if c.Rounds < 1 || c.Backends < 1 || c.Threads < 1 || c.Bytes < 1 || c.Bytes > 4000 {
		errs = append(errs, errors.New("--rounds, --backends, --threads and --bytes (to 4000) must be above 0"))
	}
	return errors.Join(errs...)
}

// Run starts backends and proxies, measures in turn and reports.
func (c *Command) Run(ctx context.Context, env *session.Session) error {
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		return &peers.MissingError{Program: "wrk", Debian: "wrk"}
	}
	return env.WithLab(func(lab *procs.Lab) error {
		dir, m, err := env.Inspect(lab)
		if err != nil {
			return err
		}
		report := &Report{Machine: m}
		proxies, err := c.start(ctx, env, lab)
		if err != nil {
			return err
		}
		for _, p := range proxies {
			report.Proxies = append(report.Proxies, p.Name())
		}
		for _, shape := range c.Shapes {
			m := &measure{cmd: c, env: env, wrk: wrk, dir: dir, proxies: proxies, shape: shape}
			figures, err := m.run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", shape, err)
			}
			report.Figures = append(report.Figures, figures...)
		}
		return report.print(env)
	})
}

// measure is the comparison under one shape.
type measure struct {
	cmd     *Command
	env     *session.Session
	wrk     string
	dir     string
	proxies []*peers.Proxy
	shape   shape
	rounds  [][]measured // of each proxy
}

// measured is one round of one proxy.
type measured struct {
	wrkResult
	cpu, user float64       // µs per request
	rss       float64       // MiB
	idle      float64       // KiB per idle client
	calm      time.Duration // p99 without slow clients
}

func (m *measure) run(ctx context.Context) ([]Figure, error) {
	m.rounds = make([][]measured, len(m.proxies))
	special := map[string]func(context.Context, *peers.Proxy) (*measured, error){shapeIdle: m.idle, shapeSlow: m.slow}
	if one := special[m.shape.kind]; one != nil {
		for i, p := range m.proxies {
			round, err := one(ctx, p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.Name(), err)
			}
			m.rounds[i] = []measured{*round}
		}
		return m.figures(), nil
	}
	for _, p := range m.proxies { // warm: connections, pools, heaps
		if _, err := m.round(ctx, p, time.Second); err != nil {
			return nil, err
		}
	}
	for r := range m.cmd.Rounds {
		for i, p := range m.proxies {
			round, err := m.round(ctx, p, m.cmd.Round)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", p.Name(), r+1, err)
			}
			m.env.Log.Info("round", "proxy", p.Name(), "shape", m.shape, "round", r+1, "req_s", int(round.rate), "cpu_us", round.cpu)
			m.rounds[i] = append(m.rounds[i], *round)
		}
	}
	return m.figures(), nil
}

func (m *measure) round(ctx context.Context, p *peers.Proxy, d time.Duration) (*measured, error) {
	load, err := m.shape.load(m.dir, d)
	if err != nil {
		return nil, err
	}
	before, err := p.Usage()
	if err != nil {
		return nil, err
	}
	addr := p.Addr
	if load.secure {
		addr = p.Secure
	}
	result, err := runWrk(ctx, m.wrk, addr, load)
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
	return &measured{
		wrkResult: result, cpu: perRequest(after.CPU() - before.CPU()), user: perRequest(after.User - before.User),
		rss: float64(after.RSS) / (1 << 20),
	}, nil
}

// of returns one value of each round of the i-th proxy.
func (m *measure) of(i int, f func(measured) float64) []float64 {
	var values []float64
	for _, r := range m.rounds[i] {
		values = append(values, f(r))
	}
	return values
}

// ratio returns the median of the rounds' own ratios to another proxy, 0 if that
// was not measured.
func (m *measure) ratio(i int, to string, f func(measured) float64) float64 {
	at := slices.IndexFunc(m.proxies, func(p *peers.Proxy) bool { return p.Name() == to })
	if at < 0 {
		return 0
	}
	return stats.Ratio(m.of(i, f), m.of(at, f))
}
