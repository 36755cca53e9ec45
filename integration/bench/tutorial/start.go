package tutorial

import (
	"context"
	"slices"

	"pingd/integration/bench/session"
	"pingd/integration/bench/stack"
	"pingd/integration/procs"
	"pingd/integration/procs/peers"
)

// start starts the stacks asked for. stop ends what runs beside the processes; it
// is never nil.
func (c *Command) start(ctx context.Context, env *session.Session, lab *procs.Lab) (stacks []*stack.Stack, stop func() error, err error) {
	stop = func() error { return nil }
	if _, err := env.Binary(ctx, lab); err != nil {
		return nil, stop, err
	}
	starting, cancel := context.WithTimeout(ctx, 2*session.StartWithin)
	defer cancel()
	wanted := func(name string) bool { return len(c.Only) == 0 || slices.Contains(c.Only, name) }
	if wanted("tutorial") {
		t, err := peers.StartTutorial(starting, lab, peers.TutorialConfig{Apps: 3, DownAfter: c.DownAfter, Poll: c.Poll, Tuned: c.Tuned})
		if err != nil {
			return nil, stop, err
		}
		watching, end := context.WithCancel(ctx)
		done := make(chan error, 1)
		s := stack.Tutorial(t)
		go func() { done <- t.Confd(watching) }()
		stop = func() error { end(); return <-done }
		stacks = append(stacks, s)
	}
	if wanted("pingd") {
		cluster, err := env.StartCluster(starting, lab, procs.ClusterConfig{Stores: 3, Counters: 3, Proxies: 1})
		if err != nil {
			return nil, stop, err
		}
		stacks = append(stacks, stack.Pingd(cluster))
	}
	return stacks, stop, nil
}
