// redigo, which knows nothing of Sentinel: how an application uses pingd, and what
// the tests run.
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"pingd/integration/clients/golang/drive"
)

// pool returns connections to the master, or to a replica. Each new one asks a
// Sentinel where that is; one that has become something else is thrown away.
func pool(c drive.Cluster, role string) *redis.Pool {
	return &redis.Pool{
		MaxIdle: 4,
		DialContext: func(ctx context.Context) (redis.Conn, error) {
			addr, err := locate(ctx, c, role)
			if err != nil {
				return nil, err
			}
			return redis.DialContext(ctx, "tcp", addr, redis.DialPassword(c.Password))
		},
		TestOnBorrowContext: func(_ context.Context, conn redis.Conn, _ time.Time) error {
			got, err := redis.Values(conn.Do("ROLE"))
			if err != nil {
				return err
			}
			if word, _ := redis.String(got[0], nil); word != role {
				return fmt.Errorf("the node is a %s now", word)
			}
			return nil
		},
	}
}

// locate asks the Sentinels, one after the other.
func locate(ctx context.Context, c drive.Cluster, role string) (string, error) {
	var errs []error
	for _, sentinel := range c.Sentinels {
		addr, err := ask(ctx, c, sentinel, role)
		if err == nil {
			return addr, nil
		}
		errs = append(errs, fmt.Errorf("ask %s: %w", sentinel, err))
	}
	return "", errors.Join(errs...)
}

func ask(ctx context.Context, c drive.Cluster, sentinel, role string) (string, error) {
	conn, err := redis.DialContext(ctx, "tcp", sentinel, redis.DialPassword(c.Password),
		redis.DialConnectTimeout(time.Second), redis.DialReadTimeout(time.Second))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if role == "master" {
		parts, err := redis.Strings(conn.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", c.Master))
		if err != nil {
			return "", err
		}
		return parts[0] + ":" + parts[1], nil
	}
	list, err := redis.Values(conn.Do("SENTINEL", "REPLICAS", c.Master))
	if err != nil {
		return "", err
	}
	for _, entry := range list {
		replica, err := redis.StringMap(entry, nil)
		if err == nil && replica["flags"] == "slave" {
			return replica["ip"] + ":" + replica["port"], nil
		}
	}
	return "", errors.New("no replica is well")
}

func main() {
	mode, cluster, key := drive.Args()
	a := &app{cluster: cluster, key: key, master: pool(cluster, "master"), replica: pool(cluster, "slave")}
	drive.Run(mode, drive.Example{
		Module: "github.com/gomodule/redigo",
		Features: []drive.Feature{
			{Name: "discovery", Test: a.discovery},
			{Name: "write_and_read", Test: a.writeAndRead},
			{Name: "replica_read", Test: a.replicaRead},
			{Name: "pipeline", Test: a.pipeline},
			{Name: "multi", Test: a.multi},
			{Name: "watch_conflict", Test: a.watchConflict},
			{Name: "pubsub", Test: a.pubsub},
			{Name: "scan", Test: a.scan},
			{Name: "caching", Test: a.caching},
			{Name: "wrong_password", Test: a.wrongPassword},
		},
		Increment: func(ctx context.Context) (int64, error) { return redis.Int64(do(ctx, a.master, "INCR", key)) },
	})
}

// do runs one command on a connection of the pool.
func do(ctx context.Context, p *redis.Pool, command string, args ...any) (any, error) {
	conn, err := p.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return redis.DoContext(conn, ctx, command, args...)
}

type app struct {
	cluster         drive.Cluster
	key             string
	master, replica *redis.Pool
}

func (a *app) discovery(ctx context.Context) error {
	for role, p := range map[string]*redis.Pool{"master": a.master, "slave": a.replica} {
		got, err := redis.Values(do(ctx, p, "ROLE"))
		if err != nil {
			return err
		}
		if err := drive.Want("role", fmt.Sprintf("%s", got[0]), role); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) writeAndRead(ctx context.Context) error {
	if _, err := do(ctx, a.master, "SET", a.key, "v", "EX", 60); err != nil {
		return err
	}
	if _, err := do(ctx, a.master, "HSET", a.key+":h", "a", 1, "b", 2); err != nil {
		return err
	}
	got, err := redis.String(do(ctx, a.master, "GET", a.key))
	all, err2 := redis.StringMap(do(ctx, a.master, "HGETALL", a.key+":h"))
	return errors.Join(err, err2, drive.Want("GET", got, "v"), drive.Want("HGETALL", all, "map[a:1 b:2]"))
}

// A replica answers with what was written just now: reads are linearizable.
func (a *app) replicaRead(ctx context.Context) error {
	for i := range 20 {
		if _, err := do(ctx, a.master, "SET", a.key, i); err != nil {
			return err
		}
		if got, err := redis.Int(do(ctx, a.replica, "GET", a.key)); err != nil || got != i {
			return fmt.Errorf("the replica has %d, want %d: %w", got, i, err)
		}
	}
	return nil
}

func (a *app) pipeline(ctx context.Context) error {
	conn, err := a.master.GetContext(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for range 1000 {
		if err := conn.Send("INCR", a.key+":p"); err != nil {
			return err
		}
	}
	all, err := redis.Int64s(conn.Do(""))
	if err != nil {
		return err
	}
	_, err = conn.Do("DEL", a.key+":p")
	return errors.Join(err, drive.Want("last of 1000", all[999], 1000))
}

func (a *app) multi(ctx context.Context) error {
	conn, err := a.master.GetContext(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	err = errors.Join(conn.Send("MULTI"), conn.Send("SET", a.key, 1), conn.Send("INCR", a.key), conn.Send("GET", a.key))
	replies, err2 := redis.Values(conn.Do("EXEC"))
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	return drive.Want("GET", fmt.Sprintf("%s", replies[2]), "2")
}

func (a *app) watchConflict(ctx context.Context) error {
	conn, err := a.master.GetContext(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Do("WATCH", a.key); err != nil {
		return err
	}
	if _, err := do(ctx, a.master, "SET", a.key, "other"); err != nil {
		return err
	}
	if err := errors.Join(conn.Send("MULTI"), conn.Send("SET", a.key, "mine")); err != nil {
		return err
	}
	if _, err := redis.Values(conn.Do("EXEC")); !errors.Is(err, redis.ErrNil) {
		return fmt.Errorf("the transaction ran although the key had changed: %w", err)
	}
	return nil
}

// A message published at the master reaches who listens at a replica, too.
func (a *app) pubsub(ctx context.Context) error {
	return errors.Join(a.hear(ctx, a.master, a.key+":m"), a.hear(ctx, a.replica, a.key+":r"))
}

func (a *app) hear(ctx context.Context, p *redis.Pool, channel string) error {
	conn, err := p.GetContext(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // which unsubscribes
	sub := redis.PubSubConn{Conn: conn}
	if err := sub.Subscribe(channel); err != nil {
		return err
	}
	if got, ok := sub.ReceiveContext(ctx).(redis.Subscription); !ok {
		return fmt.Errorf("not subscribed: %v", got)
	}
	if n, err := redis.Int(do(ctx, a.master, "PUBLISH", channel, "hello")); err != nil || n != 1 {
		return fmt.Errorf("%d receivers, %w", n, err)
	}
	if got, ok := sub.ReceiveContext(ctx).(redis.Message); !ok || string(got.Data) != "hello" {
		return fmt.Errorf("heard %v", got)
	}
	return nil
}

func (a *app) scan(ctx context.Context) error {
	args := redis.Args{}
	for i := range 500 {
		args = args.Add(fmt.Sprint(a.key, ":s", i), i)
	}
	if _, err := do(ctx, a.master, "MSET", args...); err != nil {
		return err
	}
	found, cursor := map[string]bool{}, "0"
	for first := true; first || cursor != "0"; first = false {
		page, err := redis.Values(do(ctx, a.master, "SCAN", cursor, "MATCH", a.key+":s*", "COUNT", 100))
		if err != nil {
			return err
		}
		var keys []string
		if _, err := redis.Scan(page, &cursor, &keys); err != nil {
			return err
		}
		for _, k := range keys {
			found[k] = true
		}
	}
	return drive.Want("keys", len(found), 500)
}

// A second connection hears which keys have changed that the first one has read: it
// subscribes to the channel that RESP2 has for this.
func (a *app) caching(ctx context.Context) error {
	listener, err := a.master.GetContext(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	id, err := redis.Int64(listener.Do("CLIENT", "ID"))
	if err != nil {
		return err
	}
	sub := redis.PubSubConn{Conn: listener}
	if err := sub.Subscribe("__redis__:invalidate"); err != nil {
		return err
	}
	sub.ReceiveContext(ctx)
	reader, err := a.master.GetContext(ctx)
	if err != nil {
		return err
	}
	defer reader.Close()
	if _, err := reader.Do("CLIENT", "TRACKING", "on", "REDIRECT", id); err != nil {
		return err
	}
	if _, err := reader.Do("GET", a.key); err != nil {
		return err
	}
	if _, err := do(ctx, a.master, "SET", a.key, "changed"); err != nil {
		return err
	}
	// The payload is an array of keys: redigo's PubSubConn does not know it.
	told, err := redis.Values(redis.ReceiveContext(listener, ctx))
	if err != nil {
		return err
	}
	keys, err := redis.Strings(told[2], nil)
	return errors.Join(err, drive.Want("keys", keys, []string{a.key}))
}

func (a *app) wrongPassword(ctx context.Context) error {
	if a.cluster.Password == "" {
		return nil
	}
	addr, err := locate(ctx, a.cluster, "master")
	if err != nil {
		return err
	}
	if _, err := redis.DialContext(ctx, "tcp", addr, redis.DialPassword("wrong")); err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		return fmt.Errorf("a wrong password gives %w", err)
	}
	return nil
}
