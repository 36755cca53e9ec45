package rpc

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// busyFollower is a transport between a leader and a follower whose main loop
// takes heartbeats only when released.
func busyFollower(t *testing.T, vouch func(term uint64) bool) (leader *Transport, target raft.ServerAddress, release chan struct{}, taken *atomic.Int32) {
	t.Helper()
	listen := func() *raft.NetworkTransport {
		n, err := raft.NewTCPTransport("127.0.0.1:0", nil, 3, 2*time.Second, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	follower, inner := listen(), listen()
	release, taken = make(chan struct{}), new(atomic.Int32)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case rpc := <-follower.Consumer():
				taken.Add(1)
				select {
				case <-release:
				case <-ctx.Done():
				}
				rpc.Respond(&raft.AppendEntriesResponse{Term: 7, Success: true, LastLog: 42}, nil)
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		_, _ = inner.Close(), follower.Close()
	})
	leader = New(Config{
		Network: inner, Ctx: ctx, Patience: 10 * time.Millisecond,
		Vouch: func(_ context.Context, _, _ string, term uint64) bool { return vouch(term) },
		Spawn: func(f func()) bool { wg.Go(f); return true },
		Heard: func(string, uint64, time.Duration) {}, Clock: func() time.Duration { return 0 },
		Where: func(_, addr string) string { return addr },
		Hung:  func() bool { return false }, Full: func() bool { return false },
	})
	return leader, follower.LocalAddr(), release, taken
}

func TestSlowHeartbeatIsVouchedFor(t *testing.T) {
	leader, target, release, taken := busyFollower(t, func(term uint64) bool { return term == 7 })
	for range 5 {
		var resp raft.AppendEntriesResponse
		if err := leader.AppendEntries("f", target, &raft.AppendEntriesRequest{Term: 7}, &resp); err != nil {
			t.Fatal(err)
		}
		if !resp.Success || resp.Term != 7 || resp.LastLog != 0 {
			t.Fatalf("answer %+v", resp)
		}
	}
	if n := taken.Load(); n != 1 {
		t.Errorf("%d heartbeats on their way at once, expected 1", n)
	}
	close(release) // the disk is done: the heartbeat itself is answered again
	for {
		var resp raft.AppendEntriesResponse
		if err := leader.AppendEntries("f", target, &raft.AppendEntriesRequest{Term: 7}, &resp); err != nil {
			t.Fatal(err)
		}
		if resp.LastLog == 42 {
			return
		}
	}
}

func TestSlowHeartbeatOfADeposedLeaderIsNotVouchedFor(t *testing.T) {
	var asked atomic.Int32
	leader, target, release, _ := busyFollower(t, func(uint64) bool {
		return asked.Add(1) < 0 // never: the follower lives in another term
	})
	done := make(chan raft.AppendEntriesResponse, 1)
	go func() {
		var resp raft.AppendEntriesResponse
		if err := leader.AppendEntries("f", target, &raft.AppendEntriesRequest{Term: 6}, &resp); err != nil {
			t.Error(err)
		}
		done <- resp
	}()
	for asked.Load() < 3 { // it goes on asking, and waits
		select {
		case resp := <-done:
			t.Fatalf("answered %+v without the follower", resp)
		case <-time.After(time.Millisecond):
		}
	}
	close(release)
	if resp := <-done; resp.LastLog != 42 {
		t.Errorf("answer %+v", resp)
	}
}

func TestEntriesAreNotHeartbeats(t *testing.T) {
	for name, c := range map[string]struct {
		req  raft.AppendEntriesRequest
		want bool
	}{
		"heartbeat":           {raft.AppendEntriesRequest{Term: 1}, true},
		"entries":             {raft.AppendEntriesRequest{Term: 1, Entries: []*raft.Log{{}}}, false},
		"commit":              {raft.AppendEntriesRequest{Term: 1, LeaderCommitIndex: 3}, false},
		"probe of the log":    {raft.AppendEntriesRequest{Term: 1, PrevLogEntry: 3, PrevLogTerm: 1}, false},
		"nothing, of no term": {raft.AppendEntriesRequest{}, false},
	} {
		if got := isHeartbeat(&c.req); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
