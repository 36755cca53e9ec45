package failover

import (
	"context"
	"fmt"
	"slices"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/session"
	"pingd/integration/procs"
	"pingd/integration/procs/peers"
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
func (c *Command) start(ctx context.Context, env *session.Session, lab *procs.Lab) ([]group, error) {
	if _, err := env.Binary(ctx, lab); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, session.StartWithin)
	defer cancel()
	var groups []group
	if len(c.Only) == 0 || slices.Contains(c.Only, "pingd") {
		var args []string
		if c.Election > 0 {
			args = append(args, "--election-timeout="+c.Election.String())
		}
		cluster, err := env.StartCluster(ctx, lab, procs.ClusterConfig{Stores: 3, StoreArgs: args})
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
