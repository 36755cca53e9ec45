package client

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// releaseTimeout bounds the removal of a lease when its holder stops.
const releaseTimeout = 2 * time.Second

// Lease holds key = value with a time to live until ctx ends, then removes the
// key if it still has this value. It renews each third of ttl and writes the key
// again at once when somebody removes it or it expires; while no node answers it
// keeps trying. ttl must be at least 300 ms.
//
// It returns nil when ctx has ended and the key is removed, an error when the
// removal failed (the key then expires within ttl), or at once ErrAuth.
func (c *Client) Lease(ctx context.Context, key, value string, ttl time.Duration) error {
	if ttl < 300*time.Millisecond {
		return fmt.Errorf("lease %s: ttl %v is below 300ms", key, ttl)
	}
	l := lease{c: c, key: key, value: value, ttl: ttl, news: newNews()}
	err := c.withFeed(ctx, &feed{c: c, topic: key, report: l.news.add}, l.run)
	if ctx.Err() == nil {
		return err
	}
	if !l.held {
		return nil
	}
	return l.release(ctx)
}

// lease is one running Lease.
type lease struct {
	c          *Client
	key, value string
	ttl        time.Duration
	news       *news

	held   bool // written at least once
	failed bool // the last renewal failed: logged once
}

func (l *lease) run(ctx context.Context) error {
	renew := time.NewTimer(0)
	defer renew.Stop()
	for {
		why := "renewal"
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-renew.C:
		case <-l.news.wake:
			_, _, gone := l.news.take()
			if !gone || !l.held {
				continue // our own SET, for one
			}
			if l.there(ctx) {
				continue
			}
			why = "removed"
		}
		wait := l.ttl / 3
		if err := l.set(ctx, why); err != nil {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, ErrAuth) && !l.held, errors.Is(err, ErrClosed):
				return err
			}
			l.trouble(err)
			wait = min(wait, time.Second)
		}
		renew.Reset(wait)
	}
}

// there reports whether the key exists. After a new subscription nobody knows
// what happened before it; somebody else's value is for the renewal to overwrite.
func (l *lease) there(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, l.c.cfg.TryTimeout)
	defer cancel()
	found, err := l.c.Do(ctx, "GET", l.key)
	return err == nil && found != nil
}

// set writes the key. Writing it twice does no harm, so it is sent again after
// any failure, for as long as the next renewal is not due.
func (l *lease) set(ctx context.Context, why string) error {
	ctx, cancel := context.WithTimeout(ctx, max(l.ttl/3, time.Second))
	defer cancel()
	old, err := l.c.run(ctx, true, []any{"SET", l.key, l.value, "PX", l.ttl.Milliseconds(), "GET"})
	if err != nil {
		return err
	}
	switch {
	case !l.held:
		l.c.log.Info("registered", "key", l.key, "value", l.value)
	case l.failed:
		l.c.log.Info("registration renewed again", "key", l.key)
	case old == nil:
		l.c.log.Warn("registration was missing, written again", "key", l.key, "noticed", why)
	case old != l.value:
		l.c.log.Warn("registration held another value, overwritten: are two processes using one name?",
			"key", l.key, "found", old)
	}
	l.held, l.failed = true, false
	return nil
}

func (l *lease) trouble(err error) {
	if !l.failed {
		l.failed = true
		l.c.log.Warn("registration not renewed, trying on", "key", l.key, "err", err)
	}
}

// release removes the key unless somebody else has taken it over. It outlives
// the context whose end caused it.
func (l *lease) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	found, err := l.c.Do(ctx, "GET", l.key)
	if err == nil && found != l.value {
		return nil
	}
	if err == nil {
		_, err = l.c.run(ctx, true, []any{"DEL", l.key})
	}
	if err != nil {
		return fmt.Errorf("remove registration %s: %w", l.key, err)
	}
	l.c.log.Info("registration removed", "key", l.key)
	return nil
}
