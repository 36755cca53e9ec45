package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"
)

// observed is a Watch under test.
type observed struct {
	t    *testing.T
	stop context.CancelFunc
	done chan error

	mu    sync.Mutex
	last  map[string]string
	calls int
}

func observe(t *testing.T, c *Client, prefix string) *observed {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	o := &observed{t: t, stop: cancel, done: make(chan error, 1)}
	go func() {
		o.done <- c.Watch(ctx, prefix, func(m map[string]string) {
			o.mu.Lock()
			o.last, o.calls = m, o.calls+1
			o.mu.Unlock()
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-o.done; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch: %v", err)
		}
	})
	return o
}

// shows waits until the list is as wanted.
func (o *observed) shows(pairs ...string) {
	o.t.Helper()
	want := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		want[pairs[i]] = pairs[i+1]
	}
	eventually(o.t, fmt.Sprint("list ", want), func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.calls > 0 && maps.Equal(o.last, want)
	})
}

// byEvents returns a client that hears of changes by events or not at all.
func byEvents(t *testing.T, addr string) *Client {
	t.Helper()
	return connectWith(t, Config{Addrs: []string{addr}, Resync: time.Hour})
}

func (o *observed) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls
}

func TestWatchTellsEveryChange(t *testing.T) {
	c := byEvents(t, startRedis(t).addr)
	must(t, c, "SET", "/app/a", "1")
	must(t, c, "SET", "/other", "x")
	o := observe(t, c, "/app/")
	o.shows("/app/a", "1")
	must(t, c, "SET", "/app/b", "2")
	o.shows("/app/a", "1", "/app/b", "2")
	must(t, c, "SET", "/app/b", "3")
	o.shows("/app/a", "1", "/app/b", "3")
	must(t, c, "RENAME", "/app/b", "/app/c")
	o.shows("/app/a", "1", "/app/c", "3")
	must(t, c, "DEL", "/app/a")
	o.shows("/app/c", "3")
	must(t, c, "PEXPIRE", "/app/c", "20")
	o.shows()
	must(t, c, "HSET", "/app/hash", "f", "v") // no string: left out
	must(t, c, "SET", "/app/d", "4")
	o.shows("/app/d", "4")

	calls := o.count()
	must(t, c, "SET", "/app/d", "4")
	must(t, c, "SET", "/other", "y")
	must(t, c, "SET", "/app/e", "5")
	o.shows("/app/d", "4", "/app/e", "5")
	if got := o.count(); got != calls+1 {
		t.Errorf("%d calls for one change", got-calls)
	}
}

// A prefix is no pattern.
func TestWatchOddPrefix(t *testing.T) {
	c := byEvents(t, startRedis(t).addr)
	for _, prefix := range []string{`a*b?[c]\d^`, ""} {
		must(t, c, "FLUSHALL")
		must(t, c, "SET", prefix+"1", "x")
		o := observe(t, c, prefix)
		o.shows(prefix+"1", "x")
		must(t, c, "SET", prefix+"2", "y")
		if prefix != "" {
			must(t, c, "SET", "aXbYcZ", "z")
		}
		o.shows(prefix+"1", "x", prefix+"2", "y")
		o.stop()
	}
}

func TestWatchLongList(t *testing.T) {
	c := connect(t, startRedis(t).addr)
	var want []string
	set := func(from, to int) {
		args := []any{"MSET"}
		for i := from; i < to; i++ {
			key, value := fmt.Sprintf("/app/%05d", i), fmt.Sprint(i)
			args = append(args, key, value)
			want = append(want, key, value)
		}
		must(t, c, args...)
	}
	set(0, 2500)
	o := observe(t, c, "/app/")
	o.shows(want...)
	set(2500, 4000) // more than are read one by one
	o.shows(want...)
}

// FLUSHALL has no keyspace event in Redis: the resync finds it.
func TestWatchResync(t *testing.T) {
	c := connectWith(t, Config{Addrs: []string{startRedis(t).addr}, Resync: 50 * time.Millisecond})
	must(t, c, "SET", "/app/a", "1")
	o := observe(t, c, "/app/")
	o.shows("/app/a", "1")
	must(t, c, "FLUSHALL")
	o.shows()
}

// pingd announces that all keys are gone.
func TestWatchFlushEvent(t *testing.T) {
	c := byEvents(t, startRedis(t).addr)
	must(t, c, "SET", "/app/a", "1")
	o := observe(t, c, "/app/")
	o.shows("/app/a", "1")
	must(t, c, "FLUSHALL")
	must(t, c, "PUBLISH", "__keyevent@0__:flushall", "")
	o.shows()
}

// While no node answers the last list stays; afterwards the true one is told.
func TestWatchOutlivesTheStore(t *testing.T) {
	server := startRedis(t)
	c := byEvents(t, server.addr)
	must(t, c, "SET", "/app/a", "1")
	o := observe(t, c, "/app/")
	o.shows("/app/a", "1")
	calls := o.count()
	server.kill()
	if _, err := c.Do(within(t, 3*time.Second), "GET", "k"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("GET of a dead store: %v", err)
	}
	if o.count() != calls {
		t.Error("called back while the store was away")
	}
	server.start()
	must(t, c, "SET", "/app/b", "2")
	o.shows("/app/b", "2")
	must(t, c, "SET", "/app/c", "3")
	o.shows("/app/b", "2", "/app/c", "3")
}

// A subscription to a node that falls silent moves to another one.
func TestWatchLeavesAPausedNode(t *testing.T) {
	a, b := startRedis(t), startRedis(t)
	c := connectWith(t, Config{Addrs: []string{a.addr, b.addr}, TryTimeout: 100 * time.Millisecond, Resync: time.Hour})
	for _, s := range []*redisServer{a, b} {
		must(t, connect(t, s.addr), "SET", "/app/x", "1")
	}
	o := observe(t, c, "/app/")
	o.shows("/app/x", "1")
	a.pause()
	direct := connect(t, b.addr)
	must(t, direct, "SET", "/app/y", "2")
	o.shows("/app/x", "1", "/app/y", "2")
	must(t, direct, "SET", "/app/z", "3")
	o.shows("/app/x", "1", "/app/y", "2", "/app/z", "3")
}

func TestEscapeGlob(t *testing.T) {
	if got := escapeGlob(`a*b?[c]\`); got != `a\*b\?\[c\]\\` {
		t.Error(got)
	}
}

func TestParseScanRefusesOddReplies(t *testing.T) {
	for _, reply := range []any{nil, "x", []any{}, []any{"0"}, []any{int64(0), []any{}}, []any{"0", "x"}} {
		if _, _, err := parseScan(reply); err == nil {
			t.Errorf("%#v accepted", reply)
		}
	}
}
