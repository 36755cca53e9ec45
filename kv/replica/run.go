package replica

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hashicorp/raft"
)

const (
	maxDuration   = time.Duration(math.MaxInt64 / 4)
	raftTimeout   = 2 * time.Second // of one of Raft's RPCs
	answerWait    = 7 * time.Second // for a leader to answer, once there is one
	transferWait  = 2 * time.Second // for a leadership transfer, a second try included
	drainWait     = 2 * time.Second // for commands under way when the node stops
	shutdownWait  = 5 * time.Second // for Raft to stop
	watchInterval = 250 * time.Millisecond
)

// Run forms, joins or recovers the cluster and serves until ctx ends; then it
// hands leadership over, lets commands under way finish, and returns nil. It
// returns an error when the node must not go on: a write to its disk failed or
// stalled (ErrStalled), its name is taken (ErrNameTaken), it was removed
// (ErrRemoved), or the log holds what this program cannot read.
func (r *Replica) Run(ctx context.Context) error {
	defer r.metrics.Unregister()
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	busDone := make(chan error, 1)
	served := make(chan struct{})
	// The bus outlives ctx: leadership is handed over through it.
	busCtx, stopBus := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBus()
	go func() {
		defer close(served)
		busDone <- r.bus.Serve(busCtx)
	}()
	r.spawn(func() { r.outbox.Run(r.ctx) })
	r.spawn(func() { r.prober.Run(r.ctx) })
	r.spawn(func() { r.space.Run(r.ctx) })
	r.spawn(func() { r.watchDisk(r.ctx) })

	err := r.live(ctx, busDone)
	if err == nil {
		r.handOver(ctx)
	}
	return errors.Join(err, r.stop(ctx, func() { stopBus(); <-served }, err != nil))
}

// live is the node's time between start and stop. It returns nil when ctx ends.
func (r *Replica) live(ctx context.Context, busDone <-chan error) error {
	formed := make(chan error, 1)
	ended := make(chan struct{})
	formCtx, stopForming := context.WithCancel(ctx)
	if !r.spawn(func() {
		defer close(ended)
		formed <- r.form(formCtx)
	}) {
		stopForming()
		return ErrClosed
	}
	// Raft must not start behind the back of stop.
	defer func() {
		stopForming()
		<-ended
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-busDone:
			if err != nil {
				return err
			}
			return errors.New("cluster bus closed")
		case err := <-r.failed:
			return err
		case err := <-r.store.Failed():
			return fmt.Errorf("leave the cluster: %w", err)
		case err := <-formed:
			if err != nil && ctx.Err() == nil {
				return err
			}
			formed = nil
		}
	}
}

// form finds the node's cluster and starts to take part in it.
func (r *Replica) form(ctx context.Context) error {
	if err := r.former.Run(ctx); err != nil {
		return err
	}
	if err := r.startRaft(); err != nil {
		return err
	}
	r.log.Info("node takes part in cluster", "cluster", r.former.Cluster(), "raft", r.cfg.Self.Raft)
	for _, f := range []func(context.Context){r.roster.KeepAnnounced, r.roster.Tend, r.crash.Run, r.keepSnapshots, r.logLeader} {
		r.spawn(func() { f(r.ctx) })
	}
	return nil
}

// handOver gives leadership away and waits for commands under way. The node
// still serves meanwhile: what it can no longer propose, it forwards.
func (r *Replica) handOver(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if r.route().Self && r.voters() > 1 {
		// One that hangs is left to itself (hashicorp/raft#696): the node stops anyway.
		try, cancel := context.WithTimeout(ctx, transferWait)
		err := r.transferHere(try, "")
		cancel()
		r.log.Debug("handed leadership over", "err", err)
	}
	ctx, cancel := context.WithTimeout(ctx, drainWait)
	defer cancel()
	for !r.outbox.Idle() && ctx.Err() == nil {
		waitFor(ctx, time.Millisecond)
	}
}

// stop ends everything. After a failure it does not wait for Raft, which may
// hang in a write to a dead disk; the process is to end.
func (r *Replica) stop(ctx context.Context, stopBus func(), failed bool) error {
	r.cancel()
	node := r.raftNode()
	down := make(chan error, 1)
	if node != nil {
		go func() { down <- node.Shutdown().Error() }()
	} else {
		down <- nil
	}
	if failed {
		// Followers must stop hearing heartbeats (hashicorp/raft#503).
		stopBus()
	}
	late := time.AfterFunc(shutdownWait/5, stopBus) // it may wait for others
	defer late.Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
	defer cancel()
	select {
	case err := <-down:
		if err != nil {
			return fmt.Errorf("stop raft: %w", err)
		}
	case <-ctx.Done():
		if r.trns != nil {
			_ = r.trns.Close()
		}
		return errors.New("stop raft: it does not answer")
	}
	if r.trns != nil {
		_ = r.trns.Close() // always nil
		r.trns.CloseStreams()
	}
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	stopBus()
	r.wg.Wait()
	return r.store.Close()
}

// keepSnapshots takes a snapshot whenever the log has grown by
// Config.SnapshotBytes, and leaves about as much log behind it, so that a node
// that restarts catches up from the log.
func (r *Replica) keepSnapshots(ctx context.Context) {
	t := time.NewTicker(watchInterval)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		grown, entries := r.store.Logs.Grown()
		if grown < r.snapshotAfter() {
			continue
		}
		if err := r.snapshot(grown, entries); err != nil {
			r.log.Warn("snapshot failed", "err", err)
		}
	}
}

// patience is how many times longer the log may become while another node is being
// brought up: what it is still to be sent must not be cut off before it gets there,
// or it would be sent a snapshot again, and again.
const patience = 8

// snapshotAfter returns how many bytes of log call for a snapshot now.
func (r *Replica) snapshotAfter() int64 {
	after := r.cfg.SnapshotBytes
	if r.space.Low() {
		return after / patience // old entries go with their segments
	}
	if !r.route().Self {
		return after
	}
	if r.trns.Installing() > 0 {
		return after * patience
	}
	last := r.raftNode().LastIndex()
	_, entries := r.store.Logs.Grown()
	for _, p := range r.peers() {
		seen, ok := r.prober.Last(p.Name)
		if ok && r.prober.Silent(p.Name) == 0 && seen.State.Applied+uint64(entries) < last {
			return after * patience // it is alive, and needs what is older than the last snapshot
		}
	}
	return after
}

func (r *Replica) snapshot(grown, entries int64) error {
	began := time.Now()
	if err := r.takeSnapshot(max(uint64(entries), r.cfg.MinTrailing)); err != nil {
		return err
	}
	r.store.Logs.Trimmed(grown, entries)
	r.log.Debug("took snapshot", "took", time.Since(began), "log_bytes", grown, "entries", entries)
	return nil
}

// takeSnapshot takes one and shortens the log to trailing entries before it.
func (r *Replica) takeSnapshot(trailing uint64) error {
	r.snapshots.Lock() // a backup may ask for one too
	defer r.snapshots.Unlock()
	node := r.raftNode()
	rc := node.ReloadableConfig()
	rc.TrailingLogs = trailing
	if err := node.ReloadConfig(rc); err != nil {
		return fmt.Errorf("set trailing logs: %w", err)
	}
	if err := node.Snapshot().Error(); err != nil && !errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return fmt.Errorf("take snapshot: %w", err)
	}
	return nil
}

const (
	// minTrailing is how many entries always stay behind a snapshot. They may be
	// large: it is the bytes since the snapshot before that count.
	minTrailing = 16
	// isClose is how many entries a node may be behind that is nearly where the
	// leader is.
	isClose = 1024
)
