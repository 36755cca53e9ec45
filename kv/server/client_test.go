package server

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestRedisCLI(t *testing.T) {
	cli := program(t, "redis-cli", "redis-tools")
	r := start(t, func(c *Config) { c.Secret = "sesame" })
	host, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, proto := range []string{"-2", "-3"} {
		ask := func(args ...string) string {
			cmd := exec.CommandContext(t.Context(), cli, append([]string{
				"-h", host, "-p", port, "-a", "sesame", "--no-auth-warning", proto,
			}, args...)...)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("redis-cli %v: %v", args, err)
			}
			return strings.TrimSpace(string(out))
		}
		for _, c := range []struct{ cmd, want string }{
			{"FLUSHALL", "OK"},
			{"PING", "PONG"},
			{"SET k v", "OK"},
			{"GET k", "v"},
			{"INCR n", "1"},
			{"GET", "ERR wrong number of arguments for 'get' command"},
			{"CONFIG GET databases", map[string]string{"-2": "databases\n16", "-3": "databases 16"}[proto]},
		} {
			if got := ask(strings.Fields(c.cmd)...); got != c.want {
				t.Errorf("%s %s gives %q, want %q", proto, c.cmd, got, c.want)
			}
		}
		if got := ask("INFO", "server"); !strings.Contains(got, "redis_version:7.0.15") {
			t.Errorf("INFO: %s", got)
		}
		if got := ask("COMMAND", "DOCS", "get"); !strings.Contains(got, "Get the value of a key") {
			t.Errorf("COMMAND DOCS: %s", got)
		}
	}
}

// goRedis returns a go-redis client of the server.
func goRedis(t *testing.T, r *running, proto int) *redis.Client {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: r.addr, Password: r.cfg.Secret, Protocol: proto, MaxRetries: -1})
	t.Cleanup(func() { rdb.Close() })
	return rdb
}

func TestGoRedis(t *testing.T) {
	for _, proto := range []int{2, 3} {
		r := start(t, func(c *Config) { c.Secret = "sesame" })
		rdb := goRedis(t, r, proto)
		ctx := t.Context()
		if err := rdb.Set(ctx, "k", 1, time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
		cmds, err := rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Incr(ctx, "k")
			p.Get(ctx, "absent")
			p.Publish(ctx, "c", "m")
			return nil
		})
		if !errors.Is(err, redis.Nil) || cmds[0].(*redis.IntCmd).Val() != 2 {
			t.Errorf("transaction: %v, %v", cmds, err)
		}
		cmds, err = rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for range 3000 {
				p.Incr(ctx, "n")
			}
			return nil
		})
		if err != nil || cmds[2999].(*redis.IntCmd).Val() != 3000 {
			t.Errorf("pipeline: %v", err)
		}
		if _, err := rdb.ConfigGet(ctx, "*").Result(); err != nil {
			t.Error(err)
		}
		if docs, err := rdb.Command(ctx).Result(); err != nil || docs["get"] == nil || !docs["get"].ReadOnly {
			t.Errorf("COMMAND: %v", err)
		}
	}
}

// Ten workers raise one number under WATCH: none of their changes is lost.
func TestGoRedisWatch(t *testing.T) {
	r := start(t, nil)
	rdb := goRedis(t, r, 3)
	done := make(chan error)
	const workers, each = 10, 20
	for range workers {
		go func() {
			for i := 0; i < each; {
				err := rdb.Watch(t.Context(), func(tx *redis.Tx) error {
					n, err := tx.Get(t.Context(), "k").Int()
					if err != nil && !errors.Is(err, redis.Nil) {
						return err
					}
					_, err = tx.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
						p.Set(t.Context(), "k", n+1, 0)
						return nil
					})
					return err
				}, "k")
				switch {
				case err == nil:
					i++
				case !errors.Is(err, redis.TxFailedErr):
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range workers {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if n, err := rdb.Get(t.Context(), "k").Int(); err != nil || n != workers*each {
		t.Errorf("%d, %v", n, err)
	}
}

func TestGoRedisSubscribe(t *testing.T) {
	for _, proto := range []int{2, 3} {
		r := start(t, nil)
		rdb := goRedis(t, r, proto)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		sub := rdb.PSubscribe(ctx, "__keyspace@0__:app/*")
		if _, err := sub.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		if err := rdb.Set(ctx, "app/1", "x", 0).Err(); err != nil {
			t.Fatal(err)
		}
		m, err := sub.ReceiveMessage(ctx)
		if err != nil || m.Channel != "__keyspace@0__:app/1" || m.Payload != "set" {
			t.Errorf("%v, %v", m, err)
		}
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		wait(t, "the hub to be idle", r.hub.Idle)
	}
}
