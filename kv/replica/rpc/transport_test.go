package rpc

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// stream is a stream layer without a bus.
type stream struct{ net.Listener }

func (stream) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	_, addr, _ := strings.Cut(string(to), "@")
	return net.DialTimeout("tcp", addr, timeout)
}

// busyFollower is a transport between a leader and a follower whose main loop
// takes heartbeats only when released.
func busyFollower(t *testing.T, sick *sickness, vouch func(term uint64) bool) (leader *Transport, target raft.ServerAddress, release chan struct{}, taken *atomic.Int32) {
	t.Helper()
	listen := func() *raft.NetworkTransport {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return raft.NewNetworkTransport(stream{ln}, 3, 2*time.Second, io.Discard)
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
		Hung:  sick.hung.Load, Full: sick.full.Load,
	})
	return leader, follower.LocalAddr(), release, taken
}

func TestSlowHeartbeatIsVouchedFor(t *testing.T) {
	leader, target, release, taken := busyFollower(t, &sickness{}, func(term uint64) bool { return term == 7 })
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
	leader, target, release, _ := busyFollower(t, &sickness{}, func(uint64) bool {
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

// sickness is what a node's disk has.
type sickness struct{ hung, full atomic.Bool }

func TestANodeThatCannotWriteNeitherLeadsNorAsksForVotes(t *testing.T) {
	sick := &sickness{}
	leader, target, release, taken := busyFollower(t, sick, func(uint64) bool { return true })
	close(release)
	heartbeat := func() error {
		return leader.AppendEntries("f", target, &raft.AppendEntriesRequest{Term: 7}, &raft.AppendEntriesResponse{})
	}
	entries := func() error {
		return leader.AppendEntries("f", target, &raft.AppendEntriesRequest{Term: 7, PrevLogEntry: 3, PrevLogTerm: 7}, &raft.AppendEntriesResponse{})
	}
	pipe, err := leader.AppendEntriesPipeline("f", target)
	if err != nil {
		t.Fatal(err)
	}
	stop, drained := make(chan struct{}), make(chan struct{})
	defer func() { close(stop); _ = pipe.Close(); <-drained }()
	go func() {
		defer close(drained)
		for {
			select {
			case <-pipe.Consumer():
			case <-stop:
				return
			}
		}
	}()
	piped := func() error {
		_, err := pipe.AppendEntries(&raft.AppendEntriesRequest{Term: 7, PrevLogEntry: 3, PrevLogTerm: 7}, &raft.AppendEntriesResponse{})
		return err
	}
	vote := func() error {
		return leader.RequestVote("f", target, &raft.RequestVoteRequest{}, &raft.RequestVoteResponse{})
	}
	preVote := func() error {
		return leader.RequestPreVote("f", target, &raft.RequestPreVoteRequest{}, &raft.RequestPreVoteResponse{})
	}
	for name, c := range map[string]struct {
		hung, full bool
		refused    map[string]bool
	}{
		"hangs": {hung: true, refused: map[string]bool{"heartbeat": true, "entries": true, "piped": true, "vote": true, "preVote": true}},
		"full":  {full: true, refused: map[string]bool{"vote": true, "preVote": true}},
		"well":  {},
	} {
		sick.hung.Store(c.hung)
		sick.full.Store(c.full)
		before := taken.Load()
		for what, send := range map[string]func() error{"heartbeat": heartbeat, "entries": entries, "piped": piped, "vote": vote, "preVote": preVote} {
			if err := send(); errors.Is(err, ErrSick) != c.refused[what] {
				t.Errorf("disk %s, %s: %v", name, what, err)
			}
		}
		if c.hung && taken.Load() != before {
			t.Errorf("disk %s: %d requests left the node", name, taken.Load()-before)
		}
	}
}

func TestHeartbeatsThatAreTakenAreTold(t *testing.T) {
	leader, target, release, _ := busyFollower(t, &sickness{}, func(uint64) bool { return false })
	type told struct {
		id   string
		term uint64
		sent time.Duration
	}
	heard := make(chan told, 10)
	leader.cfg.Clock = func() time.Duration { return 5 * time.Second }
	leader.cfg.Heard = func(id string, term uint64, sent time.Duration) { heard <- told{id, term, sent} }
	close(release)
	for _, c := range []struct{ term uint64 }{{7}, {6}} { // the follower lives in term 7
		if err := leader.AppendEntries("f", target, &raft.AppendEntriesRequest{Term: c.term}, &raft.AppendEntriesResponse{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := <-heard; got != (told{"f", 7, 5 * time.Second}) || len(heard) > 0 {
		t.Errorf("told %v, and %d more", got, len(heard))
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
