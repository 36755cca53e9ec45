package replica

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"pingd/kv/engine"
	"pingd/kv/replica/logstore"
)

// disk is a node's disk with faults: writes to the log hang or fail, and its free
// space is what a test says.
type disk struct {
	raft.LogStore
	free atomic.Int64

	mu   sync.Mutex
	gate chan struct{} // writes wait until it is closed; nil = they do not
	err  error
}

func (d *disk) StoreLogs(entries []*raft.Log) error {
	d.mu.Lock()
	gate, err := d.gate, d.err
	d.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if err != nil {
		return err
	}
	return d.LogStore.StoreLogs(entries)
}

// StoreLog is not called: Raft's cache has StoreLogs alone.
func (d *disk) StoreLog(e *raft.Log) error { return d.StoreLogs([]*raft.Log{e}) }

func (d *disk) hang() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gate == nil {
		d.gate = make(chan struct{})
	}
}

func (d *disk) thaw() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gate != nil {
		close(d.gate)
		d.gate = nil
	}
}

func (d *disk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

const plenty = 10 << 30

// withDisks gives every node of c a disk of its own.
func withDisks(c *cluster) map[*node]*disk {
	disks := map[*node]*disk{}
	for _, nd := range c.nodes {
		d := &disk{}
		d.free.Store(plenty)
		disks[nd] = d
		nd.cfg = func(cfg *Config) {
			cfg.Storage = func(l hclog.Logger) (*logstore.Store, error) {
				s, err := logstore.Open(cfg.Dir, logstore.WAL, l)
				if err != nil {
					return nil, err
				}
				d.LogStore, s.Logs.LogStore = s.Logs.LogStore, d
				s.Free = func() (int64, error) { return d.free.Load(), nil }
				return s, nil
			}
		}
		c.t.Cleanup(d.thaw) // before the nodes are shut
	}
	return disks
}

func TestALeaderWhoseDiskHangsIsReplacedAndGoesOnServing(t *testing.T) {
	c := newCluster(t, 3, nil)
	disks := withDisks(c)
	old := c.form()
	c.voters(3)
	old.must("SET", "k", "before")
	began := time.Now()
	disks[old].hang()
	// A client of that node: its command is held up, then goes through the next
	// leader.
	reply, err := old.do("INCR", "n")
	for err != nil { // until there is one
		reply, err = old.do("INCR", "n")
	}
	took := time.Since(began)
	t.Logf("without service for %v, reply %q", took, reply)
	if took > 5*time.Second {
		t.Errorf("a disk that hangs cost %v", took)
	}
	next := c.leaderBut(old)
	if n := next.must("GET", "n"); !strings.HasPrefix(n, "$") {
		t.Fatal(n)
	}
	if got := old.must("GET", "k"); got != "$6\r\nbefore" {
		t.Fatal(got)
	}
	if s := old.replica().Status(); !s.DiskHangs || old.replica().IsLeader() {
		t.Errorf("hangs %v, leads %v", s.DiskHangs, old.replica().IsLeader())
	}
	next.must("SET", "k", "after")
	disks[old].thaw()
	c.eventually("the node with its disk back to follow", func() bool {
		s := old.replica().Status()
		return !s.DiskHangs && s.Leader == next.name && s.Applied >= s.Commit
	})
	c.sameDigest()
	if got := old.must("GET", "k"); got != "$5\r\nafter" {
		t.Fatal(got)
	}
}

// A leader that hands over because its disk is nearly full must still notice that the
// disk hangs: Raft answers nothing meanwhile.
func TestALeaderWhoseDiskHangsWhileItIsNearlyFullIsReplaced(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, nil)
	disks := withDisks(c)
	old := c.form()
	c.voters(3)
	old.must("SET", "k", "before")
	disks[old].hang()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = old.do("INCR", "n") // held up, then done by the next leader, or not
	}()
	c.eventually("the write to hang", func() bool { return old.replica().store.Busy() > 0 })
	disks[old].free.Store(150 << 20)
	next := c.leaderBut(old)
	next.must("SET", "k", "after")
	disks[old].thaw()
	<-done
}

// lead makes the named node the leader.
func (c *cluster) lead(name string) (found *node) {
	c.t.Helper()
	c.eventually(name+" to lead", func() bool {
		found = c.leader()
		if found.name == name {
			return true
		}
		_ = found.replica().Transfer(c.t.Context(), name) // tried again
		return false
	})
	return found
}

// leaderBut waits for a leader other than nd.
func (c *cluster) leaderBut(nd *node) (found *node) {
	c.t.Helper()
	c.eventually("another leader", func() bool {
		for _, o := range c.others(nd) {
			if r := o.replica(); r != nil && r.IsLeader() {
				found = o
				return true
			}
		}
		return false
	})
	return found
}

func TestANodeWhoseDiskHangsForGoodLeaves(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, func(cfg *Config) {
		if cfg.Name == "n1" { // the others' disks may be as slow as this machine is busy
			cfg.DiskSlow, cfg.DiskStall = 300*time.Millisecond, time.Second
		}
	})
	disks := withDisks(c)
	c.form()
	c.voters(3)
	leader := c.lead("n1")
	disks[leader].hang()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	gone := leader.replica()
	leader.hangs = true
	go func() { _ = leader.replica().Do(ctx, []engine.Command{command("SET", "k", "v")}, &engine.Replies{}) }()
	err := <-leader.done
	leader.done <- err
	if !errors.Is(err, ErrStalled) {
		t.Fatalf("Run returned %v", err)
	}
	next := c.leaderBut(leader)
	next.must("SET", "k", "w")
	cancel()
	leader.shut()
	// A process would be gone; here its Raft comes to an end once the disk answers.
	disks[leader].thaw()
	if err := errors.Join(gone.raftNode().Shutdown().Error(), gone.store.Close()); err != nil {
		t.Error(err)
	}
	gone.wg.Wait()
}

func TestAFailedWriteEndsTheNodeAtOnceAndLosesNothing(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, nil)
	disks := withDisks(c)
	leader := c.form()
	c.voters(3)
	l := startLoad(c, 6)
	c.eventually("progress", func() bool { return l.count() > 100 })
	broken := errors.New("input/output error")
	disks[leader].fail(broken)
	err := <-leader.done
	leader.done <- err
	if !errors.Is(err, broken) {
		t.Errorf("Run returned %v", err)
	}
	c.leaderBut(leader)
	leader.shut()
	before := l.count()
	c.eventually("progress of the others", func() bool { return l.count() > before+100 })
	disks[leader].fail(nil)
	leader.start()
	c.leader()
	l.stop.Store(true)
	l.wg.Wait()
	l.end(t, c.counter())
	c.sameDigest()
}

func TestALeaderWithLittleRoomHandsOver(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, nil)
	disks := withDisks(c)
	old := c.form()
	c.voters(3)
	disks[old].free.Store(100 << 20)
	next := c.leaderBut(old)
	old.must("SET", "k", "v") // a majority has room
	if m, ok := next.replica().member(old.name); !ok || !m.LowDisk {
		c.eventually("the leader to know", func() bool { m, _ := next.replica().member(old.name); return m.LowDisk })
	}
}

func TestWritesAreRefusedBeforeTheDiskIsFullAndTakenAgainLater(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, nil)
	disks := withDisks(c)
	c.form()
	c.voters(3)
	c.nodes[0].must("SET", "k", "v")
	for _, d := range disks {
		d.free.Store(100 << 20)
	}
	for _, nd := range c.nodes {
		c.eventually("writes to be refused on "+nd.name, func() bool {
			_, err := nd.do("SET", "k", "w")
			return err != nil && strings.HasPrefix(err.Error(), "MISCONF ") && errors.Is(err, ErrRefused) != errors.Is(err, ErrNoSpace)
		})
		if got := nd.must("GET", "k"); got != "$1\r\nw" && got != "$1\r\nv" {
			t.Fatal(got)
		}
		if _, err := nd.do("ONCE", "t", "1000", "SET", "k", "w"); err == nil {
			t.Fatal("ONCE was taken")
		}
	}
	// What makes room is taken.
	if got := c.nodes[1].must("DEL", "k"); got != ":1" {
		t.Fatal(got)
	}
	for _, d := range disks {
		d.free.Store(plenty)
	}
	for _, nd := range c.nodes {
		c.eventually("writes to be taken on "+nd.name, func() bool { _, err := nd.do("SET", "k", "x"); return err == nil })
	}
	c.sameDigest()
}

func TestAFollowerWithAFullDiskStandsStillAndCatchesUp(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, nil)
	disks := withDisks(c)
	leader := c.form()
	c.voters(3)
	full := c.others(leader)[0]
	disks[full].free.Store(1 << 20)
	c.eventually("the disk to be found full", func() bool { return full.replica().space.Full() })
	pause(200 * time.Millisecond) // a write may have been under way
	before := full.replica().Status().LastIndex
	for range 20 {
		leader.must("INCR", "n")
	}
	if s := full.replica().Status(); s.LastIndex > before+1 {
		t.Errorf("the log went from %d to %d", before, s.LastIndex)
	}
	// Whatever happens to the leader, this node is not the next.
	leader.kill()
	next := c.leaderBut(leader)
	if next == full {
		t.Fatal("a node that cannot write leads")
	}
	leader.start()
	disks[full].free.Store(plenty)
	c.eventually("the node to catch up", func() bool { _, err := full.do("INCR", "n"); return err == nil })
	c.sameDigest()
}
