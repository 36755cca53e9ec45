package clients

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pingd/integration/bench/session"
	libraries "pingd/integration/clients"
	"pingd/integration/procs"
	"pingd/integration/procs/peers"
	"pingd/integration/procs/wire"
)

// system is one of the two that are compared.
type system struct {
	name   string
	target libraries.Target
	whole  func(ctx context.Context) error // waits until the next fault is fair
	// leader is where the leader answers Redis's protocol, and its process.
	leader func(ctx context.Context) (addr string, p *procs.Process, err error)
}

// systemNames are the systems in the order of the table.
var systemNames = []string{"pingd", "redis-sentinel"}

// start starts both systems, as fail-over benchmarks do: three stores, and a master
// with two replicas and three Sentinels.
func (c *Command) start(ctx context.Context, env *session.Session, lab *procs.Lab) (systems []*system, err error) {
	if c.wants(systemNames[0]) {
		cluster, err := env.StartCluster(ctx, lab, procs.ClusterConfig{Stores: 3})
		if err != nil {
			return nil, err
		}
		systems = append(systems, pingdSystem(cluster))
	}
	if c.wants(systemNames[1]) {
		err = session.Within(ctx, session.StartWithin, func(ctx context.Context) error {
			group, err := peers.StartRedisGroup(ctx, lab, "redis", 2)
			if err != nil {
				return err
			}
			if err := group.StartSentinels(ctx, lab, "sentinel", 3, c.DownAfter); err != nil {
				return err
			}
			systems = append(systems, redisSystem(group))
			return nil
		})
	}
	return systems, err
}

func (c *Command) wants(system string) bool {
	return len(c.Only) == 0 || slices.Contains(c.Only, system)
}

func pingdSystem(cluster *procs.Cluster) *system {
	s := &system{name: systemNames[0], target: libraries.Target{Master: "master"}}
	for _, n := range cluster.Stores {
		s.target.Sentinels = append(s.target.Sentinels, n.Sentinel)
	}
	s.whole = func(ctx context.Context) error {
		_, err := cluster.WaitWhole(ctx)
		return err
	}
	s.leader = func(ctx context.Context) (string, *procs.Process, error) {
		n, err := cluster.WaitLeader(ctx)
		if err != nil {
			return "", nil, err
		}
		return n.Redis, n.Process, nil
	}
	return s
}

func redisSystem(group *peers.RedisGroup) *system {
	s := &system{name: systemNames[1], target: libraries.Target{Master: peers.MasterName}, whole: group.WaitCalm}
	for _, n := range group.Sentinels {
		s.target.Sentinels = append(s.target.Sentinels, n.Addr)
	}
	s.leader = func(ctx context.Context) (string, *procs.Process, error) {
		addr, err := group.Master(ctx)
		if err != nil {
			return "", nil, err
		}
		r := group.ByAddr(addr)
		if r == nil {
			return "", nil, fmt.Errorf("master %s: %w", addr, procs.ErrNotRunning)
		}
		return addr, r.Process, nil
	}
	return s
}

// inject hurts the leader and returns it: its process does not run any more after
// a kill.
func (s *system) inject(ctx context.Context, fault string) (*procs.Process, error) {
	_, leader, err := s.leader(ctx)
	if err != nil {
		return nil, err
	}
	if fault == kill {
		return leader, leader.Kill()
	}
	// Sentinel refuses while it takes an earlier fail-over for unfinished.
	return leader, session.Within(ctx, wholeWithin, func(ctx context.Context) error {
		return procs.Poll(ctx, func(ctx context.Context) error {
			_, err := wire.Ask(ctx, s.target.Sentinels[0], "SENTINEL", "FAILOVER", s.target.Master)
			return err
		})
	})
}

// value reads a counter where it is kept now.
func (s *system) value(ctx context.Context, key string) (value int64, err error) {
	err = session.Within(ctx, readWithin, func(ctx context.Context) error {
		return procs.Poll(ctx, func(ctx context.Context) error {
			addr, _, err := s.leader(ctx)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			// A write: a deposed leader cannot answer it.
			reply, err := wire.Ask(ctx, addr, "INCRBY", key, "0")
			value = reply.Int
			return err
		})
	})
	if err != nil {
		return 0, fmt.Errorf("read %s of %s: %w", key, s.name, err)
	}
	return value, nil
}
