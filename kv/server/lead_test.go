package server

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"pingd/kv/engine"
	"pingd/kv/server/follow"
)

func TestFollowerWrites(t *testing.T) {
	const readOnly = "-READONLY You can't write against a read only replica.\r\n"
	for _, c := range []struct {
		mode  follow.Mode
		talks []exchange
	}{
		{follow.Forward, []exchange{{"SET k 1", "+OK\r\n"}, {"MULTI", "+OK\r\n"}, {"INCR k", "+QUEUED\r\n"}, {"EXEC", "*1\r\n:2\r\n"}}},
		{follow.ReadOnly, []exchange{
			{"GET k", "$-1\r\n"},
			{"SET k 1", readOnly},
			{"ONCE t 1000 SET k 1", readOnly},
			{"FLUSHALL", readOnly},
			{"SET", "-ERR wrong number of arguments for 'set' command\r\n"},
			{"PUBLISH c m", ":0\r\n"},
			{"MULTI", "+OK\r\n"},
			{"GET k", "+QUEUED\r\n"},
			{"EXEC", "*1\r\n$-1\r\n"},
			{"MULTI", "+OK\r\n"},
			{"SET k 1", readOnly},
			{"EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"},
		}},
		{follow.Moved, []exchange{
			{"SET foo 1", "-MOVED 12182 127.0.0.1:7002\r\n"},
			{"MSET {foo}a 1 b 2", "-MOVED 12182 127.0.0.1:7002\r\n"},
			{"FLUSHALL", "-MOVED 0 127.0.0.1:7002\r\n"},
			{"GET foo", "$-1\r\n"},
		}},
	} {
		t.Run("mode "+string(c.mode), func(t *testing.T) {
			r := start(t, func(cfg *Config) { cfg.FollowerWrites = c.mode })
			r.store.follows.Store(true)
			p := r.dial()
			run(t, p, c.talks)
			want := map[follow.Mode]string{follow.Forward: "slave_read_only:0\r\n"}[c.mode]
			if want == "" {
				want = "slave_read_only:1\r\n"
			}
			p.send("INFO replication\r\n")
			if got := p.text(); !strings.Contains(got, "role:slave\r\n") || !strings.Contains(got, want) {
				t.Errorf("INFO lacks %q:\n%s", want, got)
			}
			// Once it leads it takes writes.
			r.store.follows.Store(false)
			run(t, p, []exchange{{"SET k 5", "+OK\r\n"}, {"GET k", "$1\r\n5\r\n"}})
			// A transaction begun while it led does not write any more.
			run(t, p, []exchange{{"MULTI", "+OK\r\n"}, {"SET k 6", "+QUEUED\r\n"}})
			r.store.follows.Store(true)
			if c.mode == follow.ReadOnly {
				run(t, p, []exchange{
					{"EXEC", "-EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica.\r\n"},
					{"GET k", "$1\r\n5\r\n"},
				})
			}
		})
	}
}

// A node that loses leadership sends its clients away, at once; those of a node
// that follows on stay, but forget what they have cached.
func TestLosingLeadership(t *testing.T) {
	r := start(t, nil)
	idle, sub, busy := r.dial(), r.dial(), r.dial()
	idle.talk("PING", "+PONG\r\n")
	sub.talk("SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
	entered, leave := make(chan struct{}), make(chan struct{})
	r.store.before = func(context.Context, []engine.Command) error {
		close(entered)
		<-leave
		return nil
	}
	busy.send("SET k 1\r\n")
	<-entered
	r.store.stepDown()
	idle.closed()
	sub.closed()
	close(leave) // what is under way is answered first
	busy.want("+OK\r\n")
	busy.closed()
}

func TestTrackingForgetsWhenCertaintyIsLost(t *testing.T) {
	r := start(t, func(c *Config) { c.Store.(*loneStore).follows.Store(true) })
	p := r.dial()
	p.send("HELLO 3\r\nCLIENT TRACKING on\r\nGET k\r\n")
	for line := ""; line != "_\r\n"; {
		var err error
		if line, err = p.br.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	r.store.stepDown() // another leader, or none: this node follows anyway
	p.want(">2\r\n$10\r\ninvalidate\r\n_\r\n")
	// State that came from elsewhere as a whole.
	p.talk("GET k", "_\r\n")
	snap := r.store.engine.Snapshot()
	image, w := io.Pipe()
	go func() { _, err := snap.WriteTo(w); w.CloseWithError(err) }()
	if err := r.store.engine.Restore(image); err != nil {
		t.Fatal(err)
	}
	snap.Close()
	p.want(">2\r\n$10\r\ninvalidate\r\n_\r\n")
}

// Keys expire by the log: no client keeps one for longer.
func TestTrackingHearsOfExpiry(t *testing.T) {
	r := start(t, nil)
	p, other := r.dial(), r.dial()
	p.send("HELLO 3\r\nCLIENT TRACKING on BCAST PREFIX k\r\n")
	for line := ""; line != "+OK\r\n"; {
		line, _ = p.br.ReadString('\n')
	}
	other.talk("SET k v PX 1", "+OK\r\n")
	p.want(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n")
	wait(t, "the key to expire", func() bool {
		other.send("INCR tick\r\nDBSIZE\r\n") // log time moves with commands alone here
		_, _ = other.br.ReadString('\n')
		line, _ := other.br.ReadString('\n')
		return line == ":1\r\n"
	})
	p.want(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n")
}

// The table of keys is bounded by a setting, and INFO tells of it.
func TestTrackingTableLimit(t *testing.T) {
	r := start(t, nil)
	p := r.dial()
	p.talk("CONFIG SET tracking-table-max-keys 10", "+OK\r\n")
	p.talk("CLIENT TRACKING on", "+OK\r\n")
	for i := range 50 {
		p.talk(fmt.Sprintf("GET k%d", i), "$-1\r\n")
	}
	p.send("INFO stats\r\n")
	if got := p.text(); !strings.Contains(got, "tracking_total_keys:10\r\ntracking_total_items:10\r\n") {
		t.Error(got)
	}
	p.send("INFO clients\r\n")
	if got := p.text(); !strings.Contains(got, "tracking_clients:1\r\n") {
		t.Error(got)
	}
	p.nc.Close()
	wait(t, "the table to be empty", func() bool { return r.tracking.Counts().Keys == 0 })
}

// WAIT waits, and CLIENT UNBLOCK ends that.
func TestUnblock(t *testing.T) {
	for how, want := range map[string]string{"": ":0\r\n", " TIMEOUT": ":0\r\n", " ERROR": "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"} {
		r := start(t, nil)
		r.store.wait = func(ctx context.Context) int { <-ctx.Done(); return 0 }
		p, other := r.dial(), r.dial()
		p.talk("SET k 1", "+OK\r\n")
		p.send("ECHO before\r\nWAIT 5 0\r\nPING\r\n")
		p.want("$6\r\nbefore\r\n") // not held back by what waits
		wait(t, "the client to wait", func() bool {
			other.send("CLIENT LIST ID 1\r\n")
			return strings.Contains(other.text(), " flags=b ")
		})
		other.send("INFO clients\r\n")
		if got := other.text(); !strings.Contains(got, "blocked_clients:1\r\n") {
			t.Error(got)
		}
		other.talk("CLIENT UNBLOCK 1"+how, ":1\r\n")
		p.want(want + "+PONG\r\n")
		other.talk("CLIENT UNBLOCK 1"+how, ":0\r\n")
	}
}

// A pipeline of reads and writes by one that caches: what it is told comes after
// the replies.
func TestTrackingInPipeline(t *testing.T) {
	r := start(t, nil)
	p := r.dial()
	p.send("HELLO 3\r\nCLIENT TRACKING on\r\n")
	for line := ""; line != "+OK\r\n"; {
		line, _ = p.br.ReadString('\n')
	}
	p.send("GET a\r\nSET a 1\r\nGET a\r\nGET b\r\n")
	p.want("_\r\n+OK\r\n$1\r\n1\r\n_\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n")
	// A write first: the read after it caches the new value, and nothing ends that.
	p.send("SET c 1\r\nGET c\r\n")
	p.want("+OK\r\n$1\r\n1\r\n")
	p.talk("PING", "+PONG\r\n")
	r.dial().talk("SET c 2", "+OK\r\n")
	p.want(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nc\r\n")
}
