package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"pingd/integration/procs"
	"pingd/integration/procs/wire"
)

// errNotYet is an answer other than the one waited for.
var errNotYet = errors.New("not ready")

// Redis is one redis-server that syncs every write to disk (appendfsync
// always), as pingd does.
type Redis struct {
	*procs.Process
	Addr string
}

// StartRedis starts a server alone and waits until it answers.
func StartRedis(ctx context.Context, lab *procs.Lab, name string) (*Redis, error) {
	return startRedis(ctx, lab, name, "")
}

func startRedis(ctx context.Context, lab *procs.Lab, name, master string) (*Redis, error) {
	path, err := find("redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	dir, err := lab.Dir(name)
	if err != nil {
		return nil, err
	}
	port, err := lab.Port()
	if err != nil {
		return nil, err
	}
	conf := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nappendonly yes\nappendfsync always\nsave \"\"\n"+
		"repl-diskless-sync yes\nrepl-diskless-sync-delay 0\n", port, dir)
	if master != "" {
		host, masterPort, err := net.SplitHostPort(master)
		if err != nil {
			return nil, fmt.Errorf("replica of %q: %w", master, err)
		}
		conf += fmt.Sprintf("replicaof %s %s\n", host, masterPort)
	}
	file, err := write(dir, "redis.conf", conf)
	if err != nil {
		return nil, err
	}
	p, err := lab.Start(ctx, procs.Spec{Name: name, Path: path, Args: []string{file}, Dir: dir})
	if err != nil {
		return nil, err
	}
	r := &Redis{Process: p, Addr: fmt.Sprintf("127.0.0.1:%d", port)}
	return r, p.WaitReady(ctx, redisPings(r.Addr))
}

// redisPings asks whether a Redis answers PING.
func redisPings(addr string) func(context.Context) error {
	return func(ctx context.Context) error {
		reply, err := ask(ctx, addr, "PING")
		if err != nil {
			return err
		}
		if reply.Text != "PONG" {
			return fmt.Errorf("%w: PING answers %q", errNotYet, reply.Text)
		}
		return nil
	}
}

// ask bounds one question, for servers that may be paused.
func ask(ctx context.Context, addr string, args ...string) (wire.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return wire.Ask(ctx, addr, args...)
}

// RedisGroup is a master with replicas, and Sentinels if asked for. Who is
// master changes: ask Master.
type RedisGroup struct {
	Servers   []*Redis
	Sentinels []*Sentinel
}

// StartRedisGroup starts a master and replicas and waits until every replica
// follows it.
func StartRedisGroup(ctx context.Context, lab *procs.Lab, name string, replicas int) (*RedisGroup, error) {
	master, err := StartRedis(ctx, lab, name+"1")
	if err != nil {
		return nil, err
	}
	g := &RedisGroup{Servers: []*Redis{master}}
	for i := range replicas {
		r, err := startRedis(ctx, lab, fmt.Sprintf("%s%d", name, i+2), master.Addr)
		if err != nil {
			return nil, err
		}
		g.Servers = append(g.Servers, r)
	}
	return g, g.WaitWhole(ctx)
}

// WaitWhole waits until every server is either the one master or a replica of
// it that is in step.
func (g *RedisGroup) WaitWhole(ctx context.Context) error {
	return procs.Poll(ctx, func(ctx context.Context) error {
		masters, online := 0, 0
		for _, r := range g.Servers {
			reply, err := ask(ctx, r.Addr, "INFO", "replication")
			if err != nil {
				return err
			}
			if strings.Contains(reply.Text, "role:master") {
				masters++
				online = strings.Count(reply.Text, "state=online")
			} else if !strings.Contains(reply.Text, "master_link_status:up") {
				return fmt.Errorf("%w: %s has no link to its master", errNotYet, r.Name())
			}
		}
		if masters != 1 || online != len(g.Servers)-1 {
			return fmt.Errorf("%w: %d masters, %d replicas in step", errNotYet, masters, online)
		}
		return nil
	})
}

// ByAddr returns the server at addr, nil if none.
func (g *RedisGroup) ByAddr(addr string) *Redis {
	for _, r := range g.Servers {
		if r.Addr == addr {
			return r
		}
	}
	return nil
}
