package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNewChecksAddresses(t *testing.T) {
	for _, tc := range []struct {
		addrs []string
		want  string
	}{
		{nil, "hint: --join=127.0.0.1:6379"},
		{[]string{"h1"}, "hint: --join=h1:6379"},
		{[]string{"h1:6379", "::1"}, `"::1" is not host:port`},
	} {
		if _, err := New(Config{Addrs: tc.addrs}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: %v, want %q in it", tc.addrs, err, tc.want)
		}
	}
}

func TestReplies(t *testing.T) {
	c := connect(t, startRedis(t).addr)
	for _, tc := range []struct {
		args []any
		want any
	}{
		{[]any{"SET", "k", "v"}, "OK"},
		{[]any{"GET", "k"}, "v"},
		{[]any{"GET", "none"}, nil},
		{[]any{"INCR", "n"}, int64(1)},
		{[]any{"MGET", "k", "none", "n"}, []any{"v", nil, "1"}},
	} {
		if got := must(t, c, tc.args...); fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", tc.want) {
			t.Errorf("%v: %#v, want %#v", tc.args, got, tc.want)
		}
	}
	_, err := c.Do(within(t, time.Second), "INCR", "k")
	var reply *ReplyError
	if !errors.As(err, &reply) || !reply.Definite() || err.Error() != "INCR: ERR value is not an integer or out of range" {
		t.Errorf("INCR of a word: %v", err)
	}
}

// What a failing first node costs, and whether the second one is asked.
func TestSecondNodeIsAsked(t *testing.T) {
	// What is not to wait for a try's time-out takes a fraction of it, with room
	// for a machine that is busy with other tests.
	const oneTry, soon, limit = 3 * time.Second, 2500 * time.Millisecond, 20 * time.Second
	ok := says("$2\r\nok\r\n")
	for _, tc := range []struct {
		name  string
		first string // reply of the first node; empty = nobody listens
		args  []any
		err   error         // nil: the second node's answer
		most  time.Duration // what it may take
		least time.Duration
	}{
		{"killed, read", "", []any{"GET", "k"}, nil, soon, 0},
		{"killed, write", "", []any{"SET", "k", "v"}, nil, soon, 0},
		{"paused, read", hang, []any{"GET", "k"}, nil, limit, oneTry},
		{"broken, read", cut, []any{"GET", "k"}, nil, soon, 0},
		{"broken, write", cut, []any{"INCR", "k"}, ErrUncertain, soon, 0},
		{"no leader", "-CLUSTERDOWN no leader\r\n", []any{"INCR", "k"}, nil, soon, 0},
		{"loading", "-LOADING Redis is loading the dataset in memory\r\n", []any{"INCR", "k"}, nil, soon, 0},
		{"read only", "-READONLY You can't write against a read only replica.\r\n", []any{"INCR", "k"}, nil, soon, 0},
		{"moved", "-MOVED 1 127.0.0.1:1\r\n", []any{"INCR", "k"}, nil, soon, 0},
		{"too many clients", "-ERR max number of clients reached\r\n", []any{"INCR", "k"}, nil, soon, 0},
		{"uncertain, read", "-UNCERTAIN leader lost\r\n", []any{"GET", "k"}, nil, soon, 0},
		{"uncertain, write", "-UNCERTAIN leader lost\r\n", []any{"INCR", "k"}, ErrUncertain, soon, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr := freeAddr(t)
			if tc.first != "" {
				addr = startFake(t, says(tc.first)).addr
			}
			c := connectWith(t, Config{Addrs: []string{addr, startFake(t, ok).addr}, TryTimeout: oneTry})
			start := time.Now()
			got, err := c.Do(within(t, limit), tc.args...)
			took := time.Since(start)
			if !errors.Is(err, tc.err) || tc.err == nil && got != "ok" {
				t.Errorf("%v %v, want %v", got, err, tc.err)
			}
			if took > tc.most || took < tc.least {
				t.Errorf("took %v", took)
			}
		})
	}
}

// A paused node is asked once and then avoided.
func TestPausedNodeIsAvoided(t *testing.T) {
	paused, healthy := startFake(t, says(hang)), startFake(t, says("+ok\r\n"))
	// Long enough for the healthy one to answer in, on any machine.
	c := connectWith(t, Config{Addrs: []string{paused.addr, healthy.addr}, TryTimeout: time.Second})
	start := time.Now()
	for range 20 {
		must(t, c, "GET", "k")
	}
	most := 1 + int(time.Since(start)/avoidSilent)
	if n := paused.seen("GET"); n < 1 || n > most {
		t.Errorf("the paused node was asked %d times, expected at most %d", n, most)
	}
}

func TestRealPausedServer(t *testing.T) {
	a, b := startRedis(t), startRedis(t)
	const oneTry = 2 * time.Second
	c := connectWith(t, Config{Addrs: []string{a.addr, b.addr}, TryTimeout: oneTry})
	must(t, c, "SET", "k", "v")
	a.pause()
	must(t, c, "GET", "k")
	start := time.Now()
	must(t, c, "GET", "k")
	if took := time.Since(start); took >= oneTry {
		t.Errorf("the read after the one that found it took %v", took)
	}
}

// A token makes it safe to send again after any failure.
func TestOnceIsSentAgain(t *testing.T) {
	for _, reply := range []string{"-UNCERTAIN leader lost\r\n", cut, hang, "-CLUSTERDOWN no leader\r\n"} {
		t.Run(strings.Fields(reply)[0], func(t *testing.T) {
			t.Parallel()
			first, second := startFake(t, says(reply)), startFake(t, says(":7\r\n"))
			c := connectWith(t, Config{Addrs: []string{first.addr, second.addr}, TryTimeout: 100 * time.Millisecond})
			got, err := c.Once(within(t, 5*time.Second), time.Minute, "tok", "INCR", "k")
			if err != nil || got != int64(7) {
				t.Fatalf("%v %v", got, err)
			}
			for i, f := range []*fake{first, second} {
				if !f.got("ONCE", "tok", "60000", "INCR", "k") {
					t.Errorf("node %d did not get the command", i)
				}
			}
		})
	}
}

// store counts tokens once, as pingd does, and loses some of its answers.
func TestOnceIncrAcrossLostAnswers(t *testing.T) {
	numbers, next, calls := map[string]int{}, 0, 0
	f := startFake(t, func(args []string) string {
		if args[0] != "ONCEINCR" {
			return ""
		}
		calls++
		reply := fmt.Sprintf("*%d\r\n", len(args)-3)
		for _, tok := range args[3:] {
			if numbers[tok] == 0 {
				next++
				numbers[tok] = next
			}
			reply += fmt.Sprintf(":%d\r\n", numbers[tok])
		}
		switch calls % 3 {
		case 1:
			return cut // counted, not answered
		case 2:
			return "-UNCERTAIN leader lost\r\n"
		}
		return reply
	})
	c := connect(t, f.addr)
	for i := range 5 {
		// Each call is counted at once and answered at the third attempt.
		tokens := []string{fmt.Sprint("a", i), fmt.Sprint("b", i)}
		got, err := c.OnceIncr(within(t, 5*time.Second), "hits", time.Minute, tokens)
		if want := []int64{int64(2*i + 1), int64(2*i + 2)}; err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v %v, want %v", got, err, want)
		}
	}
}

func TestOnceIncrChecksTheReply(t *testing.T) {
	for _, reply := range []string{"+OK\r\n", "*1\r\n:1\r\n", "*2\r\n:1\r\n$1\r\nx\r\n"} {
		c := connect(t, startFake(t, says(reply)).addr)
		if got, err := c.OnceIncr(within(t, time.Second), "k", time.Minute, []string{"a", "b"}); err == nil {
			t.Errorf("reply %q gave %v", reply, got)
		}
	}
}

func TestWrongPasswordIsReportedAtOnce(t *testing.T) {
	server := startRedis(t, "--requirepass", "right")
	for _, tc := range []struct{ secret, hint string }{
		{"wrong", "the same password"},
		{"", "--secret-file=FILE"},
	} {
		c := connectWith(t, Config{Addrs: []string{server.addr}, Secret: tc.secret})
		start := time.Now()
		_, err := c.Do(within(t, 5*time.Second), "GET", "k")
		if !errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), "\nhint: ") || !strings.Contains(err.Error(), tc.hint) {
			t.Errorf("secret %q: %v", tc.secret, err)
		}
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("it took %v, until the end of its time", took)
		}
		noop := func(map[string]string) { t.Error("Watch called back") }
		if err := c.Watch(within(t, 5*time.Second), "/p/", noop); !errors.Is(err, ErrAuth) {
			t.Errorf("Watch: %v", err)
		}
		if err := c.Lease(within(t, 5*time.Second), "k", "v", time.Second); !errors.Is(err, ErrAuth) {
			t.Errorf("Lease: %v", err)
		}
		if tc.secret == "" {
			continue // Redis looks for the command PINGD before it asks for a password
		}
		if _, err := Peers(within(t, 5*time.Second), Config{Addrs: []string{server.addr}, Secret: tc.secret}); !errors.Is(err, ErrAuth) {
			t.Errorf("Peers: %v", err)
		}
	}
	c := connectWith(t, Config{Addrs: []string{server.addr}, Secret: "right"})
	must(t, c, "SET", "k", "v")
}

// When time is over the error says whether the command may have run.
func TestWhenTimeIsOver(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reply string
		kind  error
	}{
		{"nobody listens", "", ErrUnavailable},
		{"no leader", "-CLUSTERDOWN no leader\r\n", ErrUnavailable},
		{"no answer", hang, ErrUncertain},
		{"connections end", cut, ErrUncertain},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr := freeAddr(t)
			if tc.reply != "" {
				addr = startFake(t, says(tc.reply)).addr
			}
			c := connectWith(t, Config{Addrs: []string{addr}, TryTimeout: 30 * time.Millisecond})
			var err error
			// A try that is under way when time is over makes the outcome uncertain,
			// and rightly so: on a busy machine that happens to "no leader" too.
			for range 20 {
				start := time.Now()
				_, err = c.Once(within(t, 200*time.Millisecond), time.Minute, "t", "INCR", "k")
				if took := time.Since(start); took < 200*time.Millisecond || took > 10*time.Second {
					t.Errorf("took %v", took)
				}
				if errors.Is(err, tc.kind) {
					break
				}
			}
			var call *CallError
			if !errors.Is(err, tc.kind) || !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &call) {
				t.Fatalf("error %v", err)
			}
			if call.Definite() != (tc.kind == ErrUnavailable) || call.Command != "ONCE" {
				t.Errorf("definite %v, command %s", call.Definite(), call.Command)
			}
		})
	}
}

// A store that comes back is noticed soon.
func TestStoreThatComesBack(t *testing.T) {
	f := startFake(t, says("-CLUSTERDOWN no leader\r\n"))
	c := connect(t, f.addr)
	done := make(chan error, 1)
	go func() {
		_, err := c.Do(within(t, 5*time.Second), "INCR", "k")
		done <- err
	}()
	eventually(t, "it was asked a few times", func() bool { return f.seen("INCR") > 3 })
	f.set(says(":1\r\n"))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestCloseIsFinal(t *testing.T) {
	c := connect(t, startRedis(t).addr)
	must(t, c, "SET", "k", "v")
	for range 2 {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Do(within(t, time.Second), "GET", "k"); !errors.Is(err, ErrClosed) {
		t.Errorf("Do: %v", err)
	}
	if err := c.Watch(within(t, time.Second), "p", func(map[string]string) {}); !errors.Is(err, ErrClosed) {
		t.Errorf("Watch: %v", err)
	}
	if err := c.Lease(within(t, time.Second), "k", "v", time.Second); !errors.Is(err, ErrClosed) {
		t.Errorf("Lease: %v", err)
	}
}
