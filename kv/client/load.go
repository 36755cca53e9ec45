package client

import (
	"context"
	"fmt"
	"time"
)

// loadTTL is how long the outcome of a Load is remembered: longer than it is tried.
const loadTTL = 10 * time.Minute

// Loaded is what became of the keys of one Load.
type Loaded struct {
	Set     int64 // keys that hold the payload's values now
	Expired int64 // left out: their time was over
	Orphans int64 // parts of large values whose key was gone
}

// Load sets many keys at once from a payload of package kv/engine/bulk (PINGD.LOAD),
// exactly once, however often it must be sent; the token names it. Errors as Once.
func (c *Client) Load(ctx context.Context, token string, payload []byte) (Loaded, error) {
	reply, err := c.Once(ctx, loadTTL, token, "PINGD.LOAD", payload)
	if err != nil {
		return Loaded{}, err
	}
	n, err := integers("PINGD.LOAD", reply, 3)
	if err != nil {
		return Loaded{}, err
	}
	return Loaded{n[0], n[1], n[2]}, nil
}

// Sizes returns the number of keys in each database (PINGD.SIZES). Errors as Do.
func (c *Client) Sizes(ctx context.Context) ([]int64, error) {
	reply, err := c.run(ctx, true, []any{"PINGD.SIZES"})
	if err != nil {
		return nil, err
	}
	return integers("PINGD.SIZES", reply, 0)
}

// integers reads a reply of at least least integers.
func integers(command string, reply any, least int) ([]int64, error) {
	list, ok := reply.([]any)
	if !ok || len(list) < least {
		return nil, fmt.Errorf("%s: unexpected reply %T", command, reply)
	}
	out := make([]int64, len(list))
	for i, v := range list {
		if out[i], ok = asInt(v); !ok {
			return nil, fmt.Errorf("%s: unexpected element %T", command, v)
		}
	}
	return out, nil
}

// Leased returns the keys that begin with one of the prefixes and expire by
// themselves: those that living processes hold.
func (c *Client) Leased(ctx context.Context, prefixes ...string) ([]string, error) {
	var leased []string
	for _, prefix := range prefixes {
		list, err := c.list(ctx, prefix)
		if err != nil {
			return nil, err
		}
		for key := range list {
			ttl, err := c.read(ctx, "PTTL", key)
			if err != nil {
				return nil, err
			}
			if n, ok := asInt(ttl); ok && n > 0 {
				leased = append(leased, key)
			}
		}
	}
	return leased, nil
}
