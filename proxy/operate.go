package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"pingd/proxy/cluster"
	"pingd/proxy/dispatch"
	"pingd/proxy/trace"
	"pingd/proxy/upstream"
)

// Store is what proxies share through; see its methods.
type Store = cluster.Store

// Override is what an operator decided about a server; see its fields.
type Override = upstream.Override

// Request is what became of a request; see its fields.
type Request = trace.Request

// Errors of Override.
var (
	// ErrNoServer is returned for a server that no service has.
	ErrNoServer = errors.New("no service has such a server")
	// ErrWhich is returned for a name that servers of several services have.
	ErrWhich = errors.New("several services have a server of that name")
)

// Override keeps an operator's decision about a server, for all proxies that share a
// store, and for this one as long as it runs where there is none. service may be
// empty when only one has a server of that name. The zero Override takes back what
// was decided before. Other decisions about the same server are replaced.
func (p *Proxy) Override(ctx context.Context, service, server string, o Override) error {
	found, err := p.whose(service, server)
	if err != nil {
		return err
	}
	if p.sync != nil {
		return p.sync.Override(ctx, found, server, o)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.decided[found] == nil {
		p.decided[found] = map[string]Override{}
	}
	// A copy: the set keeps the one that it was given.
	own := map[string]Override{server: o}
	for name, other := range p.decided[found] {
		if name != server {
			own[name] = other
		}
	}
	p.decided[found] = own
	p.service(Service{Name: found}).Set.Override(own)
	return nil
}

// whose returns the service that has a server; service may be empty where only one
// has.
func (p *Proxy) whose(service, server string) (string, error) {
	found := ""
	for _, s := range p.services {
		if service != "" && s.Name != service || !s.Set.Has(server) {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("server %q: %w (%s, %s)", server, ErrWhich, found, s.Name)
		}
		found = s.Name
	}
	if found == "" {
		return "", fmt.Errorf("server %q: %w", server, ErrNoServer)
	}
	return found, nil
}

// Decided returns what an operator decided about a server so far.
func (p *Proxy) Decided(service, server string) Override {
	for _, s := range p.services {
		if s.Name == service {
			return s.Set.Decided(server)
		}
	}
	return Override{}
}

// Settle waits until the servers of every service are known and checked once, and
// returns true; or until ctx ends, and returns false.
func (p *Proxy) Settle(ctx context.Context) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for slices.ContainsFunc(p.services, func(s *dispatch.Service) bool { return !s.Set.Settled() }) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Explain returns what became of the requests with an id, the latest first, as far as
// this proxy remembers.
func (p *Proxy) Explain(id string) []Request {
	p.mu.Lock()
	rings := slices.Clone(p.rings)
	p.mu.Unlock()
	found := []Request{}
	for _, g := range rings {
		found = append(found, g.Find(id)...)
	}
	slices.SortFunc(found, func(a, b Request) int { return b.Time.Compare(a.Time) })
	for i := range found {
		found[i].Proxy = p.cfg.Name
	}
	return found
}

// Action is what a POST to /servers asks for.
type Action struct {
	// Service is the service's name; empty where only one has the server.
	Service string `json:"service"`
	// Server is the server's name.
	Server string `json:"server"`
	// Do is drain, ready or weight.
	Do string `json:"do"`
	// Weight is the weight to set, 0 to 256; -1 takes back what was set.
	Weight int `json:"weight"`
}

// Act does what a asks for: drain gives a server nothing new, ready takes that back,
// weight sets its share.
func (p *Proxy) Act(ctx context.Context, a Action) error {
	service, err := p.whose(a.Service, a.Server)
	if err != nil {
		return err
	}
	o, err := a.Apply(p.Decided(service, a.Server))
	if err != nil {
		return err
	}
	return p.Override(ctx, service, a.Server, o)
}

// Apply returns o as it is after a.
func (a Action) Apply(o Override) (Override, error) {
	switch a.Do {
	case "drain":
		o.Drain = true
	case "ready":
		o.Drain = false
	case "weight":
		if a.Weight < -1 || a.Weight > 256 {
			return o, fmt.Errorf("weight %d is not from 0 to 256: %w", a.Weight, errAction)
		}
		o.Weight, o.Weighted = max(a.Weight, 0), a.Weight >= 0
	default:
		return o, fmt.Errorf("%q is none of drain, ready and weight: %w", a.Do, errAction)
	}
	return o, nil
}

var errAction = errors.New("not an action")

// maxAction bounds the body of a POST.
const maxAction = 64 << 10

// API answers what operators ask and do, below the path that it is mounted at
// without a final slash:
//
//	GET  /servers           the services' servers as in Status.Backends
//	POST /servers           an Action; 204 once it is kept
//	GET  /explain?id=ID     Requests with that id
//
// Whoever mounts it decides who may ask.
func (p *Proxy) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /servers", func(w http.ResponseWriter, _ *http.Request) { answer(w, p.Status().(Status).Backends) })
	mux.HandleFunc("GET /explain", func(w http.ResponseWriter, r *http.Request) { answer(w, p.Explain(r.URL.Query().Get("id"))) })
	mux.HandleFunc("POST /servers", func(w http.ResponseWriter, r *http.Request) {
		var a Action
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAction)).Decode(&a); err != nil {
			http.Error(w, "not an action: "+err.Error(), http.StatusBadRequest)
			return
		}
		switch err := p.Act(r.Context(), a); {
		case err == nil:
			w.WriteHeader(http.StatusNoContent)
		case errors.Is(err, ErrNoServer):
			http.Error(w, err.Error(), http.StatusNotFound)
		case errors.Is(err, ErrWhich), errors.Is(err, errAction):
			http.Error(w, err.Error(), http.StatusBadRequest)
		default:
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	return mux
}

func answer(w http.ResponseWriter, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n')) // a client that went away is its own business
}
