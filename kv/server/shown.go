package server

import (
	"sync"

	"pingd/kv/resp/listing"
	"pingd/kv/server/pubsub"
)

// shown is what other connections see of one, as of its last pass.
type shown struct {
	mu     sync.Mutex
	client listing.Client
}

// show publishes the state of the connection to the others.
func (c *conn) show() {
	s := &c.shown
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.client
	l.Name, l.Lib, l.DB, l.Proto = c.Name, c.Lib, c.DB, c.Proto
	l.Channels, l.Patterns, l.Shards = c.subs.Count(pubsub.Channel), c.subs.Count(pubsub.Pattern), c.subs.Count(pubsub.Shard)
	l.ReadOnly, l.NoEvict, l.NoTouch, l.Active = c.ReadOnly, c.NoEvict, c.NoTouch, c.lastActive
	l.MultiMem = c.multi.bytes
	if l.Queued = -1; c.multi.open {
		l.Queued = len(c.multi.queue)
	}
	if c.last != nil {
		l.Last = c.last.Name
	}
}

// View describes the connection. Safe for concurrent use.
func (c *conn) View() listing.Client {
	c.shown.mu.Lock()
	l := c.shown.client
	c.shown.mu.Unlock()
	l.ID, l.Addr, l.LAddr = c.ID, c.Addr, hostPort(c.nc.LocalAddr())
	l.Created, l.Closing, l.Monitor = c.created, c.closing.Load(), c.monitors.Load()
	l.Unread = c.box.Size()
	st := c.reader.State()
	l.Tracking, l.BCast, l.Broken, l.Redirect = st.On, st.BCast, st.Broken, st.Redirect
	c.waiting.Lock()
	l.Blocked = c.waiting.end != nil
	c.waiting.Unlock()
	return l
}
