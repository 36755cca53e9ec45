package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/session"
	"pingd/integration/bench/stats"
	"pingd/integration/procs"
	"pingd/integration/procs/peers"
)

// names are the systems that store compares, in the order of the table.
var names = []string{"pingd", "etcd", "redis-wait", "redis-alone"}

// system is one running system.
type system struct {
	name  string
	note  string // what exactly is measured: the comparison is as fair as this line
	round func(ctx context.Context, sh shape, warm, takes time.Duration) (drive.Result, error)
	pids  func() []int // of its nodes, the leader first where that is known
}

// pids returns the process ids of nodes.
func pids[P interface{ PID() int }](nodes ...P) func() []int {
	return func() (list []int) {
		for _, n := range nodes {
			list = append(list, n.PID())
		}
		return list
	}
}

// start starts the systems asked for, pingd first.
func (c *Command) start(ctx context.Context, env *session.Session, lab *procs.Lab) ([]system, error) {
	if _, err := env.Binary(ctx, lab); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, session.StartWithin)
	defer cancel()
	starters := map[string]func(context.Context, *session.Session, *procs.Lab) ([]system, error){
		"pingd": c.startPingd, "etcd": startEtcd, "redis-wait": startRedisWait, "redis-alone": startRedisAlone,
	}
	var systems []system
	for _, name := range names {
		if len(c.Only) > 0 && !slices.Contains(c.Only, name) {
			continue
		}
		env.Log.Info("starting", "system", name)
		started, err := starters[name](ctx, env, lab)
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", name, err)
		}
		systems = append(systems, started...)
	}
	return systems, nil
}

func (c *Command) startPingd(ctx context.Context, env *session.Session, lab *procs.Lab) ([]system, error) {
	var systems []system
	for _, log := range c.Log {
		cluster, err := env.StartCluster(ctx, lab, procs.ClusterConfig{
			Stores: 3, StoreArgs: []string{"--log-store=" + log}, Prefix: log + "-",
		})
		if err != nil {
			return nil, err
		}
		leader, err := cluster.WaitWhole(ctx)
		if err != nil {
			return nil, err
		}
		systems = append(systems, system{
			name:  "pingd-" + log,
			note:  "3 nodes, INCR at the leader, on disk on a majority before the answer",
			round: redisRound(leader.Redis, 0),
			pids:  pids(leaderFirst(cluster.Stores, leader)...),
		})
	}
	return systems, nil
}

// leaderFirst returns the nodes in another order.
func leaderFirst(nodes []*procs.Node, leader *procs.Node) []*procs.Node {
	list := []*procs.Node{leader}
	for _, n := range nodes {
		if n != leader {
			list = append(list, n)
		}
	}
	return list
}

// redisRound measures INCR at addr.
func redisRound(addr string, replicas int) func(context.Context, shape, time.Duration, time.Duration) (drive.Result, error) {
	return func(ctx context.Context, sh shape, warm, takes time.Duration) (drive.Result, error) {
		return drive.Round{
			Addr: addr, Clients: sh.clients, Pipeline: sh.pipeline, Replicas: replicas, Warm: warm, For: takes,
		}.Run(ctx)
	}
}

func startRedisWait(ctx context.Context, _ *session.Session, lab *procs.Lab) ([]system, error) {
	g, err := peers.StartRedisGroup(ctx, lab, "redis", 2)
	if err != nil {
		return nil, err
	}
	return []system{{
		name:  "redis-wait",
		note:  "master and 2 replicas, appendfsync always; INCR and WAIT 1 in one write (one WAIT per pipeline); no consensus: a failover may lose acknowledged writes",
		round: redisRound(g.Servers[0].Addr, 1),
		pids:  pids(g.Servers...),
	}}, nil
}

func startRedisAlone(ctx context.Context, _ *session.Session, lab *procs.Lab) ([]system, error) {
	r, err := peers.StartRedis(ctx, lab, "alone")
	if err != nil {
		return nil, err
	}
	return []system{{
		name:  "redis-alone",
		note:  "one server, appendfsync always; nothing is replicated",
		round: redisRound(r.Addr, 0),
		pids:  pids(r),
	}}, nil
}

func startEtcd(ctx context.Context, env *session.Session, lab *procs.Lab) ([]system, error) {
	dir, err := lab.Dir("bin")
	if err != nil {
		return nil, err
	}
	env.Log.Info("building", "package", "integration/bench/etcdload")
	load, err := procs.Build(ctx, dir, "integration/bench/etcdload")
	if err != nil {
		return nil, err
	}
	e, err := peers.StartEtcd(ctx, lab, "etcd", 3)
	if err != nil {
		return nil, err
	}
	return []system{{
		name: "etcd",
		note: "3 members, blind Put of 8 bytes at the leader with etcd's Go client (an INCR would need a read and a compare); where others pipeline, as many puts are under way at once",
		round: func(ctx context.Context, sh shape, warm, takes time.Duration) (drive.Result, error) {
			return etcdRound(ctx, load, e.Endpoints, sh, warm, takes)
		},
		pids: pids(e.Members...),
	}}, nil
}

// etcdConns is how many connections share the puts. From 1 to 16 no difference
// stood out of the noise; one for each client was slower for etcd.
const etcdConns = 8

// etcdRound runs one round of the load generator, which is a program of its own.
func etcdRound(ctx context.Context, program string, endpoints []string, sh shape, warm, takes time.Duration) (drive.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, warm+takes+session.StartWithin)
	defer cancel()
	flying := sh.clients * sh.pipeline
	cmd := exec.CommandContext(ctx, program, "-endpoints="+strings.Join(endpoints, ","),
		"-clients="+strconv.Itoa(flying), "-conns="+strconv.Itoa(min(flying, etcdConns)),
		"-warm="+warm.String(), "-for="+takes.String())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return drive.Result{}, fmt.Errorf("run etcdload: %w: %s", err, stderr.Bytes())
	}
	times := make([]time.Duration, len(out)/8)
	if _, err := binary.Decode(out, binary.LittleEndian, times); err != nil {
		return drive.Result{}, fmt.Errorf("read times of etcdload: %w", err)
	}
	var h stats.Histogram
	for _, d := range times {
		h.Record(d)
	}
	return drive.NewResult(&h, takes), nil
}
