package sentinel

import (
	"context"
	"strings"

	"pingd/kv/resp/clients"
	"pingd/kv/resp/reply"
	"pingd/kv/resp/session"
)

// own makes the handler of a command that is about its session alone.
func own(f func(*session.Session, [][]byte)) func(*client, context.Context, [][]byte) {
	return func(c *client, _ context.Context, args [][]byte) { f(&c.Session, args) }
}

// clientCommands are the subcommands of CLIENT. Filled by a function since some
// look at the set of clients, whose members look into the table.
func clientCommands() map[string]command {
	plain := func(f func(c *client, args [][]byte)) func(*client, context.Context, [][]byte) {
		return func(c *client, _ context.Context, args [][]byte) { f(c, args) }
	}
	return map[string]command{
		"caching":      {arity: 3, run: plain((*client).caching)},
		"getname":      {arity: 2, run: own((*session.Session).GetName)},
		"getredir":     {arity: 2, run: plain(func(c *client, _ [][]byte) { c.Int(c.redirect()) })},
		"help":         {arity: 2, run: plain(func(c *client, _ [][]byte) { c.Help("CLIENT", clientHelp...) })},
		"id":           {arity: 2, run: plain(func(c *client, _ [][]byte) { c.Int(c.ID) })},
		"info":         {arity: 2, run: plain(func(c *client, _ [][]byte) { c.show(); clients.Info(&c.Writer, c) })},
		"kill":         {arity: -3, run: plain((*client).kill)},
		"list":         {arity: -2, run: plain(func(c *client, a [][]byte) { c.show(); c.s.clients.List(&c.Writer, a) })},
		"no-evict":     {arity: 3, run: own((*session.Session).SetNoEvict)},
		"no-touch":     {arity: 3, run: own((*session.Session).SetNoTouch)},
		"pause":        {arity: -3, run: plain((*client).pause)},
		"reply":        {arity: 3, run: own((*session.Session).SetReply)},
		"setinfo":      {arity: 4, run: own((*session.Session).SetInfo)},
		"setname":      {arity: 3, run: own((*session.Session).SetName)},
		"tracking":     {arity: -3, run: plain((*client).track)},
		"trackinginfo": {arity: 2, run: plain((*client).trackingInfo)},
		"unblock":      {arity: -3, run: plain(func(c *client, a [][]byte) { c.s.clients.Unblock(&c.Writer, a) })},
		"unpause":      {arity: 2, run: plain(func(c *client, _ [][]byte) { c.OK() })},
	}
}

func (c *client) kill(args [][]byte) {
	c.show()
	if c.s.clients.Kill(&c.Writer, c, args) {
		c.quit = true
	}
}

func (c *client) pause([][]byte) {
	c.Fail("ERR CLIENT PAUSE is not possible: this endpoint only tells who leads; pause the clients of a store node instead")
}

// track is CLIENT TRACKING on|off ...: libraries send it to every server. There are
// no keys here that could change.
func (c *client) track(args [][]byte) {
	switch strings.ToLower(string(args[2])) {
	case "on":
		c.tracking = true
	case "off":
		c.tracking = false
	default:
		c.Fail(reply.ErrSyntax)
		return
	}
	c.OK()
}

func (c *client) redirect() int64 {
	if c.tracking {
		return 0
	}
	return -1
}

func (c *client) caching([][]byte) {
	if !c.tracking {
		c.Fail("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
		return
	}
	c.OK()
}

func (c *client) trackingInfo([][]byte) {
	state := "off"
	if c.tracking {
		state = "on"
	}
	c.Map(3)
	c.Bulk("flags")
	c.Set(1)
	c.Bulk(state)
	c.Bulk("redirect")
	c.Int(c.redirect())
	c.Bulk("prefixes")
	c.Array(0)
}

var clientHelp = []string{
	"GETNAME", "    Return the name of the connection.",
	"ID", "    Return the number of the connection.",
	"INFO", "    Describe the connection.",
	"KILL <ip:port> | <option> <value> [<option> <value> ...]", "    Close connections.",
	"LIST [TYPE <type> | ID <id> [<id> ...]]", "    Describe the connections.",
	"REPLY (ON|OFF|SKIP)", "    Choose whether commands are answered.",
	"SETINFO (LIB-NAME|LIB-VER) <value>", "    Tell the client library.",
	"SETNAME <name>", "    Name the connection.",
	"TRACKING (ON|OFF)", "    Stored: there are no keys here.",
}
