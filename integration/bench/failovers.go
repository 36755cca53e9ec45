package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/stats"
	"pingd/integration/procs"
	"pingd/integration/procs/peers"
	"pingd/integration/procs/wire"
)

// group is a system with a leader that can be hurt.
type group struct {
	name   string
	leader func(ctx context.Context) (*procs.Process, error)
	whole  func(ctx context.Context) error // waits until the next fault is fair
	locate func(ctx context.Context, last string) (string, error)
	// follow tells a client when it has to locate anew, and counts fail-overs; nil
	// where a client need not know.
	follow func(ctx context.Context) (moved <-chan struct{}, switches func() int, err error)
}

// start starts the systems asked for.
func (c *failoverCmd) start(ctx context.Context, env *environment, lab *procs.Lab) ([]group, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	var groups []group
	if len(c.Only) == 0 || slices.Contains(c.Only, "pingd") {
		var args []string
		if c.Election > 0 {
			args = append(args, "--election-timeout="+c.Election.String())
		}
		cluster, err := startCluster(ctx, env, lab, procs.ClusterConfig{Stores: 3, StoreArgs: args})
		if err != nil {
			return nil, err
		}
		groups = append(groups, pingdGroup(cluster))
	}
	if len(c.Only) == 0 || slices.Contains(c.Only, "redis-sentinel") {
		redis, err := peers.StartRedisGroup(ctx, lab, "redis", 2)
		if err != nil {
			return nil, err
		}
		if err := redis.StartSentinels(ctx, lab, "sentinel", 3, c.DownAfter); err != nil {
			return nil, err
		}
		groups = append(groups, redisGroup(redis))
	}
	return groups, nil
}

func pingdGroup(cluster *procs.Cluster) group {
	return group{
		name: "pingd",
		leader: func(ctx context.Context) (*procs.Process, error) {
			n, err := cluster.WaitLeader(ctx)
			if err != nil {
				return nil, err
			}
			return n.Process, nil
		},
		whole: func(ctx context.Context) error {
			_, err := cluster.WaitWhole(ctx)
			return err
		},
		// Every node takes every write, so a client needs no directory.
		locate: drive.InTurn(cluster.RedisAddrs()),
	}
}

func redisGroup(g *peers.RedisGroup) group {
	return group{
		name: "redis-sentinel",
		leader: func(ctx context.Context) (*procs.Process, error) {
			addr, err := g.Master(ctx)
			if err != nil {
				return nil, err
			}
			r := g.ByAddr(addr)
			if r == nil {
				return nil, fmt.Errorf("master %s: %w", addr, procs.ErrNotRunning)
			}
			return r.Process, nil
		},
		whole:  g.WaitCalm,
		locate: func(ctx context.Context, _ string) (string, error) { return g.Master(ctx) },
		follow: g.Follow,
	}
}

// failoverRound is what one fault did.
type failoverRound struct {
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
	failoverKey  = "bench:failover"
	readWithin   = 10 * time.Second
	stopTermTime = 20 * time.Second
)

// round writes, hurts the leader, waits for writes to come back, mends, and
// compares what was acknowledged with the value in the end.
func (c *failoverCmd) round(ctx context.Context, g group, f string) (*failoverRound, error) {
	if err := within(ctx, wholeWithin, g.whole); err != nil {
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
		written <- drive.Writer{Key: failoverKey, Every: c.Every, Try: c.Try, Locate: g.locate, Moved: moved}.Run(writing, rec)
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
	return &failoverRound{
		target: target.Name(), gap: rec.LongestWithin(at, rec.Since()).Long, restore: restore,
		account: rec.Account(final), errors: failed, switches: switches(),
	}, nil
}

// hurtAndMend returns when the system is whole again, and tells when the fault
// was and how long the mending took.
func (c *failoverCmd) hurtAndMend(ctx context.Context, g group, f string, target *procs.Process, rec *drive.Recorder) (restore, at time.Duration, err error) {
	if err := pass(ctx, lead); err != nil {
		return 0, 0, err
	}
	at = rec.Since()
	switch f {
	case "pause":
		err = target.Pause()
	case "terminate":
		err = within(ctx, stopTermTime, target.Terminate)
	default:
		err = target.Kill()
	}
	if err != nil {
		return 0, at, err
	}
	// From now and not from the fault: a leader that is asked to end may still
	// answer for a while.
	if err := within(ctx, backWithin, rec.AckedSince(rec.Since())); err != nil {
		return 0, at, fmt.Errorf("no write is acknowledged again: %w", err)
	}
	if f == "pause" {
		if err := pass(ctx, c.PauseFor-(rec.Since()-at)); err != nil {
			return 0, at, err
		}
	} else if err := pass(ctx, settle); err != nil {
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
	if err := within(ctx, wholeWithin, g.whole); err != nil {
		return 0, at, err
	}
	restore = time.Since(mended)
	return restore, at, pass(ctx, settle)
}

// within bounds a wait.
func within(ctx context.Context, d time.Duration, wait func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return wait(ctx)
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
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
		reply, err := wire.Ask(ctx, addr, "INCRBY", failoverKey, "0")
		value = reply.Int
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read the value of %s: %w", g.name, err)
	}
	return value, nil
}
