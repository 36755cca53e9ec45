package clients

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"pingd/integration/bench/session"
	libraries "pingd/integration/clients"
	"pingd/integration/procs"
)

// Times of a round: enough increments before the fault to have one under way, and
// enough after the system is whole to see a late loss.
const (
	lead        = 500 * time.Millisecond
	settle      = time.Second
	startWithin = time.Minute     // until every library counts
	wholeWithin = 2 * time.Minute // Sentinel takes its time to make a master a replica
	readWithin  = 10 * time.Second
)

// round lets all libraries count, hurts the leader, waits until all write again and
// the system is whole, and holds what each was told against its counter.
func (c *Command) round(ctx context.Context, s *system, ready []*libraries.Library, fault string, number int) ([]seen, error) {
	if err := session.Within(ctx, wholeWithin, s.whole); err != nil {
		return nil, err
	}
	key := func(l *libraries.Library) string { return fmt.Sprintf("bench:%s:%s:%d", l.Name, fault, number) }
	counting, stop := context.WithCancel(ctx)
	defer stop()
	tallies := make([]*tally, len(ready))
	failed := make([]error, len(ready))
	var running sync.WaitGroup
	for i, l := range ready {
		tallies[i] = newTally()
		running.Go(func() {
			if failed[i] = l.Count(counting, s.target, key(l), tallies[i]); failed[i] != nil {
				stop() // a round without one of them is none
			}
		})
	}
	results, err := c.faultAndMend(counting, s, tallies, fault)
	stop()
	running.Wait()
	if err := errors.Join(append(failed, err)...); err != nil {
		return nil, err
	}
	for i, l := range ready {
		final, err := s.value(ctx, key(l))
		if err != nil {
			return nil, err
		}
		results[i].close(tallies[i], final)
	}
	return results, nil
}

// faultAndMend returns, with the times of the fault, when the system is whole and
// every library writes, or its patience ends.
func (c *Command) faultAndMend(ctx context.Context, s *system, tallies []*tally, fault string) ([]seen, error) {
	if late := silent(ctx, tallies, startWithin); len(late) > 0 {
		return nil, fmt.Errorf("%w within %s by %d of %d libraries", errSilent, startWithin, len(late), len(tallies))
	}
	if err := session.Pass(ctx, lead); err != nil {
		return nil, err
	}
	results := make([]seen, len(tallies))
	at := make([]time.Duration, len(tallies))
	for i, t := range tallies {
		at[i] = t.Since()
	}
	leader, err := s.inject(ctx, fault)
	if err != nil {
		return nil, err
	}
	for _, i := range silent(ctx, tallies, c.Patience) {
		results[i].stuck = true
	}
	if err := session.Pass(ctx, settle); err != nil {
		return nil, err
	}
	if err := c.mend(ctx, s, leader); err != nil {
		return nil, err
	}
	// Who wrote to a master that was demoted only now has to go elsewhere still.
	if err := session.Pass(ctx, settle); err != nil {
		return nil, err
	}
	for _, i := range silent(ctx, tallies, c.Patience) {
		results[i].stuck = true
	}
	for i, t := range tallies {
		results[i].fault, results[i].end = at[i], t.Since()
	}
	return results, ctx.Err()
}

func (c *Command) mend(ctx context.Context, s *system, leader *procs.Process) error {
	if !leader.Running() {
		if err := leader.Restart(ctx); err != nil {
			return err
		}
	}
	return session.Within(ctx, wholeWithin, s.whole)
}

var errSilent = errors.New("no write is acknowledged")

// silent waits until every library has a write acknowledged that began after now, at
// most d, and returns those that had none.
func silent(ctx context.Context, tallies []*tally, d time.Duration) (late []int) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for i, t := range tallies {
		if t.AckedSince(t.Since())(ctx) != nil {
			late = append(late, i)
		}
	}
	return late
}
