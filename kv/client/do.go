package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// backoff after a round in which no node took the command; a leader is elected
// within a few of these.
const (
	backoffMin = 5 * time.Millisecond
	backoffMax = 50 * time.Millisecond
)

// Do runs one command and returns its reply: string, int64, []any, or nil for a
// null reply. It asks other nodes until ctx ends, as long as that is safe: a
// command that only reads is repeated after any failure, another one only after
// a failure that says that it did not run. Give ctx a deadline.
//
// Errors: ErrAuth, ErrUnavailable (it did not run), ErrUncertain (it may have
// run), ErrClosed, or the command's own error reply.
func (c *Client) Do(ctx context.Context, args ...any) (any, error) {
	return c.run(ctx, readOnly(args), args)
}

// Once runs one command exactly once (pingd's command ONCE): the token's reply
// is kept for ttl, so the command can be sent again, to any node, until one
// answers or ctx ends. ErrUncertain then means: not known yet; the same token
// can be asked again within ttl.
func (c *Client) Once(ctx context.Context, ttl time.Duration, token string, args ...any) (any, error) {
	full := make([]any, 0, len(args)+3)
	full = append(full, "ONCE", token, ttl.Milliseconds())
	return c.run(ctx, true, append(full, args...))
}

// OnceIncr adds one to key for each token that was not counted in the last ttl,
// and returns each token's number (pingd's command ONCEINCR). Errors as Once.
func (c *Client) OnceIncr(ctx context.Context, key string, ttl time.Duration, tokens []string) ([]int64, error) {
	args := make([]any, 0, len(tokens)+3)
	args = append(args, "ONCEINCR", key, ttl.Milliseconds())
	for _, t := range tokens {
		args = append(args, t)
	}
	reply, err := c.run(ctx, true, args)
	if err != nil {
		return nil, err
	}
	list, ok := reply.([]any)
	if !ok || len(list) != len(tokens) {
		return nil, fmt.Errorf("ONCEINCR %s: unexpected reply %T for %d tokens", key, reply, len(tokens))
	}
	numbers := make([]int64, len(list))
	for i, v := range list {
		if numbers[i], ok = v.(int64); !ok {
			return nil, fmt.Errorf("ONCEINCR %s: unexpected element %T", key, v)
		}
	}
	return numbers, nil
}

// run tries one node after the other. repeatable says that running the command
// twice does no harm.
func (c *Client) run(ctx context.Context, repeatable bool, args []any) (any, error) {
	call := CallError{Command: fmt.Sprint(args[0]), kind: ErrUnavailable}
	wait := backoffMin
	for round := 0; ; round++ {
		timeout := c.cfg.TryTimeout << min(round, 5)
		if !repeatable {
			// Giving up early would turn a slow answer into an unknown outcome.
			timeout = max(timeout, 10*c.cfg.TryTimeout)
		}
		list, err := c.candidates(ctx)
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			if ctx.Err() != nil {
				break
			}
			start := time.Now()
			reply, err := c.try(ctx, n, timeout, args)
			v := classify(err)
			if v.final() || ctx.Err() == nil || time.Since(start) >= c.cfg.TryTimeout {
				// A caller that lost patience early is no fault of the node.
				c.note(ctx, n, v, err)
			}
			switch {
			case v == answered:
				return reply, nil
			case v == rejected:
				return nil, &ReplyError{Command: call.Command, err: err}
			case v == unwelcome:
				return nil, authError(n.addr, c.cfg.Secret != "", err)
			}
			call.failed(n.addr, err)
			if v.ran() {
				call.kind = ErrUncertain
				if !repeatable {
					return nil, &call
				}
			}
		}
		if err := pause(ctx, wait); err != nil {
			call.cause = context.Cause(ctx)
			return nil, &call
		}
		wait = min(2*wait, backoffMax)
	}
}

// try runs the command on one node.
func (c *Client) try(ctx context.Context, n *node, timeout time.Duration, args []any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return n.do(ctx, fmt.Sprint(args[0]), args[1:]...)
}

// note draws the consequences of one try for later ones.
func (c *Client) note(ctx context.Context, n *node, v verdict, err error) {
	if v.final() {
		n.worked()
	} else {
		n.failed(time.Now(), v)
	}
	c.mu.Lock()
	change := false
	switch {
	case v == answered:
		change, c.unreached, c.everWorked = c.unreached, false, true
	case !v.final() && !c.unreached:
		change, c.unreached = true, true
	}
	c.mu.Unlock()
	switch {
	case change && v == answered:
		c.log.Info("store answers again", "node", n.addr)
	case change:
		c.log.Warn("store node failed", "node", n.addr, "err", err)
	case !v.final():
		c.log.Debug("store node failed", "node", n.addr, "err", err)
	}
	c.learnSoon(ctx, !v.final())
}

// pause waits for about d or until ctx ends. Clients that failed together must
// not come back together, hence the jitter.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// asInt reads an integer out of a reply that may be a string.
func asInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	}
	return 0, false
}
