package replica

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"pingd/kv/replica/bus"
	"pingd/kv/replica/logstore"
)

// TestRecoverLostQuorum loses two of three nodes for good and goes on with the third:
// it keeps all it had, new nodes join it, and an old one that comes back stays apart.
func TestRecoverLostQuorum(t *testing.T) {
	for _, kind := range []string{logstore.WAL, logstore.Bolt} {
		t.Run(kind, func(t *testing.T) {
			c := newCluster(t, 3, func(cfg *Config) { cfg.LogStore = kind })
			lead := c.form()
			survivor, back, lost := c.nodes[0], c.nodes[1], c.nodes[2]
			for i := range 50 {
				lead.must("SET", fmt.Sprint("key", i), fmt.Sprint(i))
			}
			if _, _, err := survivor.backup(false); err != nil { // with a snapshot in between
				t.Fatal(err)
			}
			for i := range 50 {
				lead.must("INCR", fmt.Sprint("key", i))
			}
			c.eventually("the survivor to have all", func() bool {
				return survivor.replica().Engine().Digest() == lead.replica().Engine().Digest()
			})
			old := survivor.replica().former.Cluster()
			for _, nd := range c.nodes {
				if err := nd.shut(); err != nil {
					t.Fatal(err)
				}
			}
			dir := survivor.config().Dir

			// Without confirmation it tells, and changes nothing.
			told, err := Recover(dir, "n1", false, slog.New(slog.DiscardHandler))
			if err != nil || told.Keys != 50 || told.Cluster != old || fmt.Sprint(told.Members) != "[n1 n2 n3]" || told.Written.IsZero() || told.Index < 100 {
				t.Fatalf("%+v, %v", told, err)
			}
			if again, err := Recover(dir, "n1", false, slog.New(slog.DiscardHandler)); err != nil || again.Index != told.Index || again.Keys != told.Keys {
				t.Fatalf("again %+v, %v", again, err)
			}
			if _, err := Recover(dir, "other", true, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrNotMember) {
				t.Fatalf("another name: %v", err)
			}
			did, err := Recover(dir, "n1", true, slog.New(slog.DiscardHandler))
			if err != nil || did.Index != told.Index || did.Keys != told.Keys {
				t.Fatalf("%+v, %v", did, err)
			}

			survivor.start()
			c.eventually("the survivor to lead", func() bool { return survivor.replica().IsLeader() })
			for i := range 50 {
				if got := survivor.must("GET", fmt.Sprint("key", i)); !strings.HasSuffix(got, fmt.Sprint(i+1)) {
					t.Fatalf("key%d = %q", i, got)
				}
			}
			if got := survivor.replica().former.Cluster(); got == old || got == "" {
				t.Errorf("the cluster is still named %q", got)
			}
			if members := survivor.replica().Members(); len(members) != 1 {
				t.Errorf("members %+v", members)
			}

			// One that comes back with its old data stays apart ...
			back.start()
			c.eventually("the old node to be refused", func() bool {
				_, _, err := survivor.replica().bus.Dial(t.Context(), back.addr, bus.Raft)
				return errors.Is(err, bus.ErrCluster)
			})
			if back.replica().IsLeader() {
				t.Error("an old node leads")
			}
			if err := back.shut(); err != nil {
				t.Fatal(err)
			}
			// ... and one with an empty directory joins, under its old name too.
			if err := os.RemoveAll(lost.config().Dir); err != nil {
				t.Fatal(err)
			}
			lost.start()
			c.eventually("the new node to vote", func() bool {
				for _, m := range survivor.replica().Members() {
					if m.Name == "n3" && m.Voter {
						return true
					}
				}
				return false
			})
			survivor.must("SET", "more", "1")
			c.eventually("equal digests", func() bool {
				return lost.replica().Engine().Digest() == survivor.replica().Engine().Digest()
			})
		})
	}
}

// TestRecoverRefuses what is no data of a stopped node.
func TestRecoverRefuses(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	if _, err := Recover(t.TempDir(), "n1", true, log); err == nil || !strings.Contains(err.Error(), "no node has stored anything") {
		t.Errorf("an empty directory: %v", err)
	}
	c := newCluster(t, 1, nil)
	lead := c.form()
	if _, err := Recover(lead.config().Dir, "n1", true, log); !errors.Is(err, ErrInUse) {
		t.Errorf("a node that runs: %v", err)
	}
}

func TestSurvivorNewer(t *testing.T) {
	for _, c := range []struct {
		a, b Survivor
		want bool
	}{
		{Survivor{Term: 2, Index: 5}, Survivor{Term: 1, Index: 9}, true},
		{Survivor{Term: 2, Index: 5}, Survivor{Term: 2, Index: 5}, false},
		{Survivor{Term: 2, Index: 6}, Survivor{Term: 2, Index: 5}, true},
		{Survivor{Term: 1, Index: 9}, Survivor{Term: 2, Index: 5}, false},
	} {
		if got := c.a.Newer(c.b); got != c.want {
			t.Errorf("%+v newer than %+v: %v", c.a, c.b, got)
		}
	}
}
