package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pingd/proxy/upstream"
)

// overrideLife is how long an operator's decision lasts. Proxies that still know the
// server renew it.
const overrideLife = 30 * 24 * time.Hour

// ErrOverride is returned for a decision that makes no sense.
var ErrOverride = errors.New("not a decision about a server")

// decision is an Override as it stands in the store.
type decision struct {
	Drain  bool `json:"drain,omitempty"`
	Weight *int `json:"weight,omitempty"`
}

// encodeOverride returns o as parseOverride reads it.
func encodeOverride(o upstream.Override) string {
	d := decision{Drain: o.Drain}
	if o.Weighted {
		d.Weight = &o.Weight
	}
	text, _ := json.Marshal(d) // nothing in it that cannot be
	return string(text)
}

func parseOverride(text string) (o upstream.Override, err error) {
	var d decision
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return o, fmt.Errorf("%w: %w", ErrOverride, err)
	}
	o.Drain = d.Drain
	if d.Weight != nil {
		if *d.Weight < 0 || *d.Weight > 256 {
			return o, fmt.Errorf("%w: weight %d is not from 0 to 256", ErrOverride, *d.Weight)
		}
		o.Weight, o.Weighted = *d.Weight, true
	}
	return o, nil
}

// overrides sorts decisions by service and server. Those that cannot be read are
// returned apart, by key.
func overrides(values map[string]string) (by map[string]map[string]upstream.Override, wrong map[string]error) {
	by, wrong = map[string]map[string]upstream.Override{}, map[string]error{}
	for rest, text := range values {
		service, server, ok := splitServerKey(rest)
		o, err := parseOverride(text)
		if !ok || err != nil {
			wrong[serversPrefix+rest] = errors.Join(err, ErrOverride)
			continue
		}
		if by[service] == nil {
			by[service] = map[string]upstream.Override{}
		}
		by[service][server] = o
	}
	return by, wrong
}

// Decide changes what is decided about a server for all proxies that share store, and
// returns change's error. Of two that decide about one server at once the later counts.
func Decide(ctx context.Context, store Store, service, server string, change func(upstream.Override) (upstream.Override, error)) error {
	key := serverKey(service, server)
	var now upstream.Override
	looking, seen := context.WithCancel(ctx)
	defer seen()
	err := store.Watch(looking, key, func(values map[string]string) {
		now, _ = parseOverride(values[key]) // one that makes no sense is replaced
		seen()
	})
	if err != nil && (ctx.Err() != nil || looking.Err() == nil) {
		return fmt.Errorf("read the decision about %s: %w", server, err)
	}
	if now, err = change(now); err != nil {
		return err
	}
	return keep(ctx, store, service, server, now)
}

// keep writes a decision down; the zero one is none.
func keep(ctx context.Context, store Store, service, server string, o upstream.Override) error {
	key := serverKey(service, server)
	var err error
	if o == (upstream.Override{}) {
		err = store.Delete(ctx, key)
	} else {
		err = store.Set(ctx, key, encodeOverride(o), overrideLife)
	}
	if err != nil {
		return fmt.Errorf("keep the decision about %s: %w", server, err)
	}
	return nil
}
