package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Limits of reading lists.
const (
	scanCount = 1000 // keys looked at per SCAN
	mgetCount = 500  // values per MGET
	maxDirty  = 500  // with more changed keys the full list is read instead
)

// readTimeout bounds reading one part of a list.
const readTimeout = 5 * time.Second

// Watch calls fn with all keys that begin with prefix and their values: first
// when the store answered, then after every change, until ctx ends. Changes that
// come while fn runs are told in one call, and a list equal to the last is not
// told again. While no node answers fn is not called: the last list stays valid.
// fn owns the map. Keys that hold no string are left out.
//
// It learns of changes by keyspace events from a subscription that is made
// before the list is read, so none falls between; it also reads the full list
// after each reconnect and every Config.Resync.
//
// It returns when ctx ends, with ctx's error, or at once with ErrAuth.
func (c *Client) Watch(ctx context.Context, prefix string, fn func(map[string]string)) error {
	w := watch{c: c, prefix: prefix, fn: fn, news: newNews()}
	return c.withFeed(ctx, &feed{c: c, pattern: true, topic: prefix, report: w.news.add}, w.run)
}

// withFeed runs f in the background while run works. Whichever ends first ends
// the other.
func (c *Client) withFeed(ctx context.Context, f *feed, run func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := f.run(ctx); err != nil && ctx.Err() == nil {
			cancel(err)
		}
	})
	err := run(ctx)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	cancel(err)
	wg.Wait()
	return err
}

// news gathers notices until somebody has time for them.
type news struct {
	wake chan struct{} // holds one token when there is something to do

	mu    sync.Mutex
	full  bool                // read everything
	dirty map[string]struct{} // read these keys
	gone  bool                // the watched key was removed, or may have been (Lease)
}

func newNews() *news {
	return &news{wake: make(chan struct{}, 1), dirty: map[string]struct{}{}}
}

// add takes in one notice. It never blocks.
func (n *news) add(e notice) {
	n.mu.Lock()
	if e.fresh || e.flush || e.lost {
		n.full = true
	}
	if e.flush || e.fresh || removes(e.event) {
		n.gone = true
	}
	if e.key != "" {
		n.dirty[e.key] = struct{}{}
	}
	if len(n.dirty) > maxDirty {
		n.full = true
		clear(n.dirty)
	}
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// take hands out what has gathered.
func (n *news) take() (full bool, dirty []string, gone bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	full, gone, dirty = n.full, n.gone, slices.Collect(maps.Keys(n.dirty))
	n.full, n.gone = false, false
	clear(n.dirty)
	return full, dirty, gone
}

// removes reports whether a keyspace event means that the key is gone.
func removes(event string) bool {
	switch event {
	case "del", "expired", "evicted", "rename_from", "move_from":
		return true
	}
	return false
}

// watch is one running Watch.
type watch struct {
	c      *Client
	prefix string
	fn     func(map[string]string)
	news   *news

	last   map[string]string // what fn was told, nil before
	failed bool              // the last read failed: logged once
}

func (w *watch) run(ctx context.Context) error {
	resync := time.NewTimer(w.c.cfg.Resync)
	defer resync.Stop()
	for {
		var full bool
		var dirty []string
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-resync.C:
			full = true
		case <-w.news.wake:
			full, dirty, _ = w.news.take()
		}
		start := time.Now()
		list, err := w.read(ctx, full || w.last == nil, dirty)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrAuth) && w.last == nil, errors.Is(err, ErrClosed):
			return err
		case err != nil:
			w.trouble(err)
			w.news.add(notice{fresh: true})
			if pause(ctx, time.Second) != nil {
				return ctx.Err()
			}
			continue
		}
		w.tell(list)
		if full {
			// Reading the list of a very large store may take long; keep it to
			// a hundredth of the time.
			resync.Reset(max(w.c.cfg.Resync, 100*time.Since(start)))
		}
	}
}

func (w *watch) trouble(err error) {
	if !w.failed {
		w.failed = true
		w.c.log.Warn("list not read, keeping the last one", "prefix", w.prefix, "entries", len(w.last), "err", err)
	}
}

func (w *watch) tell(list map[string]string) {
	if w.failed {
		w.failed = false
		w.c.log.Info("list read again", "prefix", w.prefix, "entries", len(list))
	}
	if w.last != nil && maps.Equal(list, w.last) {
		return
	}
	w.last = list
	w.fn(maps.Clone(list))
}

// read returns the list as it is now.
func (w *watch) read(ctx context.Context, full bool, dirty []string) (map[string]string, error) {
	if full {
		return w.c.list(ctx, w.prefix)
	}
	list := maps.Clone(w.last)
	for _, key := range dirty {
		delete(list, key)
	}
	return list, w.c.values(ctx, dirty, list)
}

// read is Do within readTimeout.
func (c *Client) read(ctx context.Context, args ...any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return c.Do(ctx, args...)
}

// list reads all keys with the prefix and their values.
func (c *Client) list(ctx context.Context, prefix string) (map[string]string, error) {
	list := map[string]string{}
	cursor := "0"
	for {
		reply, err := c.read(ctx, "SCAN", cursor, "MATCH", escapeGlob(prefix)+"*", "COUNT", scanCount)
		if err != nil {
			return nil, err
		}
		next, keys, err := parseScan(reply)
		if err != nil {
			return nil, err
		}
		if err := c.values(ctx, keys, list); err != nil {
			return nil, err
		}
		if cursor = next; cursor == "0" {
			return list, nil
		}
	}
}

func parseScan(reply any) (cursor string, keys []string, err error) {
	parts, _ := reply.([]any)
	if len(parts) != 2 {
		return "", nil, fmt.Errorf("SCAN: unexpected reply %T", reply)
	}
	cursor, ok := parts[0].(string)
	elems, ok2 := parts[1].([]any)
	if !ok || !ok2 {
		return "", nil, fmt.Errorf("SCAN: unexpected elements %T, %T", parts[0], parts[1])
	}
	for _, e := range elems {
		if key, ok := e.(string); ok {
			keys = append(keys, key)
		}
	}
	return cursor, keys, nil
}

// values reads keys into list; those that are gone are left out.
func (c *Client) values(ctx context.Context, keys []string, list map[string]string) error {
	for part := range slices.Chunk(keys, mgetCount) {
		args := []any{"MGET"}
		for _, k := range part {
			args = append(args, k)
		}
		reply, err := c.read(ctx, args...)
		if err != nil {
			return err
		}
		vals, ok := reply.([]any)
		if !ok || len(vals) != len(part) {
			return fmt.Errorf("MGET: unexpected reply %T", reply)
		}
		for i, v := range vals {
			if s, ok := v.(string); ok {
				list[part[i]] = s
			}
		}
	}
	return nil
}
