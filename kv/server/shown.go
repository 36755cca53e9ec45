package server

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// shown is what other connections see of one (CLIENT LIST), as of its last pass.
type shown struct {
	created time.Time // never changes

	mu       sync.Mutex
	name     string
	lib      [2]string
	db       uint8
	proto    uint8
	channels int
	patterns int
	queued   int // commands within MULTI; -1 = none open
	readonly bool
	noEvict  bool
	active   time.Time
	last     string
}

// show publishes the state of the connection to the others.
func (c *conn) show() {
	s := &c.shown
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name, s.lib, s.db, s.proto = c.name, c.lib, c.db, c.proto
	s.channels, s.patterns = len(c.subs.channels), len(c.subs.patterns)
	s.readonly, s.noEvict, s.active = c.readonly, c.noEvict, c.lastActive
	if s.queued = -1; c.multi.open {
		s.queued = len(c.multi.queue)
	}
	if c.last != nil {
		s.last = c.last.Name
	}
}

// line describes the connection as CLIENT LIST does. Safe for concurrent use.
func (c *conn) line() string {
	s := &c.shown
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	flags := ""
	if s.channels+s.patterns > 0 {
		flags += "P"
	}
	if s.queued >= 0 {
		flags += "x"
	}
	if s.readonly {
		flags += "r"
	}
	if s.noEvict {
		flags += "e"
	}
	if c.closing.Load() {
		flags += "A"
	}
	if flags == "" {
		flags = "N"
	}
	pending := 0
	if box := c.box.Load(); box != nil {
		pending = box.Size()
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=0 name=%s age=%d idle=%d flags=%s db=%d sub=%d psub=%d ssub=0 "+
		"multi=%d qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=%d tot-mem=%d events=r "+
		"cmd=%s user=default redir=-1 resp=%d lib-name=%s lib-ver=%s",
		c.id, hostPort(c.nc.RemoteAddr()), hostPort(c.nc.LocalAddr()), s.name,
		int(now.Sub(s.created).Seconds()), int(now.Sub(s.active).Seconds()), flags, s.db, s.channels, s.patterns,
		s.queued, pending, pending, s.last, s.proto, s.lib[0], s.lib[1])
}

// isType tells whether the connection is of a type as CLIENT LIST and KILL name
// them. Safe for concurrent use.
func (c *conn) isType(kind string) bool {
	s := &c.shown
	s.mu.Lock()
	defer s.mu.Unlock()
	pubsub := s.channels+s.patterns > 0
	switch kind {
	case "normal":
		return !pubsub
	case "pubsub":
		return pubsub
	}
	return false // nodes do not replicate over Redis connections
}

// killFilter says which connections CLIENT KILL means.
type killFilter struct {
	id          int64
	addr, laddr string
	kind        string
	skipMe      bool
}

func (f killFilter) matches(o *conn) bool {
	return (f.id == 0 || f.id == o.id) &&
		(f.addr == "" || f.addr == hostPort(o.nc.RemoteAddr())) &&
		(f.laddr == "" || f.laddr == hostPort(o.nc.LocalAddr())) &&
		(f.kind == "" || o.isType(f.kind))
}

// clientKill is CLIENT KILL addr and CLIENT KILL filter value ...
func (c *conn) clientKill(args [][]byte) {
	filter := killFilter{skipMe: true}
	old := len(args) == 3
	if old {
		filter = killFilter{addr: string(args[2])}
	} else if problem := filter.parse(args[2:]); problem != "" {
		c.fail(problem)
		return
	}
	c.show()
	killed := int64(0)
	for _, o := range c.srv.clients.list() {
		if !filter.matches(o) || (o == c && filter.skipMe) {
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

func (f *killFilter) parse(args [][]byte) (problem string) {
	if len(args)%2 != 0 {
		return "ERR syntax error"
	}
	for i := 0; i < len(args); i += 2 {
		value := string(args[i+1])
		switch strings.ToUpper(string(args[i])) {
		case "ID":
			id, err := strconv.ParseInt(value, 10, 64)
			if err != nil || id < 1 {
				return "ERR client-id should be greater than 0"
			}
			f.id = id
		case "ADDR":
			f.addr = value
		case "LADDR":
			f.laddr = value
		case "USER":
			if value != "default" {
				return "ERR No such user '" + cut(args[i+1], 128) + "'"
			}
		case "TYPE":
			if f.kind = strings.ToLower(value); !validType(f.kind) {
				return "ERR Unknown client type '" + cut(args[i+1], 128) + "'"
			}
		case "SKIPME":
			switch strings.ToLower(value) {
			case "yes":
				f.skipMe = true
			case "no":
				f.skipMe = false
			default:
				return "ERR syntax error"
			}
		default:
			return "ERR syntax error"
		}
	}
	return ""
}
