// go-redis with Sentinel: how an application uses pingd, and what the tests run.
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"pingd/integration/clients/golang/drive"
)

// connect is what an application does: name the Sentinels and the cluster, nothing
// else.
func connect(c drive.Cluster, more func(*redis.FailoverOptions)) *redis.Client {
	o := &redis.FailoverOptions{
		MasterName:       c.Master,
		SentinelAddrs:    c.Sentinels,
		SentinelPassword: c.Password,
		Password:         c.Password,
		// The Sentinel of a leader that died is gone with it: ask another one soon.
		DialerRetries: 1,
	}
	if more != nil {
		more(o)
	}
	return redis.NewFailoverClient(o)
}

func main() {
	logging.Disable()
	mode, cluster, key := drive.Args()
	a := &app{cluster: cluster, key: key, master: connect(cluster, nil)}
	a.replica = connect(cluster, func(o *redis.FailoverOptions) { o.ReplicaOnly = true })
	drive.Run(mode, drive.Example{
		Module: "github.com/redis/go-redis/v9",
		Features: []drive.Feature{
			{Name: "discovery", Test: a.discovery},
			{Name: "write_and_read", Test: a.writeAndRead},
			{Name: "replica_read", Test: a.replicaRead},
			{Name: "pipeline", Test: a.pipeline},
			{Name: "multi", Test: a.multi},
			{Name: "watch_conflict", Test: a.watchConflict},
			{Name: "pubsub", Test: a.pubsub},
			{Name: "scan", Test: a.scan},
			{Name: "wrong_password", Test: a.wrongPassword},
		},
		Increment: func(ctx context.Context) (int64, error) { return a.master.Incr(ctx, key).Result() },
	})
}

type app struct {
	cluster         drive.Cluster
	key             string
	master, replica *redis.Client
}

func (a *app) discovery(ctx context.Context) error {
	for role, c := range map[string]*redis.Client{"master": a.master, "slave": a.replica} {
		got, err := c.Do(ctx, "ROLE").Slice()
		if err != nil {
			return err
		}
		if err := drive.Want("role", got[0], role); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) writeAndRead(ctx context.Context) error {
	if err := a.master.Set(ctx, a.key, "v", time.Minute).Err(); err != nil {
		return err
	}
	if err := a.master.HSet(ctx, a.key+":h", "a", 1, "b", 2).Err(); err != nil {
		return err
	}
	all, err := a.master.HGetAll(ctx, a.key+":h").Result()
	if err != nil {
		return err
	}
	return errors.Join(drive.Want("GET", a.master.Get(ctx, a.key).Val(), "v"), drive.Want("HGETALL", all, "map[a:1 b:2]"))
}

// A replica answers with what was written just now: reads are linearizable.
func (a *app) replicaRead(ctx context.Context) error {
	for i := range 20 {
		if err := a.master.Set(ctx, a.key, i, 0).Err(); err != nil {
			return err
		}
		if got, err := a.replica.Get(ctx, a.key).Int(); err != nil || got != i {
			return fmt.Errorf("the replica has %d, want %d: %w", got, i, err)
		}
	}
	return nil
}

func (a *app) pipeline(ctx context.Context) error {
	defer a.master.Del(ctx, a.key+":p")
	cmds, err := a.master.Pipelined(ctx, func(p redis.Pipeliner) error {
		for range 1000 {
			p.Incr(ctx, a.key+":p")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return drive.Want("last of 1000", cmds[999].(*redis.IntCmd).Val(), 1000)
}

func (a *app) multi(ctx context.Context) error {
	var last *redis.StringCmd
	_, err := a.master.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, a.key, 1, 0)
		p.Incr(ctx, a.key)
		last = p.Get(ctx, a.key)
		return nil
	})
	if err != nil {
		return err
	}
	return drive.Want("GET", last.Val(), "2")
}

func (a *app) watchConflict(ctx context.Context) error {
	err := a.master.Watch(ctx, func(tx *redis.Tx) error {
		if err := a.master.Set(ctx, a.key, "other", 0).Err(); err != nil {
			return err
		}
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, a.key, "mine", 0).Err() })
		return err
	}, a.key)
	if errors.Is(err, redis.TxFailedErr) {
		return nil
	}
	return fmt.Errorf("the transaction ran although the key had changed: %w", err)
}

// A message published at the master reaches who listens at a replica, too.
func (a *app) pubsub(ctx context.Context) error {
	for channel, c := range map[string]*redis.Client{a.key + ":m": a.master, a.key + ":r": a.replica} {
		sub := c.Subscribe(ctx, channel)
		defer sub.Close()
		if _, err := sub.Receive(ctx); err != nil {
			return err
		}
		if n, err := a.master.Publish(ctx, channel, "hello").Result(); err != nil || n != 1 {
			return fmt.Errorf("%d receivers, %w", n, err)
		}
		m, err := sub.ReceiveMessage(ctx)
		if err != nil {
			return err
		}
		if err := drive.Want("message", m.Payload, "hello"); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) scan(ctx context.Context) error {
	var pairs []any
	for i := range 500 {
		pairs = append(pairs, fmt.Sprint(a.key, ":s", i), i)
	}
	if err := a.master.MSet(ctx, pairs...).Err(); err != nil {
		return err
	}
	found := map[string]bool{}
	it := a.master.Scan(ctx, 0, a.key+":s*", 100).Iterator()
	for it.Next(ctx) {
		found[it.Val()] = true
	}
	return errors.Join(it.Err(), drive.Want("keys", len(found), 500))
}

func (a *app) wrongPassword(ctx context.Context) error {
	if a.cluster.Password == "" {
		return nil
	}
	c := connect(a.cluster, func(o *redis.FailoverOptions) { o.Password, o.MaxRetries = "wrong", -1 })
	defer c.Close()
	if err := c.Ping(ctx).Err(); err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		return fmt.Errorf("a wrong password gives %w", err)
	}
	return nil
}
