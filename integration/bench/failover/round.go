package failover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/session"
	"pingd/integration/bench/stats"
	"pingd/integration/procs"
	"pingd/integration/procs/wire"
)

// outcome is what one fault did.
type outcome struct {
	target  string
	gap     time.Duration
	restore time.Duration
	account stats.Account
	errors  int64
	// switches is how often the leader was replaced, as the system tells its clients;
	// 1 where it does not tell.
	switches int
}

// Times of a round: enough writes before the fault to have one under way, and
// enough after it to see a late loss.
const (
	lead         = 500 * time.Millisecond
	settle       = 500 * time.Millisecond
	backWithin   = time.Minute     // until a write is acknowledged again
	wholeWithin  = 2 * time.Minute // Sentinel takes its time to make a master a replica
	key          = "bench:failover"
	readWithin   = 10 * time.Second
	stopTermTime = 20 * time.Second
)

// round writes, hurts the leader, waits for writes to come back, mends, and
// compares what was acknowledged with the value in the end.
func (c *Command) round(ctx context.Context, g group, f string) (*outcome, error) {
	if err := session.Within(ctx, wholeWithin, g.whole); err != nil {
		return nil, err
	}
	target, err := g.leader(ctx)
	if err != nil {
		return nil, err
	}
	base, err := readValue(ctx, g)
	if err != nil {
		return nil, err
	}
	rec := drive.NewRecorder(base)
	writing, stop := context.WithCancel(ctx)
	defer stop()
	var moved <-chan struct{}
	switches := func() int { return 1 }
	if g.follow != nil {
		if moved, switches, err = g.follow(writing); err != nil {
			return nil, err
		}
	}
	written := make(chan error, 1)
	go func() {
		written <- drive.Writer{Key: key, Every: c.Every, Try: c.Try, Locate: g.locate, Moved: moved}.Run(writing, rec)
	}()
	restore, at, err := c.hurtAndMend(ctx, g, f, target, rec)
	stop()
	if err := errors.Join(err, <-written); err != nil {
		return nil, err
	}
	rec.End()
	final, err := readValue(ctx, g)
	if err != nil {
		return nil, err
	}
	failed, _ := rec.Errors()
	return &outcome{
		target: target.Name(), gap: rec.LongestWithin(at, rec.Since()).Long, restore: restore,
		account: rec.Account(final), errors: failed, switches: switches(),
	}, nil
}

// hurtAndMend returns when the system is whole again, and tells when the fault
// was and how long the mending took.
func (c *Command) hurtAndMend(ctx context.Context, g group, f string, target *procs.Process, rec *drive.Recorder) (restore, at time.Duration, err error) {
	if err := session.Pass(ctx, lead); err != nil {
		return 0, 0, err
	}
	at = rec.Since()
	switch f {
	case "pause":
		err = target.Pause()
	case "terminate":
		err = session.Within(ctx, stopTermTime, target.Terminate)
	default:
		err = target.Kill()
	}
	if err != nil {
		return 0, at, err
	}
	// From now and not from the fault: a leader that is asked to end may still
	// answer for a while.
	if err := session.Within(ctx, backWithin, rec.AckedSince(rec.Since())); err != nil {
		return 0, at, fmt.Errorf("no write is acknowledged again: %w", err)
	}
	if f == "pause" {
		if err := session.Pass(ctx, c.PauseFor-(rec.Since()-at)); err != nil {
			return 0, at, err
		}
	} else if err := session.Pass(ctx, settle); err != nil {
		return 0, at, err
	}
	mended := time.Now()
	if f == "pause" {
		err = target.Resume()
	} else {
		err = target.Restart(ctx)
	}
	if err != nil {
		return 0, at, err
	}
	if err := session.Within(ctx, wholeWithin, g.whole); err != nil {
		return 0, at, err
	}
	restore = time.Since(mended)
	return restore, at, session.Pass(ctx, settle)
}

// readValue reads the key from wherever it is served, 0 if absent.
func readValue(ctx context.Context, g group) (int64, error) {
	var value int64
	var last string
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	err := procs.Poll(ctx, func(ctx context.Context) error {
		addr, err := g.locate(ctx, last)
		if err != nil {
			return err
		}
		last = addr
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		// INCRBY 0 and not GET: a write cannot be answered by a deposed leader
		// of a system whose reads are not linearizable.
		reply, err := wire.Ask(ctx, addr, "INCRBY", key, "0")
		value = reply.Int
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read the value of %s: %w", g.name, err)
	}
	return value, nil
}
