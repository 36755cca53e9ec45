package stack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/session"
	"pingd/integration/procs"
)

// Times of the faults.
const (
	hurtClients   = 20
	hurtPause     = 10 * time.Millisecond  // of each client after an answer
	masterPause   = 4 * time.Second        // pause-master
	masterRestart = 500 * time.Millisecond // restart-master
	appRestart    = 2 * time.Second        // kill-app
	hurtWithin    = 90 * time.Second       // Sentinel's 30 s and more
	lead          = 500 * time.Millisecond // before a fault, so that visits are under way
	settle        = 500 * time.Millisecond // after it, to see a late loss
	wholeWithin   = 2 * time.Minute        // Sentinel takes its time to make a master a replica
)

// Hurt does one fault under load, waits until visits are answered again and all is
// mended, and accounts for every visit.
func (s *Stack) Hurt(ctx context.Context, fault string) (f Harm, err error) {
	if err := session.Within(ctx, hurtWithin, s.whole); err != nil {
		return f, err
	}
	base, _, err := drive.VisitOnce(ctx, s.own, VisitTimeout)
	if err != nil {
		return f, err
	}
	rec := drive.NewRecorder(base)
	visiting, stop := context.WithCancel(ctx)
	defer stop()
	visited := make(chan error, 1)
	go func() {
		_, err := drive.Visits{URLs: []string{s.own}, Clients: hurtClients, Pause: hurtPause, For: time.Hour, Timeout: VisitTimeout}.Run(visiting, rec)
		visited <- err
	}()
	f = Harm{Fault: fault, Stack: s.Name}
	at, err := s.Do(ctx, fault, rec, &f)
	stop()
	if err := errors.Join(err, <-visited); err != nil {
		return f, err
	}
	var final int64
	err = session.Within(ctx, hurtWithin, func(ctx context.Context) (err error) {
		final, _, err = drive.VisitOnce(ctx, s.own, VisitTimeout)
		return err
	})
	if err != nil {
		return f, err
	}
	a := rec.Account(final - 1)
	f.Acked, f.Lost, f.Duplicates = a.Acked, a.Lost, a.Duplicates
	f.Errors, _ = rec.Errors()
	f.Gap = rec.LongestWithin(at, rec.Since()).Long.Seconds()
	return f, nil
}

// Do does one fault under the load that rec accounts for, and returns when the fault
// was, once it is over and the stack is whole. Of add-app it notes in f when the
// newcomer answered.
func (s *Stack) Do(ctx context.Context, fault string, rec *drive.Recorder, f *Harm) (at time.Duration, err error) {
	if err := session.Pass(ctx, lead); err != nil {
		return 0, err
	}
	target := s.app()
	switch fault {
	case "pause-master", "kill-master", "restart-master":
		if target, err = s.leader(ctx); err != nil {
			return 0, err
		}
	}
	at = rec.Since()
	back := rec.AckedSince
	switch fault {
	case "add-app":
		err = s.add(ctx, f)
	case "kill-app":
		err = errors.Join(target.Kill(), session.Pass(ctx, appRestart), target.Restart(ctx))
		if err == nil {
			err = session.Pass(ctx, 6*time.Second) // down for some checks, then up again
		}
	case "restart-master":
		err = errors.Join(target.Kill(), session.Pass(ctx, masterRestart), target.Restart(ctx))
	case "kill-master":
		if err = target.Kill(); err == nil {
			err = s.another(ctx, target)
		}
		if err == nil {
			err = errors.Join(session.Within(ctx, hurtWithin, back(rec.Since())), session.Pass(ctx, settle), target.Restart(ctx))
		}
	case "pause-master":
		err = pauseFor(ctx, target, masterPause)
	}
	if err != nil {
		return at, err
	}
	if err := session.Within(ctx, hurtWithin, back(rec.Since())); err != nil {
		return at, fmt.Errorf("no visit is answered again: %w", err)
	}
	if err := session.Within(ctx, wholeWithin, s.whole); err != nil {
		return at, err
	}
	return at, session.Pass(ctx, 2*settle)
}

// another waits until another process leads than the one that was ended.
func (s *Stack) another(ctx context.Context, target *procs.Process) error {
	return session.Within(ctx, hurtWithin, func(ctx context.Context) error {
		return procs.Poll(ctx, func(ctx context.Context) error {
			now, err := s.leader(ctx)
			if err == nil && now == target {
				err = fmt.Errorf("%s still leads", target.Name())
			}
			return err
		})
	})
}

func pauseFor(ctx context.Context, p *procs.Process, d time.Duration) error {
	if err := p.Pause(); err != nil {
		return err
	}
	return errors.Join(session.Pass(ctx, d), p.Resume())
}

// add adds an application and notes how long it took until it answered.
func (s *Stack) add(ctx context.Context, f *Harm) error {
	return session.Within(ctx, hurtWithin, func(ctx context.Context) error {
		registered, answered, err := s.addApp(ctx)
		if err != nil {
			return err
		}
		if err := procs.Poll(ctx, answered); err != nil {
			return err
		}
		f.Joined = time.Since(registered).Seconds()
		return nil
	})
}
