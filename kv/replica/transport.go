package replica

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// transport is Raft's network transport with other heartbeats.
//
// The library's fast path, which answers them beside the main loop, lets logs
// diverge when a deposed leader hears the new one while it writes
// (hashicorp/raft#695): it is off, and heartbeats wait their turn behind disk
// writes. But then two followers whose disks take longer than the lease for one
// sync would depose a leader that is well. So a heartbeat that is slow is vouched
// for: the same question that reads ask, whether the leader's term is still the
// follower's, is answered beside the main loop, for it changes nothing there. The
// heartbeat itself stays on its way, and resets the follower's election timer as
// soon as its disk is done.
type transport struct {
	*raft.NetworkTransport
	patience time.Duration // before a heartbeat counts as slow
	// vouch tells whether the node at an address still lives in term.
	vouch func(ctx context.Context, addr string, term uint64) bool
	spawn func(func()) bool // runs a goroutine that somebody waits for
	ctx   context.Context

	mu    sync.Mutex
	beats map[raft.ServerID]*beat // on their way, at most one to each peer
}

// beat is a heartbeat on its way. resp and err are set once done is closed.
type beat struct {
	done chan struct{}
	resp raft.AppendEntriesResponse
	err  error
}

// SetHeartbeatHandler does nothing: heartbeats take the common path.
func (t *transport) SetHeartbeatHandler(func(raft.RPC)) {}

// AppendEntries sends entries as the library does, and heartbeats as the type's
// comment says.
func (t *transport) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if !isHeartbeat(args) {
		return t.NetworkTransport.AppendEntries(id, target, args, resp)
	}
	b := t.beat(id, target, *args)
	timer := time.NewTimer(t.patience)
	defer timer.Stop()
	for {
		select {
		case <-b.done:
			*resp = b.resp
			return b.err
		case <-t.ctx.Done():
			return t.ctx.Err()
		case <-timer.C:
		}
		ctx, cancel := context.WithTimeout(t.ctx, t.patience)
		vouched := t.vouch(ctx, string(target), args.Term)
		cancel()
		if vouched {
			*resp = raft.AppendEntriesResponse{Term: args.Term, Success: true}
			return nil
		}
		timer.Reset(t.patience)
	}
}

// isHeartbeat is the library's own rule for what is one.
func isHeartbeat(a *raft.AppendEntriesRequest) bool {
	return a.Term != 0 && a.PrevLogEntry == 0 && a.PrevLogTerm == 0 && len(a.Entries) == 0 && a.LeaderCommitIndex == 0
}

// beat returns the heartbeat that is on its way to id, or sends one.
func (t *transport) beat(id raft.ServerID, target raft.ServerAddress, args raft.AppendEntriesRequest) *beat {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b := t.beats[id]; b != nil {
		return b
	}
	b := &beat{done: make(chan struct{})}
	send := func() {
		b.err = t.NetworkTransport.AppendEntries(id, target, &args, &b.resp)
		t.mu.Lock()
		delete(t.beats, id)
		t.mu.Unlock()
		close(b.done)
	}
	t.beats[id] = b
	if !t.spawn(send) {
		delete(t.beats, id)
		b.err = raft.ErrTransportShutdown
		close(b.done)
	}
	return b
}

// vouch asks the node at addr whether term is still its own.
func (r *Replica) vouch(ctx context.Context, addr string, term uint64) bool {
	conn, err := r.control.Get(ctx, addr)
	if err != nil {
		return false
	}
	_, err = conn.Call(ctx, kindTerm, binary.AppendUvarint(nil, term))
	return err == nil
}
