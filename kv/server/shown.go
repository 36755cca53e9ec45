package server

import (
	"strings"
	"sync"
	"time"

	"pingd/kv/server/listing"
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
	l.Name, l.Lib, l.DB, l.Proto = c.name, c.lib, c.db, c.proto
	l.Channels, l.Patterns = len(c.subs.channels), len(c.subs.patterns)
	l.ReadOnly, l.NoEvict, l.Active = c.readonly, c.noEvict, c.lastActive
	if l.Queued = -1; c.multi.open {
		l.Queued = len(c.multi.queue)
	}
	if c.last != nil {
		l.Last = c.last.Name
	}
}

// view describes the connection. Safe for concurrent use.
func (c *conn) view() listing.Client {
	c.shown.mu.Lock()
	l := c.shown.client
	c.shown.mu.Unlock()
	l.ID, l.Addr, l.LAddr = c.id, hostPort(c.nc.RemoteAddr()), hostPort(c.nc.LocalAddr())
	l.Created, l.Closing = c.created, c.closing.Load()
	if box := c.box.Load(); box != nil {
		l.Unread = box.Size()
	}
	return l
}

func (c *conn) clientInfo([][]byte) {
	c.show()
	l := c.view()
	c.verbatim(l.Line(time.Now()) + "\n")
}

func (c *conn) clientList(args [][]byte) {
	var filter listing.Filter
	if problem := filter.ParseList(args[2:]); problem != "" {
		c.fail(problem)
		return
	}
	c.show()
	var b strings.Builder
	now := time.Now()
	for _, o := range c.srv.clients.list() {
		if l := o.view(); filter.Matches(&l) {
			b.WriteString(l.Line(now) + "\n")
		}
	}
	c.verbatim(b.String())
}

// clientKill is CLIENT KILL addr and CLIENT KILL filter value ...
func (c *conn) clientKill(args [][]byte) {
	filter := listing.Filter{SkipMe: true}
	old := len(args) == 3
	if old {
		filter = listing.Filter{Addr: string(args[2])}
	} else if problem := filter.Parse(args[2:]); problem != "" {
		c.fail(problem)
		return
	}
	c.show()
	killed := int64(0)
	for _, o := range c.srv.clients.list() {
		if l := o.view(); !filter.Matches(&l) || (o == c && filter.SkipMe) {
			continue
		}
		killed++
		if o == c {
			c.quit = true
			continue
		}
		o.end()
	}
	switch {
	case !old:
		c.int(killed)
	case killed == 0:
		c.fail("ERR No such client")
	default:
		c.ok()
	}
}
