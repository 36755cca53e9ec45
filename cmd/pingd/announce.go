package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"pingd/cmd/pingd/survey"
)

// nodesLease is how long an announcement outlives a process that dies without a word.
const nodesLease = 10 * time.Second

// leaser holds a key with a time to live until ctx ends, and then removes it.
// kv/client's Client is one.
type leaser interface {
	Lease(ctx context.Context, key, value string, ttl time.Duration) error
}

// announcer keeps one announcement in the store.
type announcer struct {
	store leaser
	what  survey.Announcement
	log   *slog.Logger
	again time.Duration // pause after a lease that failed; nodesLease/2 if zero
}

// Run holds the announcement until ctx ends. A store that cannot be reached or
// refuses is no reason to end: the process serves without being on the map.
func (a *announcer) Run(ctx context.Context) error {
	value, err := json.Marshal(a.what)
	if err != nil {
		return fmt.Errorf("encode announcement: %w", err)
	}
	again := a.again
	if again <= 0 {
		again = nodesLease / 2
	}
	for {
		err := a.store.Lease(ctx, survey.Prefix+a.what.Name, string(value), nodesLease)
		if ctx.Err() != nil {
			if err != nil {
				a.log.Debug("announcement not removed, it ends by itself", "err", err)
			}
			return nil
		}
		a.log.Warn("this process is not announced to the monitor, trying again", "err", err)
		pause := time.NewTimer(again)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}
