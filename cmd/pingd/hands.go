package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"pingd/cmd/pingd/config"
	"pingd/cmd/pingd/fleet"
	"pingd/cmd/pingd/survey"
	"pingd/proxy"
)

// hands do for the monitor's page what pingd drain, ready and weight do.
type hands struct {
	survey *survey.Survey
	fleet  fleet.Fleet // without its members, which come and go
}

// newHands returns the page's hands on the proxies that s knows.
func newHands(e *env, s *survey.Survey) hands {
	h := hands{s, fleet.Fleet{Secret: e.o.Secret.Reveal(), DialTLS: dialAdmin(e.certs)}}
	if e.store != nil {
		h.fleet.Store = shared{e.store}
	}
	return h
}

// Can reports what the page may offer: both, always.
func (hands) Can() (drain, weight bool) { return true, true }

// Drain gives a server nothing new, or takes that back.
func (h hands) Drain(ctx context.Context, backend string, drain bool) error {
	a := proxy.Action{Do: "ready"}
	if drain {
		a.Do = "drain"
	}
	return h.act(ctx, backend, a)
}

// SetWeight sets a server's share, 0 to 256; below zero is its own again.
func (h hands) SetWeight(ctx context.Context, backend string, weight int) error {
	return h.act(ctx, backend, proxy.Action{Do: "weight", Weight: weight})
}

// act does a to a server. Its name bears that of its service where there are several.
func (h hands) act(ctx context.Context, backend string, a proxy.Action) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	nodes, err := h.survey.Nodes()
	if err != nil {
		return fmt.Errorf("%s %s: %w", a.Do, backend, err)
	}
	f := h.fleet
	for _, n := range nodes {
		if slices.Contains(n.Roles, config.Proxy) {
			f.Members = append(f.Members, fleet.Member{Name: n.Name, Admin: n.Admin})
		}
	}
	if len(f.Members) == 0 {
		return fmt.Errorf("%s %s: %w", a.Do, backend, fleet.ErrNoProxy)
	}
	a.Server = backend
	_, err = f.Act(ctx, a)
	for i, c := range backend { // names of services may hold the sign, too
		if !errors.Is(err, fleet.ErrNoServer) {
			break
		}
		if string(c) == survey.OfService {
			a.Service, a.Server = backend[:i], backend[i+1:]
			_, err = f.Act(ctx, a)
		}
	}
	return err
}
