package server

import (
	"pingd/kv/engine"
	"pingd/kv/server/catalog"
)

// dispatch runs one command, or puts it into the group or the transaction, and
// returns how many bytes its arguments hold.
func (c *conn) dispatch(args [][]byte) (held int) {
	for _, a := range args {
		held += len(a)
	}
	cmd := c.srv.table.find(args[0])
	if c.reply != replyOn {
		c.dispatchSilently(cmd, args)
		return held
	}
	c.last = cmd
	if text := c.refuse(cmd, args); text != "" {
		c.atOnce(func() { c.fail(text) })
		return held
	}
	c.route(cmd, args)
	return held
}

// route sends a permitted command where it belongs.
func (c *conn) route(cmd *command, args [][]byte) {
	switch {
	case c.multi.open && cmd.Flags&catalog.Immediate == 0:
		c.enqueue(cmd, args)
	case cmd.run == nil:
		if c.group.full() {
			c.flush()
		}
		c.group.add(cmd, engine.Command{DB: c.db, Proto: c.proto, Args: args})
	default:
		c.note(cmd)
		switch {
		case cmd.Flags&catalog.AtOnce != 0:
			c.atOnce(func() { cmd.run(c, args) })
			return
		case cmd.Flags&catalog.Orders == 0:
			c.flush()
		}
		cmd.run(c, args)
	}
}

func (c *conn) note(cmd *command) {
	cmd.calls.Add(1)
	c.srv.stats.commands.Add(1)
}

// atOnce runs a handler that needs nothing from the store: if a group is waiting,
// its reply gets its place among the group's.
func (c *conn) atOnce(run func()) {
	g := &c.group
	if len(g.cmds) == 0 {
		run()
		return
	}
	c.out, g.side = g.side, c.out
	run()
	c.out, g.side = g.side, c.out
	g.marks = append(g.marks, mark{at: len(g.cmds), to: len(g.side)})
}

// refuse returns the error reply to a command that cannot be run now, or "". The
// order of the rules is Redis's (processCommand).
func (c *conn) refuse(cmd *command, args [][]byte) string {
	switch {
	case cmd == nil:
		if catalog.CrossProtocol(args[0]) {
			c.srv.log.Warn("possible cross protocol attack, connection closed",
				"client", c.id, "addr", c.nc.RemoteAddr().String())
			c.quit = true
		}
		return catalog.Unknown(args)
	case !cmd.ArityOK(len(args)):
		return "ERR wrong number of arguments for '" + cmd.Name + "' command"
	case !c.authed && cmd.Flags&catalog.NoAuth == 0:
		return "NOAUTH Authentication required."
	case c.subs.count() > 0 && c.proto < 3 && cmd.Flags&catalog.Subscribed == 0:
		return "ERR Can't execute '" + cmd.Name + "': only (P|S)SUBSCRIBE / " +
			"(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
	case c.multi.open && cmd.Flags&catalog.NoMulti != 0:
		return "ERR Command not allowed inside a transaction"
	}
	return ""
}

// cut returns at most n bytes of b, as text.
func cut(b []byte, n int) string { return string(b[:min(len(b), n)]) }

// replyMode is what CLIENT REPLY asked for.
type replyMode uint8

const (
	replyOn replyMode = iota
	replyOff
	replySkip     // the next command gives no reply
	replySkipping // the current one gives none
)

// dispatchSilently runs a command and drops its reply, unless it is CLIENT REPLY
// ON.
func (c *conn) dispatchSilently(cmd *command, args [][]byte) {
	c.flush()
	before := len(c.out)
	if c.reply == replySkip {
		c.reply = replySkipping
	}
	c.last = cmd
	if text := c.refuse(cmd, args); text != "" {
		c.fail(text)
	} else {
		c.route(cmd, args)
		c.flush()
	}
	switch c.reply {
	case replyOn: // just switched on: the reply is meant to be seen
	case replySkipping:
		c.out, c.reply = c.out[:before], replyOn
	default:
		c.out = c.out[:before]
	}
}
