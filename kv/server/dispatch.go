package server

import (
	"strings"
	"time"

	"pingd/kv/engine"
	"pingd/kv/resp/reply"
	"pingd/kv/resp/session"
	"pingd/kv/server/catalog"
)

// dispatch runs one command, or puts it into the group or the transaction, and
// returns how many bytes its arguments hold.
func (c *conn) dispatch(args [][]byte) (held int) {
	for _, a := range args {
		held += len(a)
	}
	cmd := c.srv.table.find(args)
	if c.Mode != session.ReplyOn {
		c.dispatchSilently(cmd, args)
		return held
	}
	c.last = cmd
	if text := c.refuse(cmd, args); text != "" {
		c.reject(cmd, text)
		return held
	}
	c.route(cmd, args)
	return held
}

// reject replies with an error instead of running a command.
func (c *conn) reject(cmd *command, text string) {
	if cmd != nil {
		cmd.rejected.Add(1)
	}
	c.atOnce(func() {
		if cmd != nil && cmd.abort { // an EXEC that may not run
			text = "EXECABORT Transaction discarded because of: " + strings.TrimPrefix(text, "ERR ")
			c.multi.reset()
		}
		c.last = nil // it did not fail: it was not run
		c.Fail(text)
		c.last = cmd
	})
}

// route sends a permitted command where it belongs.
func (c *conn) route(cmd *command, args [][]byte) {
	if c.srv.tap.On() {
		defer c.tap(cmd, args)
	}
	switch {
	case c.multi.open && cmd.Flags&catalog.Immediate == 0:
		c.enqueue(cmd, args)
		return
	case cmd.run == nil:
		c.addData(cmd, args)
	case cmd.Flags&catalog.AtOnce != 0:
		c.atOnce(func() { c.execute(cmd, args) })
	case cmd.Flags&catalog.Orders != 0:
		c.execute(cmd, args)
	default:
		c.flush()
		c.execute(cmd, args)
	}
	if !c.multi.open && !cmd.keepsCaching {
		c.reader.Forget()
	}
}

// execute runs a command of the front.
func (c *conn) execute(cmd *command, args [][]byte) {
	start := time.Now()
	cmd.run(c, args)
	took := time.Since(start)
	cmd.ran(took)
	c.srv.latency.Note(spike(cmd), start, took)
	c.srv.stats.commands.Add(1)
}

// spike is the event under which a command that takes long is known to LATENCY.
func spike(cmd *command) string {
	if cmd.fast {
		return "fast-command"
	}
	return "command"
}

// addData puts a data command into the group.
func (c *conn) addData(cmd *command, args [][]byte) {
	if c.group.full() {
		c.flush()
	}
	if cmd.reads && c.reader.Tracks() {
		c.trackKeys(cmd, args)
	}
	c.group.add(cmd, engine.Command{DB: c.DB, Proto: c.Proto, Args: args, Client: c.reader.NoLoop()})
}

// trackKeys notes what a client that caches is about to read. A write that waits
// in the group comes first, or its client would hear of it in vain.
func (c *conn) trackKeys(cmd *command, args [][]byte) {
	if c.group.writes {
		c.flush()
	}
	cmd.EachKey(args, func(key []byte) { c.group.tracked = append(c.group.tracked, string(key)) })
}

// atOnce runs a handler that needs nothing from the store: if a group is waiting,
// its reply gets its place among the group's.
func (c *conn) atOnce(run func()) {
	g := &c.group
	if len(g.cmds) == 0 {
		run()
		return
	}
	c.Out, g.side = g.side, c.Out
	run()
	c.Out, g.side = g.side, c.Out
	g.marks = append(g.marks, mark{at: len(g.cmds), to: len(g.side)})
}

// refuse returns the error reply to a command that cannot be run now, or "". The
// order of the rules is Redis's (processCommand).
func (c *conn) refuse(cmd *command, args [][]byte) string {
	switch {
	case cmd == nil:
		return c.unknown(args)
	case !cmd.ArityOK(len(args)):
		return reply.WrongArity(cmd.Name)
	case cmd.Flags&catalog.NoAuth == 0 && !c.Authed:
		return "NOAUTH Authentication required."
	case c.multi.open && cmd.Flags&catalog.NoMulti != 0:
		return "ERR Command not allowed inside a transaction"
	case c.srv.cfg.FollowerWrites != "" && c.mustNotWrite(cmd):
		return c.srv.sendElsewhere(cmd, args)
	case c.Proto < 3 && cmd.Flags&catalog.Subscribed == 0 && c.subs.Total() > 0:
		return "ERR Can't execute '" + cmd.Name + "': only (P|S)SUBSCRIBE / " +
			"(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
	}
	return ""
}

// unknown replies to what is no command.
func (c *conn) unknown(args [][]byte) string {
	if container := c.srv.table.container(args[0]); container != nil {
		return reply.UnknownSubcommand(container.Name, args[1])
	}
	if catalog.CrossProtocol(args[0]) {
		if c.srv.told.May() {
			c.srv.log.Warn("possible cross protocol attack, connection closed", "client", c.ID, "addr", c.Addr)
		}
		c.quit = true
	}
	return reply.Unknown(args)
}

// dispatchSilently runs a command and drops its reply, unless it is CLIENT REPLY
// ON.
func (c *conn) dispatchSilently(cmd *command, args [][]byte) {
	c.flush()
	before := len(c.Out)
	if c.Mode == session.ReplySkip {
		c.Mode = session.ReplySkipping
	}
	c.last = cmd
	if text := c.refuse(cmd, args); text != "" {
		c.reject(cmd, text)
	} else {
		c.route(cmd, args)
		c.flush()
	}
	switch c.Mode {
	case session.ReplyOn: // just switched on: the reply is meant to be seen
	case session.ReplySkipping:
		c.Out, c.Mode = c.Out[:min(before, len(c.Out))], session.ReplyOn
	default:
		c.Out = c.Out[:min(before, len(c.Out))]
	}
}
