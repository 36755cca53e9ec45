package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// Peers asks every node at cfg.Addrs, behind a host name every address of it,
// what it tells nodes that want to join (PINGD PEER), each once and all at the
// same time within cfg.TryTimeout. It returns the answers that came, in the
// order of the addresses. When none came it returns all errors, among them
// ErrAuth if a node refused the password.
func Peers(ctx context.Context, cfg Config) ([]json.RawMessage, error) {
	c, err := New(cfg)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.resolve(ctx)
	nodes, err := c.candidates(ctx)
	if err != nil {
		return nil, err
	}
	answers := make([]json.RawMessage, len(nodes))
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { answers[i], errs[i] = c.peer(ctx, n) })
	}
	wg.Wait()
	var came []json.RawMessage
	for _, a := range answers {
		if a != nil {
			came = append(came, a)
		}
	}
	if len(came) == 0 {
		return nil, errors.Join(errs...)
	}
	return came, nil
}

// peer asks one node.
func (c *Client) peer(ctx context.Context, n *node) (json.RawMessage, error) {
	reply, err := c.try(ctx, n, c.cfg.TryTimeout, []any{"PINGD", "PEER"})
	switch v := classify(err); {
	case v == unwelcome:
		return nil, authError(n.addr, c.cfg.Secret != "", err)
	case err != nil:
		return nil, fmt.Errorf("ask %s: %w", n.addr, err)
	}
	text, ok := reply.(string)
	if !ok || !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("ask %s: %w", n.addr, errNotJSON)
	}
	return json.RawMessage(text), nil
}

var errNotJSON = errors.New("reply is not JSON")
