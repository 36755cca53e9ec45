package replica

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/engine"
	"pingd/kv/replica/logstore"
)

// diskFloor is how much must be free for the log to be appended to: it asks for
// its next segment in one piece.
const diskFloor = logstore.SegmentBytes + 16<<20

// watchDisk looks after the disk. While a write to the log hangs this node cannot
// lead, and says so by sending no heartbeats (hashicorp/raft#503); when one hangs
// for too long, the node leaves. A leader whose disk is nearly full hands over to
// one whose is not.
func (r *Replica) watchDisk(ctx context.Context) {
	t := time.NewTicker(watchInterval)
	defer t.Stop()
	var handed time.Time
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		busy := r.store.Busy()
		if busy > r.cfg.DiskStall {
			r.fail(fmt.Errorf("%w for %s", ErrStalled, busy.Round(time.Millisecond)))
			return
		}
		if sick := busy > r.cfg.DiskSlow; r.sick.Swap(sick) != sick {
			r.log.Warn("disk hangs", "hangs", sick, "for", busy.Round(time.Millisecond))
			r.changed()
		}
		r.judgeSpace()
		if r.space.Low() && r.route().Self && time.Since(handed) > handOverEvery {
			if to, ok := r.roomy(); ok {
				handed = time.Now()
				// If the disk hangs, Raft does not answer before it goes on.
				try, cancel := context.WithTimeout(ctx, transferWait)
				err := r.transferHere(try, to)
				cancel()
				r.log.Warn("disk is nearly full: handing leadership over", "to", to, "free", r.space.Free(), "err", err)
			}
		}
	}
}

// handOverEvery is the time between two tries to hand leadership over because of a
// full disk.
const handOverEvery = 5 * time.Second

// roomy returns a voter that is alive, is not far behind and has room.
func (r *Replica) roomy() (name string, ok bool) {
	commit := r.commitIndex()
	for _, s := range r.servers() {
		if s.Suffrage != raft.Voter || string(s.ID) == r.cfg.Name {
			continue
		}
		seen, known := r.prober.Last(string(s.ID))
		if known && r.prober.Silent(string(s.ID)) == 0 && !seen.State.Low && seen.State.Applied+isClose > commit {
			return string(s.ID), true
		}
	}
	return "", false
}

// judgeSpace decides whether the cluster, if this node leads it, takes writes that
// may grow its data: not while this node, or so many others that the rest is no
// majority, are short of room.
func (r *Replica) judgeSpace() {
	why := ""
	if r.space.Low() {
		why = fmt.Sprintf("the disk of node %s has %d MiB free and keeps %d in reserve", r.cfg.Name, r.space.Free()>>20, r.cfg.Reserve>>20)
	}
	voters, low, away := 0, "", 0
	for _, s := range r.servers() {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		name := string(s.ID)
		if name == r.cfg.Name {
			continue
		}
		seen, known := r.prober.Last(name)
		switch {
		case known && seen.State.Low && r.prober.Silent(name) == 0:
			low += " " + name
			away++
		case r.prober.Silent(name) > 0:
			away++
		}
	}
	if low != "" && voters-away < voters/2+1 && why == "" {
		why = "the disks of too many nodes are nearly full:" + low
	}
	before := r.refuses.Load()
	if why == "" {
		if before != nil {
			r.refuses.Store(nil)
			r.log.Info("there is room on the disks again: writes are taken")
		}
		return
	}
	text := ErrNoSpace.Error() + ": " + why + "; make room there, or lower --store-reserve"
	r.refuses.Store(&text)
	if before == nil && r.route().Self {
		r.log.Error("writes that may grow the data are refused", "reason", why)
	}
}

// refused returns why this node, which leads, does not take cmds; nil if it does.
func (r *Replica) refused(cmds []engine.Command) error {
	why := r.refuses.Load()
	if why == nil || !r.space.Full() && !grows(cmds) {
		return nil
	}
	return spaceError(*why)
}

// grows reports whether one of cmds may make the data larger.
func grows(cmds []engine.Command) bool {
	for i := range cmds {
		c := &cmds[i]
		if c.Txn != nil {
			if grows(c.Txn.Cmds) {
				return true
			}
			continue
		}
		if len(c.Args) == 0 {
			continue
		}
		// ONCE runs any command, and remembers its reply.
		if spec := engine.Lookup(c.Args[0]); spec != nil && (spec.Flags&engine.DenyOOM != 0 || spec.Name == "ONCE") {
			return true
		}
	}
	return false
}

// spaceError is an ErrNoSpace that says which disk is meant.
type spaceError string

func (e spaceError) Error() string        { return string(e) }
func (e spaceError) Is(target error) bool { return target == ErrNoSpace }
