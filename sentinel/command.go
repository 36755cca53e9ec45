package sentinel

import (
	"context"
	"slices"
	"strings"

	"pingd/kv/resp"
	"pingd/kv/resp/reply"
	"pingd/kv/resp/session"
)

// command is one entry of a table: of commands, or of SENTINEL's subcommands.
type command struct {
	arity int // words, the (sub)command's own included; -n = at least n
	run   func(c *client, ctx context.Context, args [][]byte)

	early bool // allowed before AUTH
	quiet bool // allowed while subscribed in RESP2
}

// commands are those that Redis Sentinel serves beside SENTINEL itself, and
// RESET. Filled by a function since some entries look into the table.
var commands = commandTable()

func commandTable() map[string]command {
	return map[string]command{
		"acl":          {arity: -2, run: container("acl")},
		"auth":         {arity: -2, run: own((*session.Session).Auth), early: true},
		"client":       {arity: -2, run: container("client")},
		"command":      {arity: -1, run: (*client).command},
		"hello":        {arity: -1, run: (*client).hello, early: true},
		"info":         {arity: -1, run: (*client).info},
		"ping":         {arity: -1, run: (*client).ping, quiet: true},
		"psubscribe":   {arity: -2, run: subscriber(true, true), quiet: true},
		"publish":      {arity: 3, run: (*client).publish},
		"punsubscribe": {arity: -1, run: subscriber(true, false), quiet: true},
		"quit":         {arity: -1, run: (*client).bye, early: true, quiet: true},
		"reset":        {arity: 1, run: (*client).reset, early: true, quiet: true},
		"role":         {arity: 1, run: (*client).role},
		"sentinel":     {arity: -2, run: container("sentinel")},
		"shutdown":     {arity: -1, run: (*client).shutdown},
		"subscribe":    {arity: -2, run: subscriber(false, true), quiet: true},
		"unsubscribe":  {arity: -1, run: subscriber(false, false), quiet: true},
	}
}

// containers are the subcommands of the commands that have some.
func containers() map[string]map[string]command {
	return map[string]map[string]command{"acl": aclCommands(), "client": clientCommands(), "command": commandCommands(), "sentinel": subcommands}
}

// container makes the handler of a command with subcommands.
func container(name string) func(*client, context.Context, [][]byte) {
	return func(c *client, ctx context.Context, args [][]byte) {
		sub, ok := lookup(c.s.containers[name], args[1])
		switch {
		case !ok:
			c.Fail(reply.UnknownSubcommand(name, args[1]))
		case !sub.accepts(len(args)):
			c.Fail(reply.WrongArity(name + "|" + strings.ToLower(string(args[1]))))
		default:
			sub.run(c, ctx, args)
		}
	}
}

// lookup finds a table's entry in any spelling.
func lookup(table map[string]command, name []byte) (command, bool) {
	var lower [32]byte
	if len(name) > len(lower) {
		return command{}, false
	}
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		lower[i] = b
	}
	cmd, ok := table[string(lower[:len(name)])]
	return cmd, ok
}

func (cmd command) accepts(words int) bool {
	if cmd.arity < 0 {
		return words >= -cmd.arity
	}
	return words == cmd.arity
}

// execute carries out one command and appends its reply to c.Out, unless CLIENT
// REPLY said otherwise.
func (c *client) execute(ctx context.Context, args [][]byte) {
	if c.Mode == session.ReplyOn {
		c.perform(ctx, args)
		return
	}
	before := len(c.Out)
	if c.Mode == session.ReplySkip {
		c.Mode = session.ReplySkipping
	}
	c.perform(ctx, args)
	switch c.Mode {
	case session.ReplyOn: // just switched on: the reply is meant to be seen
	case session.ReplySkipping:
		c.Out, c.Mode = c.Out[:before], session.ReplyOn
	default:
		c.Out = c.Out[:before]
	}
}

func (c *client) perform(ctx context.Context, args [][]byte) {
	cmd, ok := lookup(commands, args[0])
	name := strings.ToLower(string(args[0][:min(len(args[0]), 128)]))
	if ok {
		if c.last = name; len(args) > 1 && c.s.containers[name] != nil {
			c.last += "|" + strings.ToLower(reply.Cut(args[1]))
		}
	}
	switch {
	case !ok:
		c.Fail(reply.Unknown(args))
		if name == "post" || name == "host:" { // Redis's rule: a browser's request must not run its body
			if c.s.told.May() {
				c.s.log.Warn("possible cross protocol attack, connection closed", "addr", c.conn.RemoteAddr().String())
			}
			c.quit = true
		}
	case !cmd.accepts(len(args)):
		c.Fail(reply.WrongArity(name))
	case !c.Authed && !cmd.early:
		c.Fail("NOAUTH Authentication required.")
	case c.Proto == resp.RESP2 && !cmd.quiet && c.subs.count() > 0:
		c.Fail("ERR Can't execute '" + name +
			"': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context")
	default:
		cmd.run(c, ctx, args)
	}
}

func (c *client) ping(_ context.Context, args [][]byte) {
	text := ""
	if len(args) == 2 {
		text = string(args[1])
	}
	switch {
	case len(args) > 2:
		c.Fail(reply.WrongArity("ping"))
	case c.Proto == resp.RESP2 && c.subs.count() > 0:
		c.Array(2)
		c.Bulk("pong")
		c.Bulk(text)
	case len(args) == 2:
		c.Bulk(text)
	default:
		c.Status("PONG")
	}
}

func (c *client) bye(context.Context, [][]byte) {
	c.OK()
	c.quit = true
}

func (c *client) reset(context.Context, [][]byte) {
	for _, pattern := range []bool{false, true} {
		for _, name := range c.subs.names(pattern) {
			c.subs.change(pattern, false, name)
		}
	}
	c.Reset()
	c.tracking = false
	c.subs.setProto(c.Proto)
	c.Status("RESET")
}

func (c *client) shutdown(context.Context, [][]byte) {
	c.Fail("ERR SHUTDOWN: this Sentinel endpoint is part of pingd. Stop the process by SIGTERM instead")
}

func (c *client) publish(_ context.Context, args [][]byte) {
	if string(args[1]) != "__sentinel__:hello" {
		c.Fail("ERR Only HELLO messages are accepted by Sentinel instances.")
		return
	}
	// Another Sentinel introduces itself. The nodes are known from Raft.
	c.Int(1)
}

func (c *client) role(context.Context, [][]byte) {
	c.Array(2)
	c.Bulk("sentinel")
	st, _ := c.s.refresh()
	if !st.known {
		c.Array(0)
		return
	}
	c.Array(1)
	c.Bulk(c.s.cfg.MasterName)
}

// hello is HELLO: messages follow the protocol that replies follow.
func (c *client) hello(_ context.Context, args [][]byte) {
	c.Hello(args)
	c.subs.setProto(c.Proto)
}

// subscriber makes the four commands that change subscriptions.
func subscriber(pattern, add bool) func(*client, context.Context, [][]byte) {
	kind := "subscribe"
	if !add {
		kind = "unsubscribe"
	}
	if pattern {
		kind = "p" + kind
	}
	return func(c *client, _ context.Context, args [][]byte) {
		names := make([]string, 0, len(args)-1)
		for _, a := range args[1:] {
			names = append(names, string(a))
		}
		if len(names) == 0 {
			names = c.subs.names(pattern)
			slices.Sort(names)
		}
		if len(names) == 0 {
			c.Push(3)
			c.Bulk(kind)
			c.Null()
			c.Int(int64(c.subs.count()))
			return
		}
		if add {
			c.s.hub.join(c)
		}
		for _, name := range names {
			count, ok := c.subs.change(pattern, add, name)
			if !ok {
				c.Fail("ERR too many subscriptions, or too long a name")
				return
			}
			c.Push(3)
			c.Bulk(kind)
			c.Bulk(name)
			c.Int(int64(count))
		}
	}
}
