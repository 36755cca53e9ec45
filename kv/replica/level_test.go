package replica

import (
	"errors"
	"strings"
	"testing"

	"pingd/kv/engine"
)

// newCommand gives GETSET the level of a command that an earlier version does not
// have.
func newCommand(cmds []engine.Command) uint8 {
	for _, c := range cmds {
		if len(c.Args) > 0 && string(c.Args[0]) == "GETSET" {
			return 2
		}
	}
	return 1
}

func TestACommandWaitsUntilEveryNodeKnowsIt(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, func(cfg *Config) { cfg.levelOf = newCommand })
	old := c.nodes[0]
	old.cfg = func(cfg *Config) { cfg.level = 1 }
	c.form()
	c.voters(3)
	told := func(level uint8) func() bool {
		return func() bool {
			for _, nd := range c.nodes {
				for _, o := range c.nodes {
					if m, _ := nd.replica().machine.Member(o.name); m.Level != level && o == old || m.Level != 2 && o != old {
						return false
					}
				}
			}
			return true
		}
	}
	c.eventually("everybody to have told what it knows", told(1))
	for _, nd := range c.nodes {
		_, err := nd.do("GETSET", "k", "v")
		if err == nil || !errors.Is(err, ErrLevel) || !strings.Contains(err.Error(), "node n1 runs an older version") {
			t.Errorf("%s took it: %v", nd.name, err)
		}
		nd.must("SET", "k", "w")
		if level := nd.replica().machine.Level(); level != 1 {
			t.Errorf("the log has level %d", level)
		}
	}
	// The last node is upgraded.
	if err := old.shut(); err != nil {
		t.Fatal(err)
	}
	old.cfg = nil
	old.start()
	c.eventually("the upgraded node to have told", told(2))
	for _, nd := range c.nodes {
		c.eventually("it to be taken", func() bool { _, err := nd.do("GETSET", "k", "v"); return err == nil })
	}
	c.sameDigest()
	for _, nd := range c.nodes {
		if level := nd.replica().machine.Level(); level != 2 {
			t.Errorf("the log on %s has level %d", nd.name, level)
		}
	}
	// There is no way back: what an older program does not know it must not apply.
	if err := c.leader().replica().snapshotNow(); err != nil {
		t.Fatal(err)
	}
	late := c.add("late")
	late.cfg = func(cfg *Config) { cfg.Expect, cfg.level = 0, 1 }
	late.start()
	pause(500e6)
	if s := late.replica().Status(); s.State != "forming" {
		t.Errorf("an older node was let in: %+v", s.State)
	}
	if s := c.leader().replica().Status(); s.Voters != 3 || len(s.Members) != 3 {
		t.Errorf("%d voters, %d members", s.Voters, len(s.Members))
	}
}

// snapshotNow takes a snapshot and shortens the log to it.
func (r *Replica) snapshotNow() error { return r.takeSnapshot(1) }
