package peers

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"pingd/integration/procs"
	"pingd/integration/procs/wire"
)

// MasterName is what the Sentinels call the group.
const MasterName = "master"

// askTime bounds one question to a server that may be paused.
const askTime = 300 * time.Millisecond

// Sentinel is one redis-sentinel.
type Sentinel struct {
	*procs.Process
	Addr string
}

// StartSentinels starts n Sentinels over the group, each calling the master
// down after downAfter (Sentinel's down-after-milliseconds), and waits until
// they know one another and every replica. The quorum is a majority.
func (g *RedisGroup) StartSentinels(ctx context.Context, lab *procs.Lab, name string, n int, downAfter time.Duration) error {
	// The server under another name is the Sentinel; Debian puts both in one
	// package's family, so only the server must be there.
	path, err := find("redis-server", "redis-server")
	if err != nil {
		return err
	}
	for i := range n {
		s, err := g.startSentinel(ctx, lab, path, fmt.Sprintf("%s%d", name, i+1), n/2+1, downAfter)
		if err != nil {
			return err
		}
		g.Sentinels = append(g.Sentinels, s)
	}
	for _, s := range g.Sentinels {
		if err := s.WaitReady(ctx, g.knows(s)); err != nil {
			return err
		}
	}
	return nil
}

func (g *RedisGroup) startSentinel(ctx context.Context, lab *procs.Lab, path, name string, quorum int, downAfter time.Duration) (*Sentinel, error) {
	dir, err := lab.Dir(name)
	if err != nil {
		return nil, err
	}
	port, err := lab.Port()
	if err != nil {
		return nil, err
	}
	host, masterPort, err := net.SplitHostPort(g.Servers[0].Addr)
	if err != nil {
		return nil, fmt.Errorf("watch %q: %w", g.Servers[0].Addr, err)
	}
	// failover-timeout as short as helps: it is how soon a failover may be
	// tried again on the same master, so rounds do not hinder one another.
	file, err := write(dir, "sentinel.conf", fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\n"+
		"sentinel monitor %s %s %s %d\nsentinel down-after-milliseconds %s %d\n"+
		"sentinel failover-timeout %s 5000\nsentinel parallel-syncs %s 2\n",
		port, dir, MasterName, host, masterPort, quorum, MasterName, downAfter.Milliseconds(), MasterName, MasterName))
	if err != nil {
		return nil, err
	}
	p, err := lab.Start(ctx, procs.Spec{Name: name, Path: path, Args: []string{file, "--sentinel"}, Dir: dir})
	if err != nil {
		return nil, err
	}
	return &Sentinel{Process: p, Addr: fmt.Sprintf("127.0.0.1:%d", port)}, nil
}

// knows asks whether a Sentinel has found all others and all replicas.
func (g *RedisGroup) knows(s *Sentinel) func(context.Context) error {
	want := []string{
		"status=ok", fmt.Sprintf("slaves=%d", len(g.Servers)-1), fmt.Sprintf("sentinels=%d", len(g.Sentinels)),
	}
	return func(ctx context.Context) error {
		reply, err := ask(ctx, s.Addr, "INFO", "sentinel")
		if err != nil {
			return err
		}
		for _, w := range want {
			if !strings.Contains(reply.Text, w) {
				return fmt.Errorf("%w: no %s in %q", errNotYet, w, reply.Text)
			}
		}
		return nil
	}
}

// WaitCalm waits until the group is whole and every Sentinel sees it so: the
// state from which the next fault is fair.
func (g *RedisGroup) WaitCalm(ctx context.Context) error {
	if err := g.WaitWhole(ctx); err != nil {
		return err
	}
	for _, s := range g.Sentinels {
		if err := s.WaitReady(ctx, g.knows(s)); err != nil {
			return err
		}
	}
	return nil
}

// Follow subscribes to what every Sentinel tells its clients of another master
// (+switch-master), until ctx ends. The channel holds one; switches returns how many
// times the master was switched since, in the eyes of whoever saw the most.
func (g *RedisGroup) Follow(ctx context.Context) (moved <-chan struct{}, switches func() int, err error) {
	out := make(chan struct{}, 1)
	counts := make([]atomic.Int64, len(g.Sentinels))
	for i, s := range g.Sentinels {
		c, err := wire.Dial(ctx, s.Addr)
		if err == nil {
			err = c.Send(wire.AppendCommand(nil, "SUBSCRIBE", "+switch-master"))
		}
		if err == nil {
			_, err = c.Read() // that it is subscribed
		}
		if err != nil {
			return nil, nil, fmt.Errorf("subscribe to %s: %w", s.Name(), err)
		}
		context.AfterFunc(ctx, func() { _ = c.Close() })
		go func() { // ends with the connection
			for {
				r, err := c.Read()
				if err != nil {
					return
				}
				if len(r.Items) == 3 && r.Items[0].Text == "message" {
					counts[i].Add(1)
					select {
					case out <- struct{}{}:
					default:
					}
				}
			}
		}()
	}
	return out, func() int {
		most := int64(0)
		for i := range counts {
			most = max(most, counts[i].Load())
		}
		return int(most)
	}, nil
}

// Master asks one Sentinel after the other for the master's address and returns
// the first answer.
func (g *RedisGroup) Master(ctx context.Context) (string, error) {
	err := fmt.Errorf("%w: no Sentinel", errNotYet)
	for _, s := range g.Sentinels {
		reply, askErr := ask(ctx, s.Addr, "SENTINEL", "get-master-addr-by-name", MasterName)
		if askErr != nil {
			err = askErr
			continue
		}
		if len(reply.Items) == 2 {
			return net.JoinHostPort(reply.Items[0].Text, reply.Items[1].Text), nil
		}
		err = fmt.Errorf("%w: %s knows no master", errNotYet, s.Name())
	}
	return "", err
}
