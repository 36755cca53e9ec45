package replica

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"pingd/kv/replica/machine"
)

// Point says where in the log a backup was taken.
type Point struct {
	Cluster, Node string
	Index, Term   uint64 // of the last entry whose effect is in it
	Taken         time.Time
}

// Backup returns the engine's snapshot of one point of the log: at or after the
// call, so that everything acknowledged before is in it, or, if stale, whatever this
// node has applied, which needs no leader. It is read from a file, so that writes
// are never held up and no memory is taken however slow the reader is. The caller
// closes it.
//
// Errors: ErrNoLeader, those of ctx, and those of taking and opening a snapshot.
func (r *Replica) Backup(ctx context.Context, stale bool) (Point, io.ReadCloser, error) {
	if r.raftNode() == nil {
		return Point{}, nil, ErrNoLeader
	}
	if !stale {
		if err := r.catchUp(ctx); err != nil {
			return Point{}, nil, err
		}
	}
	// A snapshot may be superseded and removed between looking and opening.
	for range 3 {
		p, rc, err := r.snapshotFrom(ctx)
		if !errors.Is(err, errSuperseded) {
			return p, rc, err
		}
	}
	return Point{}, nil, errSuperseded
}

var errSuperseded = errors.New("snapshots are taken faster than one is opened")

// catchUp waits until this node has applied everything that was acknowledged
// anywhere before the call.
func (r *Replica) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.RouteWait)
	defer cancel()
	for {
		index, err := r.leaderIndex(ctx)
		if err == nil {
			return r.machine.Wait(ctx, index, 0)
		}
		if waitFor(ctx, again); ctx.Err() != nil {
			return ErrNoLeader
		}
	}
}

// leaderIndex returns a log index, of the leader's, that nothing acknowledged before
// the call is beyond.
func (r *Replica) leaderIndex(ctx context.Context) (uint64, error) {
	to := r.route()
	switch {
	case to.Self:
		return r.settledIndex(ctx)
	case to.Addr == "":
		return 0, ErrNoLeader
	}
	conn, err := r.control.Get(ctx, to.Name, to.Addr)
	if err != nil {
		return 0, err
	}
	b, err := conn.Call(ctx, kindIndex, nil)
	if err != nil {
		return 0, err
	}
	index, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, errors.New("leader's answer is malformed")
	}
	return index, nil
}

// settledIndex is leaderIndex on the leader itself: before an entry of its term is
// applied, its commit index may lag behind what others acknowledged.
func (r *Replica) settledIndex(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.RouteWait)
	defer cancel()
	index, term, err := r.confirm.Leader(ctx)
	if err != nil {
		return 0, err
	}
	if err := r.machine.Wait(ctx, index, term); err != nil {
		return 0, err
	}
	applied, _ := r.machine.Applied()
	return applied, nil
}

// confirmIndex answers kindIndex.
func (r *Replica) confirmIndex(ctx context.Context) ([]byte, error) {
	index, err := r.settledIndex(ctx)
	if err != nil {
		return nil, err
	}
	return binary.AppendUvarint(nil, index), nil
}

// wholeLog keeps a backup from shortening the log: frequent backups must not leave
// too little of it for nodes that restart.
const wholeLog = 1 << 62

// snapshotFrom opens a snapshot of what is applied now, taking one unless the
// newest has all of it.
func (r *Replica) snapshotFrom(ctx context.Context) (Point, io.ReadCloser, error) {
	applied, _ := r.machine.Applied()
	if index, _, _ := r.lastSnapshot(); index < applied {
		done := make(chan error, 1)
		if !r.spawn(func() { done <- r.takeSnapshot(wholeLog) }) {
			return Point{}, nil, ErrClosed
		}
		select {
		case err := <-done:
			if err != nil {
				return Point{}, nil, err
			}
		case <-ctx.Done():
			return Point{}, nil, ctx.Err()
		}
	}
	list, err := r.store.Snapshots.List()
	if err != nil || len(list) == 0 {
		return Point{}, nil, errors.Join(errors.New("open snapshot: there is none"), err)
	}
	newest := list[0]
	if newest.Index < applied {
		return Point{}, nil, fmt.Errorf("take snapshot: it ends at log index %d, applied is %d", newest.Index, applied)
	}
	_, rc, err := r.store.Snapshots.Open(newest.ID)
	if err != nil {
		if again, _, id := r.lastSnapshot(); id != newest.ID && again >= newest.Index {
			return Point{}, nil, errSuperseded
		}
		return Point{}, nil, fmt.Errorf("open snapshot: %w", err)
	}
	body, err := machine.SkipHead(rc)
	if err != nil {
		return Point{}, nil, errors.Join(err, rc.Close())
	}
	p := Point{Cluster: r.former.Cluster(), Node: r.cfg.Name, Index: newest.Index, Term: newest.Term, Taken: time.Now()}
	return p, struct {
		io.Reader
		io.Closer
	}{body, rc}, nil
}
