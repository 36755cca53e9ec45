package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pingd/kv/engine"
	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
)

// backup reads a whole backup: keys with their strings.
func (nd *node) backup(stale bool) (map[string]string, Point, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	point, rc, err := nd.replica().Backup(ctx, stale)
	if err != nil {
		return nil, point, err
	}
	defer rc.Close()
	got := map[string]string{}
	_, err = keyspace.Walk(rc, func(k keyspace.Stored) error {
		got[string(k.Name)] = string(value.Bytes(k.Value, make([]byte, 20)))
		return nil
	})
	return got, point, err
}

// TestBackupIsOnePoint takes backups from every node while transfers between two
// accounts go on: each backup holds their sum, and everything acknowledged before
// it was asked for.
func TestBackupIsOnePoint(t *testing.T) {
	c := newCluster(t, 3, nil)
	lead := c.form()
	lead.must("MSET", "a", "0", "b", "0")
	var acked atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			txn := &engine.Txn{Cmds: []engine.Command{command("INCR", "a"), command("DECR", "b"), command("SET", fmt.Sprint("k", n%50), strings.Repeat("x", 500))}}
			var out engine.Replies
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			err := lead.replica().Do(ctx, []engine.Command{{Proto: 2, Txn: txn}}, &out)
			cancel()
			if err != nil {
				t.Errorf("transfer: %v", err)
				return
			}
			acked.Store(int64(n))
		}
	})
	for round := range 9 {
		nd := c.nodes[round%3]
		before := acked.Load()
		got, point, err := nd.backup(false)
		if err != nil {
			t.Fatalf("backup of %s: %v", nd.name, err)
		}
		a, _ := strconv.ParseInt(got["a"], 10, 64)
		b, _ := strconv.ParseInt(got["b"], 10, 64)
		if a+b != 0 {
			t.Errorf("backup of %s at %d: a = %d, b = %d: no one point", nd.name, point.Index, a, b)
		}
		if a < before {
			t.Errorf("backup of %s has %d transfers, %d were acknowledged before", nd.name, a, before)
		}
		if point.Node != nd.name || point.Index == 0 || point.Cluster == "" {
			t.Errorf("point %+v", point)
		}
	}
	close(stop)
	wg.Wait()
}

// TestBackupNeedsALeader: a node that is cut off refuses, unless what it has will do.
func TestBackupNeedsALeader(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.RouteWait = time.Second })
	lead := c.form()
	lead.must("SET", "k", "v")
	lone := c.others(lead)[0]
	c.eventually("the follower to have it", func() bool {
		got, _, err := lone.backup(true)
		return err == nil && got["k"] == "v"
	})
	c.net.isolate(lone.name)
	c.eventually("the node to miss its leader", func() bool { return lone.replica().route().Addr == "" })
	if _, _, err := lone.backup(false); !errors.Is(err, ErrNoLeader) {
		t.Errorf("backup without a leader: %v", err)
	}
	got, _, err := lone.backup(true)
	if err != nil || got["k"] != "v" {
		t.Errorf("stale backup: %v, %v", got, err)
	}
}

// TestBackupKeepsTheLog: backups do not shorten the log that restarting nodes are
// caught up from, and reading one goes on although newer ones are taken.
func TestBackupKeepsTheLog(t *testing.T) {
	c := newCluster(t, 1, nil)
	lead := c.form()
	lead.must("SET", "k", "first")
	ctx := t.Context()
	_, slow, err := lead.replica().Backup(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	for i := range 2 * isClose {
		lead.must("SET", "k", fmt.Sprint(i))
		if i%500 == 0 {
			if _, _, err := lead.backup(false); err != nil {
				t.Fatal(err)
			}
		}
	}
	if first, err := lead.replica().store.Logs.FirstIndex(); err != nil || first != 1 {
		t.Errorf("the log begins at %d, %v", first, err)
	}
	var kept string
	if _, err := keyspace.Walk(slow, func(k keyspace.Stored) error {
		kept = string(value.Bytes(k.Value, make([]byte, 20)))
		return nil
	}); err != nil || kept != "first" {
		t.Errorf("the slow backup holds %q, %v", kept, err)
	}
}

// TestBackupUnchanged: without a write in between the same snapshot serves again.
func TestBackupUnchanged(t *testing.T) {
	c := newCluster(t, 1, nil)
	lead := c.form()
	lead.must("SET", "k", "v")
	_, first, err := lead.backup(false)
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := lead.backup(false)
	if err != nil || second.Index != first.Index {
		t.Errorf("first at %d, second at %d, %v", first.Index, second.Index, err)
	}
	list, err := lead.replica().store.Snapshots.List()
	if err != nil || len(list) != 1 {
		t.Errorf("%d snapshots, %v", len(list), err)
	}
}

// TestBackupCanceled gives up when its context ends.
func TestBackupCanceled(t *testing.T) {
	c := newCluster(t, 1, nil)
	lead := c.form()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, rc, err := lead.replica().Backup(ctx, false); err == nil {
		_, _ = io.Copy(io.Discard, rc)
		_ = rc.Close()
		t.Error("a canceled backup was begun")
	}
}
