package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Redis publishes keyspace events under these channels; the keys of all roles
// are in database 0.
const keyspace = "__keyspace@0__:"

// Channels that announce that all keys are gone, which Redis itself does not.
var flushChannels = []any{"__keyevent@0__:flushdb", "__keyevent@0__:flushall"}

// feedPing is how often a subscription is asked whether it still lives.
const feedPing = time.Second

// notice is what a feed reports.
type notice struct {
	fresh bool   // the subscription was established just now: anything may have changed before
	lost  bool   // no subscription for the time being
	flush bool   // all keys are gone
	key   string // this key changed ...
	event string // ... by this event (set, del, expired ...)
}

// feed is one subscription to keyspace events that moves to another node when
// its own falls silent.
type feed struct {
	c       *Client
	pattern bool   // topic is a prefix of keys; otherwise one key
	topic   string // key or prefix
	report  func(notice)
}

// run subscribes and reports until ctx ends. It returns early only with ErrAuth
// or ErrClosed.
func (f *feed) run(ctx context.Context) error {
	wait := backoffMin
	for skip := 0; ; skip++ {
		nodes, err := f.c.candidates(ctx)
		if err != nil {
			return err
		}
		n := nodes[skip%len(nodes)]
		worked, err := f.follow(ctx, n, f.c.cfg.TryTimeout<<min(skip, 4))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v := classify(err)
		if v == unwelcome && !f.c.accepted() {
			return authError(n.addr, f.c.cfg.Secret != "", err)
		}
		f.c.note(ctx, n, max(v, elsewhere), err)
		f.report(notice{lost: true})
		if worked {
			// The list is in order of preference again, so start at its head.
			skip, wait = -1, backoffMin
			continue
		}
		if pause(ctx, wait) != nil {
			return ctx.Err()
		}
		wait = min(2*wait, time.Second)
	}
}

// accepted reports whether any node ever took the secret: then a refusal is one
// node's mistake and no reason to give up.
func (c *Client) accepted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.everWorked
}

// follow subscribes at one node and reports until that fails. worked says that
// the subscription was established. patience bounds the dial.
func (f *feed) follow(ctx context.Context, n *node, patience time.Duration) (worked bool, err error) {
	dialing, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cn, err := f.c.connect(dialing, n.addr)
	if err != nil {
		return false, err
	}
	defer cn.close()
	stop := context.AfterFunc(ctx, func() { _ = cn.line.Close() })
	defer stop()

	sub := redis.PubSubConn{Conn: cn.Conn}
	want, err := f.subscribe(sub)
	if err != nil {
		return false, err
	}
	for range want {
		if err, failed := sub.ReceiveWithTimeout(f.c.cfg.TryTimeout).(error); failed {
			return false, err
		}
	}
	n.worked()
	f.report(notice{fresh: true})
	asking := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { keepAsking(sub, asking) })
	defer wg.Wait()
	defer close(asking)
	return true, f.receive(ctx, sub)
}

// subscribe sends the subscriptions and says how many confirmations will come.
func (f *feed) subscribe(sub redis.PubSubConn) (int, error) {
	channels := slices.Clone(flushChannels)
	if !f.pattern {
		channels = append(channels, keyspace+f.topic)
	}
	if err := sub.Subscribe(channels...); err != nil || !f.pattern {
		return len(channels), err
	}
	return len(channels) + 1, sub.PSubscribe(keyspace + escapeGlob(f.topic) + "*")
}

// keepAsking sends a PING each feedPing until done is closed or the connection
// fails, which its reader sees.
func keepAsking(sub redis.PubSubConn, done <-chan struct{}) {
	tick := time.NewTicker(feedPing)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if sub.Ping("") != nil {
				return
			}
		}
	}
}

// receive reports messages until the connection ends or falls silent.
func (f *feed) receive(ctx context.Context, sub redis.PubSubConn) error {
	for {
		switch m := sub.ReceiveWithTimeout(feedPing + f.c.cfg.TryTimeout).(type) {
		case error:
			return fmt.Errorf("subscription: %w", m)
		case redis.Message:
			if key, isKey := strings.CutPrefix(m.Channel, keyspace); isKey {
				f.report(notice{key: key, event: string(m.Data)})
			} else {
				f.report(notice{flush: true})
			}
		}
		// A client that only watches must not depend on its seeds either.
		f.c.learnSoon(ctx, false)
	}
}

// escapeGlob makes a key prefix safe within a pattern of SCAN or PSUBSCRIBE.
func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(s)
}
