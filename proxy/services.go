package proxy

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"pingd/proxy/dispatch"
	"pingd/proxy/route"
	"pingd/proxy/upstream"
)

// Balance says how servers are picked; see ParseBalance.
type Balance = dispatch.Balance

// ParseBalance reads roundrobin (the default), leastconn, random, hash:client,
// hash:path, hash:header:NAME or hash:cookie:NAME. An error says what there is.
func ParseBalance(text string) (Balance, error) { return dispatch.ParseBalance(text) }

// Pattern is the host and path that a route is for; see ParsePattern.
type Pattern = route.Pattern

// ParsePattern reads "host/path", "*.example.org/", "/path" or "/". An error says
// what to write instead.
func ParsePattern(text string) (Pattern, error) { return route.ParsePattern(text) }

// Service is something that requests are for: servers that all do the same.
type Service struct {
	// Name tells it apart in status, metrics, log and commands.
	Name string
	// Source tells which servers there are.
	Source Source
	// Balance is how one is picked.
	Balance Balance
	// Cookie is the name of the cookie that keeps a client with its server (empty:
	// none).
	Cookie string
}

// Route is the service of a host and path. Routes with one service name share its
// servers: of these the first counts.
type Route struct {
	Pattern Pattern
	Service Service
}

// defaultService is the name of the service of a proxy that names none.
const defaultService = "default"

// makeServices makes the sets of all services, the default one first, and what
// requests are sent by.
func (p *Proxy) makeServices() (*dispatch.Router, error) {
	cfg := &p.cfg
	dc := dispatch.Config{Limit: p.limit, RedirectPort: cfg.RedirectPort, Trusts: p.trusts}
	if cfg.ACME != nil {
		dc.Challenge = func(token string) (string, bool) { return p.acme.Answer(token) }
	}
	dc.Default = p.service(cfg.service())
	for _, r := range cfg.Routes {
		dc.Routes = append(dc.Routes, route.Entry[*dispatch.Service]{Pattern: r.Pattern, To: p.service(r.Service)})
	}
	router, err := dispatch.New(dc)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return router, nil
}

// service returns the service of that name, making it if it is not there yet.
func (p *Proxy) service(s Service) *dispatch.Service {
	for _, known := range p.services {
		if known.Name == s.Name {
			return known
		}
	}
	made := &dispatch.Service{Name: s.Name, Balance: s.Balance, Cookie: s.Cookie}
	made.Set = upstream.NewSet(upstream.Config{
		Name: s.Name, Balance: s.Balance.New, StickyKey: p.cfg.Secret, SlowStart: p.cfg.SlowStart,
		Health: p.cfg.Checks, Queue: p.cfg.Queue, Logger: p.log.With("service", s.Name), Changed: p.opinion,
	})
	p.services = append(p.services, made)
	p.sources = append(p.sources, s.Source)
	return made
}

// sets returns the sets of all services.
func (p *Proxy) sets() (all []*upstream.Set) {
	for _, s := range p.services {
		all = append(all, s.Set)
	}
	return all
}

// watchServices keeps the members of all services until ctx ends; fail is told of
// a source that breaks.
func (p *Proxy) watchServices(ctx context.Context, fail context.CancelCauseFunc) {
	var wg sync.WaitGroup
	for i, s := range p.services {
		wg.Go(func() { s.Set.Run(ctx) })
		wg.Go(func() {
			if err := p.sources[i].Watch(ctx, s.Set.Update); err != nil && ctx.Err() == nil {
				fail(fmt.Errorf("watch servers of %s: %w", s.Name, err))
			}
		})
	}
	wg.Wait()
}

// errNoSource is returned for a service without a Source.
var errNoSource = errors.New("has no source of servers")

// service returns the default service.
func (c *Config) service() Service {
	return Service{Name: c.ServiceName, Source: c.Source, Balance: c.Balance, Cookie: c.Cookie}
}
