// rueidis with Sentinel: how an application uses pingd, and what the tests run.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"pingd/integration/clients/golang/drive"
)

// connect is what an application does: name the Sentinels and the cluster, nothing
// else. Client-side caching is on unless it is turned off.
func connect(c drive.Cluster, more func(*rueidis.ClientOption)) (rueidis.Client, error) {
	o := rueidis.ClientOption{
		InitAddress: c.Sentinels,
		Sentinel:    rueidis.SentinelOption{MasterSet: c.Master, Password: c.Password},
		Password:    c.Password,
	}
	if more != nil {
		more(&o)
	}
	return rueidis.NewClient(o)
}

func main() {
	mode, cluster, key := drive.Args()
	a := &app{cluster: cluster, key: key}
	var err, err2 error
	a.master, err = connect(cluster, nil)
	a.replica, err2 = connect(cluster, func(o *rueidis.ClientOption) { o.ReplicaOnly = true })
	if err := errors.Join(err, err2); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	drive.Run(mode, drive.Example{
		Module: "github.com/redis/rueidis",
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
			{Name: "caching_broadcast", Test: a.broadcast},
			{Name: "wrong_password", Test: a.wrongPassword},
		},
		Increment: func(ctx context.Context) (int64, error) {
			return a.master.Do(ctx, a.master.B().Incr().Key(key).Build()).AsInt64()
		},
	})
}

type app struct {
	cluster         drive.Cluster
	key             string
	master, replica rueidis.Client
}

func (a *app) set(ctx context.Context, value string) error {
	return a.master.Do(ctx, a.master.B().Set().Key(a.key).Value(value).Build()).Error()
}

func (a *app) discovery(ctx context.Context) error {
	for role, c := range map[string]rueidis.Client{"master": a.master, "slave": a.replica} {
		got, err := c.Do(ctx, c.B().Role().Build()).ToArray()
		if err != nil {
			return err
		}
		if word, _ := got[0].ToString(); word != role {
			return fmt.Errorf("role %s, want %s", word, role)
		}
	}
	return nil
}

func (a *app) writeAndRead(ctx context.Context) error {
	if err := a.set(ctx, "v"); err != nil {
		return err
	}
	b := a.master.B().Hset().Key(a.key+":h").FieldValue().FieldValue("a", "1").FieldValue("b", "2").Build()
	if err := a.master.Do(ctx, b).Error(); err != nil {
		return err
	}
	got, err := a.master.Do(ctx, a.master.B().Get().Key(a.key).Build()).ToString()
	all, err2 := a.master.Do(ctx, a.master.B().Hgetall().Key(a.key+":h").Build()).AsStrMap()
	return errors.Join(err, err2, drive.Want("GET", got, "v"), drive.Want("HGETALL", all, "map[a:1 b:2]"))
}

// A replica answers with what was written just now: reads are linearizable.
func (a *app) replicaRead(ctx context.Context) error {
	for i := range 20 {
		if err := a.set(ctx, fmt.Sprint(i)); err != nil {
			return err
		}
		got, err := a.replica.Do(ctx, a.replica.B().Get().Key(a.key).Build()).ToString()
		if err != nil || got != fmt.Sprint(i) {
			return fmt.Errorf("the replica has %s, want %d: %w", got, i, err)
		}
	}
	return nil
}

func (a *app) pipeline(ctx context.Context) error {
	defer a.master.Do(ctx, a.master.B().Del().Key(a.key+":p").Build())
	cmds := make(rueidis.Commands, 0, 1000)
	for range 1000 {
		cmds = append(cmds, a.master.B().Incr().Key(a.key+":p").Build())
	}
	got, err := a.master.DoMulti(ctx, cmds...)[999].AsInt64()
	return errors.Join(err, drive.Want("last of 1000", got, 1000))
}

func (a *app) multi(ctx context.Context) error {
	return a.master.Dedicated(func(c rueidis.DedicatedClient) error {
		replies := c.DoMulti(ctx, c.B().Multi().Build(), c.B().Set().Key(a.key).Value("1").Build(),
			c.B().Incr().Key(a.key).Build(), c.B().Get().Key(a.key).Build(), c.B().Exec().Build())
		exec, err := replies[4].ToArray()
		if err != nil {
			return err
		}
		got, err := exec[2].ToString()
		return errors.Join(err, drive.Want("GET", got, "2"))
	})
}

func (a *app) watchConflict(ctx context.Context) error {
	return a.master.Dedicated(func(c rueidis.DedicatedClient) error {
		if err := c.Do(ctx, c.B().Watch().Key(a.key).Build()).Error(); err != nil {
			return err
		}
		if err := a.set(ctx, "other"); err != nil {
			return err
		}
		replies := c.DoMulti(ctx, c.B().Multi().Build(), c.B().Set().Key(a.key).Value("mine").Build(), c.B().Exec().Build())
		if err := replies[2].Error(); !rueidis.IsRedisNil(err) {
			return fmt.Errorf("the transaction ran although the key had changed: %w", err)
		}
		return nil
	})
}

// A message published at the master reaches who listens at a replica, too.
func (a *app) pubsub(ctx context.Context) error {
	for channel, c := range map[string]rueidis.Client{a.key + ":m": a.master, a.key + ":r": a.replica} {
		heard := make(chan string, 1)
		listen, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			_ = c.Receive(listen, c.B().Subscribe().Channel(channel).Build(), func(m rueidis.PubSubMessage) { heard <- m.Message })
		}()
		for n := int64(0); n == 0; { // until the subscription is there
			var err error
			if n, err = a.master.Do(ctx, a.master.B().Publish().Channel(channel).Message("hello").Build()).AsInt64(); err != nil {
				return err
			}
		}
		select {
		case m := <-heard:
			if err := drive.Want("message", m, "hello"); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		cancel()
	}
	return nil
}

func (a *app) scan(ctx context.Context) error {
	pairs := map[string]string{}
	for i := range 500 {
		pairs[fmt.Sprint(a.key, ":s", i)] = fmt.Sprint(i)
	}
	for key, err := range rueidis.MSet(a.master, ctx, pairs) {
		if err != nil {
			return fmt.Errorf("MSET %s: %w", key, err)
		}
	}
	found, cursor := map[string]bool{}, uint64(0)
	for first := true; first || cursor != 0; first = false {
		page, err := a.master.Do(ctx, a.master.B().Scan().Cursor(cursor).Match(a.key+":s*").Count(100).Build()).AsScanEntry()
		if err != nil {
			return err
		}
		for _, k := range page.Elements {
			found[k] = true
		}
		cursor = page.Cursor
	}
	return drive.Want("keys", len(found), 500)
}

// What is read is kept here until another client changes it, at any node.
func (a *app) caching(ctx context.Context) error { return a.cachedBy(ctx, a.master, a.replica) }

// The same without telling the server what was read: it tells of all changes.
func (a *app) broadcast(ctx context.Context) error {
	c, err := connect(a.cluster, func(o *rueidis.ClientOption) {
		o.ClientTrackingOptions = []string{"PREFIX", a.key, "BCAST"}
	})
	if err != nil {
		return err
	}
	defer c.Close()
	return a.cachedBy(ctx, c)
}

func (a *app) cachedBy(ctx context.Context, clients ...rueidis.Client) error {
	for round, c := range clients {
		old, changed := fmt.Sprint("old", round), fmt.Sprint("new", round)
		if err := a.set(ctx, old); err != nil {
			return err
		}
		read := func() (string, bool, error) {
			r := c.DoCache(ctx, c.B().Get().Key(a.key).Cache(), time.Minute)
			s, err := r.ToString()
			return s, r.IsCacheHit(), err
		}
		// A change of a moment ago may still be told: read until it is kept.
		for hit := false; !hit; {
			got, kept, err := read()
			if hit = kept; err != nil || kept && got != old {
				return fmt.Errorf("cached %q, want %q: %w", got, old, err)
			}
		}
		if err := a.set(ctx, changed); err != nil {
			return err
		}
		for got := ""; got != changed; {
			var err error
			if got, _, err = read(); err != nil {
				return fmt.Errorf("the cache is stale: %q, %w", got, err)
			}
			if ctx.Err() != nil {
				return fmt.Errorf("the cache is stale: %q", got)
			}
		}
	}
	return nil
}

func (a *app) wrongPassword(context.Context) error {
	if a.cluster.Password == "" {
		return nil
	}
	c, err := connect(a.cluster, func(o *rueidis.ClientOption) { o.Password = "wrong" })
	if err == nil {
		c.Close()
		return errors.New("a wrong password was taken")
	}
	if !strings.Contains(err.Error(), "WRONGPASS") {
		return fmt.Errorf("a wrong password gives %w", err)
	}
	return nil
}
