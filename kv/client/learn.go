package client

import (
	"context"
	"slices"
	"strings"
	"time"
)

// How old the list of members may get before it is asked for again.
const (
	learnCalm    = time.Second            // while all is well: a seed may be lost soon after the start
	learnTrouble = 200 * time.Millisecond // after a failed try
	learnPlain   = time.Minute            // when the server knows no PINGD
)

// learnSoon asks for the members in the background if the list is too old. It
// is called at each use, so an idle client causes no traffic.
func (c *Client) learnSoon(ctx context.Context, trouble bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := learnCalm
	switch {
	case c.plain:
		age = learnPlain
	case trouble, incomplete(c.members):
		age = learnTrouble
	}
	if c.closed || c.stopLearn != nil || time.Since(c.learned) < age {
		return
	}
	// It serves later calls, so it must not end with this one.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	c.stopLearn = cancel
	c.wg.Go(func() {
		defer cancel()
		c.learn(ctx)
		c.mu.Lock()
		c.stopLearn, c.learned = nil, time.Now()
		c.mu.Unlock()
	})
}

// learn asks one node after the other for the members.
func (c *Client) learn(ctx context.Context) {
	c.resolve(ctx)
	nodes, err := c.candidates(ctx)
	if err != nil {
		return
	}
	for _, n := range nodes {
		reply, err := c.try(ctx, n, c.cfg.TryTimeout, []any{"PINGD", "MEMBERS"})
		v := classify(err)
		if v == rejected && strings.Contains(err.Error(), "unknown command") {
			c.mu.Lock()
			c.plain = true
			c.mu.Unlock()
			return
		}
		if v != answered {
			n.failed(time.Now(), v)
			continue
		}
		text, _ := reply.(string)
		members, err := parseMembers([]byte(text))
		if err != nil {
			c.log.Warn("members not understood", "node", n.addr, "err", err)
			continue
		}
		if len(members) > 0 {
			c.adopt(members)
			return
		}
	}
}

// adopt takes over a list of members and drops connections to nodes that are
// neither in it nor a seed.
func (c *Client) adopt(members []Member) {
	c.mu.Lock()
	c.plain = false
	c.members = members
	leader := leaderOf(members)
	changed := leader != "" && leader != c.leader
	if changed {
		c.leader = leader
	}
	var gone []*node
	for addr, n := range c.nodes {
		isMember := slices.ContainsFunc(members, func(m Member) bool { return m.Redis == addr })
		if !isMember && !slices.Contains(c.seeds, addr) {
			delete(c.nodes, addr)
			gone = append(gone, n)
		}
	}
	c.mu.Unlock()
	for _, n := range gone {
		n.close()
	}
	if changed {
		c.log.Info("store leader known", "leader", leader, "members", len(members))
	}
}

// incomplete reports that there is more to learn: no leader, or members that have
// not told their addresses yet, as in a cluster that has just formed.
func incomplete(members []Member) bool {
	return leaderOf(members) == "" || slices.ContainsFunc(members, func(m Member) bool { return m.Redis == "" })
}

func leaderOf(members []Member) string {
	for _, m := range members {
		if m.Leader {
			return m.Name
		}
	}
	return ""
}
