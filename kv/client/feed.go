package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis publishes keyspace events under these channels; the keys of all roles
// are in database 0.
const keyspace = "__keyspace@0__:"

// Channels that announce that all keys are gone, which Redis itself does not.
var flushChannels = []string{"__keyevent@0__:flushdb", "__keyevent@0__:flushall"}

// feedPing is how often a quiet subscription is asked whether it still lives.
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
		worked, err := f.follow(ctx, n)
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
// the subscription was established.
func (f *feed) follow(ctx context.Context, n *node) (worked bool, err error) {
	line := oneDial{timeout: f.c.cfg.TryTimeout}
	opts := f.c.options(n.addr)
	opts.Dialer = line.dial
	// The library reconnects a subscription by itself, to the same address and
	// for as long as that takes. With a dialer that works once it cannot.
	rdb := redis.NewClient(opts)
	defer rdb.Close()
	defer line.close()
	stop := context.AfterFunc(ctx, line.close)
	defer stop()

	// The library waits for replies on this connection without the context's
	// deadline, so the whole of subscribing is bounded here.
	guard := time.AfterFunc(2*f.c.cfg.TryTimeout, line.close)
	defer guard.Stop()
	sub, want, err := f.subscribe(ctx, rdb)
	if err != nil {
		return false, err
	}
	defer sub.Close()
	for range want {
		if _, err := sub.ReceiveTimeout(ctx, f.c.cfg.TryTimeout); err != nil {
			return false, err
		}
	}
	guard.Stop()
	n.worked()
	f.report(notice{fresh: true})
	return true, f.receive(ctx, sub)
}

// subscribe sends the subscriptions and says how many confirmations will come.
func (f *feed) subscribe(ctx context.Context, rdb *redis.Client) (*redis.PubSub, int, error) {
	channels := flushChannels
	if !f.pattern {
		channels = append([]string{keyspace + f.topic}, channels...)
	}
	sub := rdb.Subscribe(ctx)
	err := sub.Subscribe(ctx, channels...)
	want := len(channels)
	if err == nil && f.pattern {
		err = sub.PSubscribe(ctx, keyspace+escapeGlob(f.topic)+"*")
		want++
	}
	if err != nil {
		_ = sub.Close()
		return nil, 0, err
	}
	return sub, want, nil
}

// receive reports messages until the connection ends or falls silent.
func (f *feed) receive(ctx context.Context, sub *redis.PubSub) error {
	asked := false
	for {
		timeout := feedPing
		if asked {
			timeout = f.c.cfg.TryTimeout
		}
		msg, err := sub.ReceiveTimeout(ctx, timeout)
		var quiet net.Error
		switch {
		case err == nil:
			asked = false
			// A client that only watches must not depend on its seeds either.
			f.c.learnSoon(ctx, false)
		case errors.As(err, &quiet) && quiet.Timeout() && !asked:
			asked = true
			if err := sub.Ping(ctx); err != nil {
				return err
			}
			continue
		default:
			return fmt.Errorf("subscription: %w", err)
		}
		if m, ok := msg.(*redis.Message); ok {
			if key, isKey := strings.CutPrefix(m.Channel, keyspace); isKey {
				f.report(notice{key: key, event: m.Payload})
			} else {
				f.report(notice{flush: true})
			}
		}
	}
}

// escapeGlob makes a key prefix safe within a pattern of SCAN or PSUBSCRIBE.
func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(s)
}

// oneDial is a dialer that connects once.
type oneDial struct {
	timeout time.Duration

	mu   sync.Mutex
	used bool
	conn net.Conn
}

var errOneDial = errors.New("subscription has ended")

func (d *oneDial) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.used {
		return nil, errOneDial
	}
	d.used = true
	dialer := net.Dialer{Timeout: d.timeout}
	conn, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	d.conn = conn
	return conn, nil
}

// close ends the connection and every later dial. It may be called repeatedly.
func (d *oneDial) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.used = true
	if d.conn != nil {
		_ = d.conn.Close()
	}
}
