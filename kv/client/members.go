package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"time"
)

// Member is one node of the store, as PINGD MEMBERS tells it.
type Member struct {
	Name     string `json:"name"`
	Raft     string `json:"raft"`     // advertised address of the cluster bus, host:port
	Redis    string `json:"redis"`    // advertised Redis address, host:port
	Sentinel string `json:"sentinel"` // advertised Sentinel address, host:port; empty if off
	Admin    string `json:"admin"`    // advertised admin address, host:port
	Voter    bool   `json:"voter"`
	Leader   bool   `json:"leader"`
	Alive    bool   `json:"alive"`
}

// Members asks a node for all nodes of the store (PINGD MEMBERS). Errors as Do.
func (c *Client) Members(ctx context.Context) ([]Member, error) {
	b, err := c.pingd(ctx, "MEMBERS")
	if err != nil {
		return nil, err
	}
	members, err := parseMembers(b)
	if err == nil && len(members) > 0 {
		c.adopt(members)
	}
	return members, err
}

// Status returns the JSON state of the node that is asked first, the leader if
// it is known (PINGD STATUS). Errors as Do.
func (c *Client) Status(ctx context.Context) (json.RawMessage, error) { return c.pingd(ctx, "STATUS") }

// Peer returns what a node tells nodes that want to join (PINGD PEER). Errors
// as Do.
func (c *Client) Peer(ctx context.Context) (json.RawMessage, error) { return c.pingd(ctx, "PEER") }

// Transfer hands leadership to the named node, or to any other when name is
// empty (PINGD TRANSFER). Errors as Do.
func (c *Client) Transfer(ctx context.Context, name string) error {
	args := []any{"PINGD", "TRANSFER"}
	if name != "" {
		args = append(args, name)
	}
	_, err := c.Do(ctx, args...)
	return err
}

// Remove takes the named node out of the store (PINGD REMOVE). Errors as Do.
func (c *Client) Remove(ctx context.Context, name string) error {
	_, err := c.Do(ctx, "PINGD", "REMOVE", name)
	return err
}

func (c *Client) pingd(ctx context.Context, sub string) (json.RawMessage, error) {
	reply, err := c.Do(ctx, "PINGD", sub)
	if err != nil {
		return nil, err
	}
	text, ok := reply.(string)
	if !ok || !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("PINGD %s: %w", sub, errNotJSON)
	}
	return json.RawMessage(text), nil
}

// parseMembers reads a list of members, bare or under the name "members".
func parseMembers(b []byte) ([]Member, error) {
	var list []Member
	var err error
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '{' {
		wrapped := struct{ Members *[]Member }{&list}
		err = json.Unmarshal(b, &wrapped)
	} else {
		err = json.Unmarshal(b, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("parse members: %w", err)
	}
	return list, nil
}

// order lists the addresses to try, best first: the leader, living members,
// other members, then seeds (which may reach a node that its advertised address
// does not). Those to be avoided at now come last, the one whose time ends first
// before the others.
func order(members []Member, seeds []string, badUntil func(addr string) time.Time, now time.Time) []string {
	rank := func(m Member) int {
		switch {
		case m.Leader:
			return 0
		case m.Alive:
			return 1
		}
		return 2
	}
	members = slices.Clone(members)
	slices.SortStableFunc(members, func(a, b Member) int { return rank(a) - rank(b) })
	list := make([]string, 0, len(members)+len(seeds))
	add := func(addr string) {
		if addr != "" && !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	for _, m := range members {
		add(m.Redis)
	}
	for _, s := range seeds {
		add(s)
	}
	bad := make(map[string]time.Time, len(list))
	for _, addr := range list {
		if t := badUntil(addr); t.After(now) {
			bad[addr] = t
		}
	}
	slices.SortStableFunc(list, func(a, b string) int { return bad[a].Compare(bad[b]) })
	return list
}

// candidates returns the nodes to try, best first.
func (c *Client) candidates(ctx context.Context) ([]*node, error) {
	c.mu.Lock()
	known := len(c.seeds) > 0
	c.mu.Unlock()
	if !known {
		c.resolve(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	badUntil := func(addr string) time.Time {
		if n := c.nodes[addr]; n != nil {
			return n.bad()
		}
		return time.Time{}
	}
	addrs := order(c.members, c.seeds, badUntil, time.Now())
	list := make([]*node, len(addrs))
	for i, addr := range addrs {
		n := c.nodes[addr]
		if n == nil {
			n = newNode(addr, c.connect)
			c.nodes[addr] = n
		}
		list[i] = n
	}
	return list, nil
}

// resolve looks up the addresses of all seeds. A name that cannot be looked up
// stays as it is, so that the dial tells the reason.
func (c *Client) resolve(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var seeds []string
	names := map[string]string{}
	for _, seed := range c.cfg.Addrs {
		host, port, _ := net.SplitHostPort(seed)
		if host == "" || net.ParseIP(host) != nil {
			seeds = append(seeds, seed)
			continue
		}
		ips, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil || len(ips) == 0 {
			seeds = append(seeds, seed)
			continue
		}
		for _, ip := range ips {
			addr := net.JoinHostPort(ip, port)
			seeds, names[addr] = append(seeds, addr), host
		}
	}
	c.mu.Lock()
	c.seeds, c.names = seeds, names
	c.mu.Unlock()
}
