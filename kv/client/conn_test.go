package client

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPlain(t *testing.T) {
	for _, tc := range []struct{ reply, want any }{
		{nil, nil},
		{int64(1), int64(1)},
		{"OK", "OK"},
		{[]byte("a\x00b"), "a\x00b"},
		{[]any{[]byte("a"), nil, []any{[]byte("b"), int64(2)}}, []any{"a", nil, []any{"b", int64(2)}}},
	} {
		if got := plain(tc.reply); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%#v: %#v, want %#v", tc.reply, got, tc.want)
		}
	}
}

// A server that was restarted closed the idle connections. Not to notice that
// would make the outcome of the next write unknown.
func TestRestartedServerIsNoticedBeforeAWrite(t *testing.T) {
	server := startRedis(t)
	c := connect(t, server.addr)
	for i := range 3 {
		must(t, c, "INCR", "k")
		server.kill()
		server.start()
		if got, err := c.Do(within(t, 5*time.Second), "INCR", "k"); err != nil || got != int64(1) {
			t.Fatalf("restart %d: %v %v", i, got, err)
		}
	}
}

// A node that takes connections and answers nothing did not get the command when
// it did not even take the password: a write may go to the next one.
func TestPasswordWithoutAnswerIsNoUnknownOutcome(t *testing.T) {
	paused, healthy := startFake(t, says(hang)), startFake(t, says("+OK\r\n"))
	c := connectWith(t, Config{Addrs: []string{paused.addr, healthy.addr}, Secret: "s", TryTimeout: 50 * time.Millisecond})
	if got := must(t, c, "INCRBY", "k", 1); got != "OK" {
		t.Errorf("reply %v", got)
	}
	if paused.seen("INCRBY") != 0 || paused.seen("AUTH") == 0 {
		t.Error("the paused node was to get the password and nothing else")
	}
}

// The end of the caller's context ends the wait at once, and the reply that comes
// late is nobody else's.
func TestCancelledCommand(t *testing.T) {
	release := make(chan struct{})
	f := startFake(t, func(args []string) string {
		switch args[0] {
		case "ECHO":
			return fmt.Sprintf("$%d\r\n%s\r\n", len(args[1]), args[1])
		case "SLOW":
			<-release
			return "+late\r\n"
		}
		return ""
	})
	c := connectWith(t, Config{Addrs: []string{f.addr}, TryTimeout: time.Minute})
	must(t, c, "ECHO", "warm")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := c.Do(ctx, "SLOW"); done <- err }()
	eventually(t, "the command is at the node", func() bool {
		select {
		case release <- struct{}{}: // taken by the handler only: it is there
			return true
		default:
			return false
		}
	})
	if err := <-done; err != nil {
		t.Fatalf("the command that was let go: %v", err)
	}
	go func() { _, err := c.Do(ctx, "SLOW"); done <- err }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	close(release)
	for i := range 3 {
		if got := must(t, c, "ECHO", fmt.Sprint(i)); got != fmt.Sprint(i) {
			t.Errorf("reply %v to ECHO %d", got, i)
		}
	}
}

// However many commands run at the same time, few connections are kept.
func TestIdleConnectionsAreFew(t *testing.T) {
	f := startFake(t, says("+OK\r\n"))
	c := connect(t, f.addr)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if _, err := c.Do(within(t, 10*time.Second), "SET", fmt.Sprint(i), strings.Repeat("x", 1000)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c.mu.Lock()
	n := c.nodes[f.addr]
	c.mu.Unlock()
	n.mu.Lock()
	idle := len(n.idle)
	n.mu.Unlock()
	if idle == 0 || idle > maxIdle {
		t.Errorf("%d idle connections", idle)
	}
}

// BenchmarkOnceIncr is one call of the counter for 50 visits.
func BenchmarkOnceIncr(b *testing.B) {
	reply := "*50\r\n" + strings.Repeat(":123456789\r\n", 50)
	f := startFake(b, says(reply))
	c := connect(b, f.addr)
	tokens := make([]string, 50)
	for i := range tokens {
		tokens[i] = fmt.Sprintf("0123456789abcdef0123456789abcd%02d", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.OnceIncr(b.Context(), "hits", time.Minute, tokens); err != nil {
			b.Fatal(err)
		}
	}
}
