package server

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"
)

// An error while commands are queued is not forgotten over WATCH or MULTI, which fail
// within a transaction and do not end it: EXEC must not run the rest.
func TestErrorsInTransactionsAreKept(t *testing.T) {
	for _, next := range []string{
		"WATCH k\r\n-ERR WATCH inside MULTI is not allowed\r\n",
		"MULTI\r\n-ERR MULTI calls can not be nested\r\n",
	} {
		call, refused, _ := strings.Cut(next, "\r\n")
		p := start(t, nil).dial()
		run(t, p, []exchange{
			{"MULTI", "+OK\r\n"},
			{"SET k 1", "+QUEUED\r\n"},
			{"SET k", "-ERR wrong number of arguments for 'set' command\r\n"},
			{call, refused},
			{"EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"},
			{"GET k", "$-1\r\n"},
			{"MULTI", "+OK\r\n"},
			{call, refused},
			{"EXEC", "*0\r\n"},
		})
	}
}

// A client that watches keys and lets go of them may do so for ever.
func TestUnwatchGivesBack(t *testing.T) {
	p := start(t, nil).dial()
	p.talk("CONFIG SET client-query-buffer-limit 1mb", "+OK\r\n")
	const rounds = 1500 // of a key of 1000 bytes: more than a MiB
	go func() {
		_, _ = p.nc.Write([]byte(strings.Repeat("WATCH "+strings.Repeat("k", 1000)+"\r\nUNWATCH\r\n", rounds)))
	}()
	p.want(strings.Repeat("+OK\r\n", 2*rounds))
	run(t, p, []exchange{{"MULTI", "+OK\r\n"}, {"UNWATCH", "+QUEUED\r\n"}, {"PING", "+QUEUED\r\n"}, {"EXEC", "*2\r\n+OK\r\n+PONG\r\n"}})
}

// An empty address is nobody's: CLIENT KILL must not take it for everybody's.
func TestKillOfAnEmptyAddress(t *testing.T) {
	r := start(t, nil)
	p, other := r.dial(), r.dial()
	other.talk("PING", "+PONG\r\n")
	run(t, p, []exchange{
		{`CLIENT KILL ""`, "-ERR No such client\r\n"},
		{`CLIENT KILL ADDR ""`, ":0\r\n"},
		{`CLIENT KILL LADDR "" SKIPME no`, ":0\r\n"},
	})
	other.talk("PING", "+PONG\r\n")
}

// deadlines tells what deadline a connection has for reading.
type deadlines struct {
	net.Conn
	read time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.read = t
	return nil
}

// The time that an idle client has does not go on for one that has become a
// subscriber or watches others, nor once there is no such limit any more.
func TestIdleTimeEnds(t *testing.T) {
	r := start(t, nil)
	near, far := net.Pipe()
	defer near.Close()
	nc := &deadlines{Conn: near}
	c := newConn(t.Context(), r.Server, nc)
	idle := func(seconds int64) bool {
		r.live.timeout.Store(seconds)
		if err := c.awaitInput(); err != nil {
			t.Fatal(err)
		}
		return !nc.read.IsZero()
	}
	if !idle(60) || idle(0) || !idle(60) {
		t.Error("the deadline does not follow the setting")
	}
	c.monitors.Store(true)
	if idle(60) {
		t.Error("a client of MONITOR is cut off though it has nothing to say")
	}
	c.monitors.Store(false)
	if !idle(60) {
		t.Error("no limit after MONITOR")
	}
	c.subs.Subscribe(0, [][]byte{[]byte("news")})
	defer c.close()
	defer far.Close() // first: it takes nothing
	if idle(60) {
		t.Error("a subscriber is cut off at the time that it had before")
	}
}

// CLIENT PAUSE holds back transactions, also those with commands of the front.
func TestPauseHoldsMixedTransactions(t *testing.T) {
	r := start(t, nil)
	p, other := r.dial(), r.dial()
	run(t, other, []exchange{{"MULTI", "+OK\r\n"}, {"SET k v", "+QUEUED\r\n"}, {"CLIENT GETNAME", "+QUEUED\r\n"}})
	p.talk("CLIENT PAUSE 60000 WRITE", "+OK\r\n")
	other.send("EXEC\r\n")
	other.nc.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := other.br.Peek(1); err == nil {
		t.Fatal("a write was not held back")
	}
	other.nc.SetReadDeadline(time.Now().Add(20 * time.Second))
	p.talk("CLIENT UNPAUSE", "+OK\r\n")
	other.br.Reset(other.nc)
	other.want("*2\r\n+OK\r\n$-1\r\n")
}

// A client that is gone, or told to leave, gives its place back although it waits.
func TestWaitEndsWithItsClient(t *testing.T) {
	r := start(t, nil)
	r.store.wait = func(ctx context.Context) int {
		<-ctx.Done()
		return 0
	}
	p := r.dial()
	for name, end := range map[string]func(waiting *peer){
		"gone":   func(w *peer) { w.nc.Close() },
		"killed": func(*peer) { p.talk("CLIENT KILL TYPE normal", ":1\r\n") },
	} {
		w := r.dial()
		w.send("WAIT 1 0\r\n")
		wait(t, "the wait", func() bool { return r.stats.blocked.Load() == 1 })
		end(w)
		wait(t, name, func() bool { return r.Status().(Status).Clients == 1 && r.stats.blocked.Load() == 0 })
	}
}
