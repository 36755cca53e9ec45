package client

import (
	"context"
	"testing"
	"time"
)

// hold starts a Lease and returns what ends it and returns its error.
func hold(t *testing.T, c *Client, key, value string, ttl time.Duration) func() error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Lease(ctx, key, value, ttl) }()
	stopped := false
	stop := func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

func TestLease(t *testing.T) {
	c := connect(t, startRedis(t).addr)

	// Removed by somebody: back at once, not at the next renewal.
	stop := hold(t, c, "/app/a", "h:1", time.Hour)
	has := func() bool { return must(t, c, "GET", "/app/a") == "h:1" }
	eventually(t, "the key is written", has)
	for _, remove := range [][]any{{"DEL", "/app/a"}, {"RENAME", "/app/a", "elsewhere"}} {
		must(t, c, remove...)
		eventually(t, "the key is back", has)
	}
	if err := stop(); err != nil {
		t.Errorf("Lease: %v", err)
	}

	stop = hold(t, c, "/app/a", "h:1", 600*time.Millisecond)
	eventually(t, "the key is written", has)
	if ttl, _ := asInt(must(t, c, "PTTL", "/app/a")); ttl <= 0 || ttl > 600 {
		t.Errorf("time to live %d ms", ttl)
	}

	// Renewal: the time to live grows again.
	eventually(t, "the key grows old", func() bool { ttl, _ := asInt(must(t, c, "PTTL", "/app/a")); return ttl < 450 })
	eventually(t, "it is renewed", func() bool { ttl, _ := asInt(must(t, c, "PTTL", "/app/a")); return ttl > 550 })

	// Without an event (FLUSHALL of Redis) the renewal finds it.
	must(t, c, "FLUSHALL")
	eventually(t, "the key is back", has)
	// Overwritten: the renewal sets it right.
	must(t, c, "SET", "/app/a", "other")
	eventually(t, "the key is ours again", has)

	if err := stop(); err != nil {
		t.Errorf("Lease: %v", err)
	}
	if got := must(t, c, "EXISTS", "/app/a"); got != int64(0) {
		t.Error("the key is left behind")
	}
}

// A key that somebody else has taken over is not removed.
func TestLeaseLeavesAnothersKey(t *testing.T) {
	// A try that is given up is sent again, and would overwrite the other's value.
	c := connectWith(t, Config{Addrs: []string{startRedis(t).addr}, TryTimeout: 5 * time.Second})
	stop := hold(t, c, "k", "mine", time.Minute)
	eventually(t, "the key is written", func() bool { return must(t, c, "GET", "k") == "mine" })
	must(t, c, "SET", "k", "theirs")
	if err := stop(); err != nil {
		t.Errorf("Lease: %v", err)
	}
	if got := must(t, c, "GET", "k"); got != "theirs" {
		t.Errorf("key holds %v", got)
	}
}

func TestLeaseOutlivesTheStore(t *testing.T) {
	server := startRedis(t)
	c := connect(t, server.addr)
	stop := hold(t, c, "k", "v", time.Second)
	has := func() bool { return must(t, c, "GET", "k") == "v" }
	eventually(t, "the key is written", has)
	server.kill()
	server.start()
	eventually(t, "the key is written again", has)
	server.kill()
	start := time.Now()
	if err := stop(); err == nil {
		t.Error("removal from a dead store without an error")
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("giving up took %v", took)
	}
}

func TestLeaseEndsBeforeItBegan(t *testing.T) {
	c := connect(t, freeAddr(t))
	stop := hold(t, c, "k", "v", time.Second)
	if err := stop(); err != nil {
		t.Errorf("Lease: %v", err)
	}
	if err := c.Lease(t.Context(), "k", "v", time.Millisecond); err == nil {
		t.Error("a time to live of 1 ms is accepted")
	}
}
