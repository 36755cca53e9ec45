package rpc

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// beats are the heartbeats on their way, at most one to each peer.
type beats struct {
	mu   sync.Mutex
	byID map[raft.ServerID]*beat
}

// beat is a heartbeat on its way. resp and err are set once done is closed.
type beat struct {
	done chan struct{}
	resp raft.AppendEntriesResponse
	err  error
}

// isHeartbeat is the library's own rule for what is one.
func isHeartbeat(a *raft.AppendEntriesRequest) bool {
	return a.Term != 0 && a.PrevLogEntry == 0 && a.PrevLogTerm == 0 && len(a.Entries) == 0 && a.LeaderCommitIndex == 0
}

// heartbeat waits for a heartbeat to be answered or vouched for.
func (t *Transport) heartbeat(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	b := t.beat(id, target, *args)
	timer := time.NewTimer(t.cfg.Patience)
	defer timer.Stop()
	for {
		select {
		case <-b.done:
			*resp = b.resp
			return b.err
		case <-t.cfg.Ctx.Done():
			return t.cfg.Ctx.Err()
		case <-timer.C:
		}
		ctx, cancel := context.WithTimeout(t.cfg.Ctx, t.cfg.Patience)
		vouched := t.cfg.Vouch(ctx, string(id), string(target), args.Term)
		cancel()
		if vouched {
			*resp = raft.AppendEntriesResponse{Term: args.Term, Success: true}
			return nil
		}
		timer.Reset(t.cfg.Patience)
	}
}

// beat returns the heartbeat that is on its way to id, or sends one.
func (t *Transport) beat(id raft.ServerID, target raft.ServerAddress, args raft.AppendEntriesRequest) *beat {
	t.beats.mu.Lock()
	defer t.beats.mu.Unlock()
	if b := t.beats.byID[id]; b != nil {
		return b
	}
	b := &beat{done: make(chan struct{})}
	send := func() {
		sent := t.cfg.Clock()
		b.err = t.NetworkTransport.AppendEntries(id, t.where(id, target), &args, &b.resp)
		if b.err == nil && b.resp.Success && b.resp.Term == args.Term {
			t.cfg.Heard(string(id), args.Term, sent)
		}
		t.beats.mu.Lock()
		delete(t.beats.byID, id)
		t.beats.mu.Unlock()
		close(b.done)
	}
	t.beats.byID[id] = b
	if !t.cfg.Spawn(send) {
		delete(t.beats.byID, id)
		b.err = raft.ErrTransportShutdown
		close(b.done)
	}
	return b
}
