package integration

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"pingd/integration/procs"
	"pingd/integration/procs/peers"
	"pingd/kv/rdb"
)

// run runs a subcommand of pingd and returns what it printed.
func run(ctx context.Context, t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, pingd(t), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if err != nil {
		err = fmt.Errorf("pingd %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), errs.String(), err
}

// mustRun is run that must succeed.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, _, err := run(within(t), t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// digest sums up keys and values of an RDB file, whatever their order; what
// expires, as registrations do, is left out.
type digest struct {
	sum   [32]byte
	keys  int
	name  string
	parts []string
	skip  bool
}

func (d *digest) Key(k rdb.Key) error {
	d.skip = k.ExpireAt != 0
	d.name, d.parts = fmt.Sprintf("%d %s %q", k.DB, k.Kind, k.Name), d.parts[:0]
	return nil
}

func (d *digest) Part(a, b []byte) error {
	d.parts = append(d.parts, fmt.Sprintf("%q=%q", a, b))
	return nil
}

func (d *digest) End() error {
	if d.skip {
		return nil
	}
	d.keys++
	slices.Sort(d.parts)
	for i, c := range sha256.Sum256([]byte(d.name + strings.Join(d.parts, " "))) {
		d.sum[i] ^= c
	}
	return nil
}

func (d *digest) String() string { return fmt.Sprintf("%d keys, %x", d.keys, d.sum[:8]) }

// digestOf reads an RDB file.
func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var d digest
	if _, err := rdb.Read(f, &d); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return d.String(), nil
}

// holds asks a node for all it has, whoever leads, and compares.
func holds(t *testing.T, addr, want string) func(context.Context) error {
	return func(ctx context.Context) error {
		file := filepath.Join(t.TempDir(), "dump.rdb")
		if _, _, err := run(ctx, t, "backup", "--stale", "--format=rdb", "--join="+addr, file); err != nil {
			return err
		}
		got, err := digestOf(file)
		if err == nil && got != want {
			err = fmt.Errorf("%s holds %s, not %s", addr, got, want)
		}
		return err
	}
}

// agree waits until every node holds what want says.
func agree(t *testing.T, nodes []*procs.Node, want string) {
	t.Helper()
	for _, n := range nodes {
		eventually(t, holds(t, n.Redis, want))
	}
}

// redisFile has a real Redis write a file with strings, hashes and expiries.
func redisFile(t *testing.T, lab *procs.Lab, keys int) string {
	t.Helper()
	ctx := within(t)
	procs.Need(t, "redis-server", "redis-server")
	r, err := peers.StartRedis(ctx, lab, "source")
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Addr: r.Addr})
	defer c.Close()
	pipe := c.Pipeline()
	pipe.Eval(ctx, `for i = 1, ARGV[1] do redis.call('SET', 'key:' .. i, string.rep('x', i % 150)) end return 1`, nil, keys)
	for i := range 300 {
		pipe.HSet(ctx, fmt.Sprint("hash", i%3), fmt.Sprint("field", i), strings.Repeat("v", i))
	}
	pipe.Set(ctx, "large", strings.Repeat("0123456789", 500_000), 0)
	pipe.Save(ctx)
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dirOf(t, lab, r.Name()), "dump.rdb")
}

// TestBackupAndRestoreOfACluster moves the data of a Redis into a cluster whose
// leader is killed on the way, takes backups from every node while it is written
// to, and brings one into a new cluster of another size.
func TestBackupAndRestoreOfACluster(t *testing.T) {
	lab := procs.ForTest(t)
	file := redisFile(t, lab, 100_000)
	want, err := digestOf(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := procs.StartCluster(within(t), lab, procs.ClusterConfig{Binary: pingd(t), Stores: 3})
	if err != nil {
		t.Fatal(err)
	}
	join := "--join=" + strings.Join(c.RedisAddrs(), ",")
	leader, err := c.WaitWhole(within(t))
	if err != nil {
		t.Fatal(err)
	}
	// A long time, for the machine may be slow; the leader dies in the middle.
	ctx := within(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		eventually(t, func(context.Context) error {
			if n := redisCLI(t, leader.Redis, "DBSIZE"); atoi(t, n) < 1000 {
				return fmt.Errorf("%s keys so far", n)
			}
			return nil
		})
		if err := leader.Kill(); err != nil {
			t.Error(err)
		}
	})
	out, stderr, err := run(ctx, t, "restore", join, file)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s%s", out, stderr)
	if err := leader.Restart(within(t)); err != nil {
		t.Fatal(err)
	}
	agree(t, c.Stores, want)

	// Writes go on while each node gives a backup.
	if _, err := c.WaitWhole(within(t)); err != nil {
		t.Fatal(err)
	}
	writes, stop := context.WithCancel(t.Context())
	defer stop()
	client := redis.NewClient(&redis.Options{Addr: c.Stores[0].Redis})
	defer client.Close()
	wg.Go(func() {
		for n := 0; writes.Err() == nil; n++ {
			pipe := client.TxPipeline()
			pipe.IncrBy(writes, "account:a", 1)
			pipe.IncrBy(writes, "account:b", -1)
			if _, err := pipe.Exec(writes); err != nil && writes.Err() == nil {
				t.Errorf("write: %v", err)
				return
			}
		}
	})
	var backups []string
	for i, n := range c.Stores {
		b := filepath.Join(t.TempDir(), fmt.Sprintf("b%d.pingd", i))
		mustRun(t, "backup", "--join="+n.Redis, b)
		backups = append(backups, b)
	}
	stop()
	wg.Wait()

	one := startSingle(t, lab, "fresh", "store")
	eventually(t, procs.Answers("http://"+one.Admin+"/readyz"))
	// The process that restores is killed: what it did is there, which the next one says.
	killed, kill := context.WithCancel(within(t))
	defer kill()
	wg.Go(func() {
		eventually(t, func(context.Context) error {
			if n := redisCLI(t, one.Redis, "DBSIZE"); atoi(t, n) < 1000 {
				return fmt.Errorf("%s keys so far", n)
			}
			return nil
		})
		kill()
	})
	_, _, err = run(killed, t, "restore", "--join="+one.Redis, backups[0])
	wg.Wait()
	t.Logf("killed: %v, at %s keys", err, redisCLI(t, one.Redis, "DBSIZE"))
	if _, _, err = run(within(t), t, "restore", "--join="+one.Redis, backups[0]); err == nil || !strings.Contains(err.Error(), "the cluster is not empty") {
		t.Errorf("after a restore that was killed: %v", err)
	}
	for _, b := range backups {
		mustRun(t, "restore", "--replace", "--join="+one.Redis, b)
		sum := atoi(t, redisCLI(t, one.Redis, "GET", "account:a")) + atoi(t, redisCLI(t, one.Redis, "GET", "account:b"))
		if sum != 0 {
			t.Errorf("%s is no one point of time: the accounts differ by %d", b, sum)
		}
		redisCLI(t, one.Redis, "DEL", "account:a", "account:b")
		if err := holds(t, one.Redis, want)(within(t)); err != nil {
			t.Errorf("restored from %s: %v", b, err)
		}
	}
}
