package engine

import (
	"pingd/kv/engine/call"
	"pingd/kv/resp"
)

// serve is run for a command from outside, whose reply may make out as long as limit.
func (e *Engine) serve(c *call.Call, cmd *Command, out *Replies, limit int) {
	c.Begin(limit)
	e.run(c, cmd)
	out.Cut = c.Finish() || out.Cut
	out.Buf = c.Out
	out.End()
}

// run executes one command or transaction and appends its reply.
func (e *Engine) run(c *call.Call, cmd *Command) {
	c.DB, c.Proto = cmd.DB, cmd.Proto
	switch {
	case cmd.Literal != nil:
		c.Out = append(c.Out, cmd.Literal...)
	case cmd.Txn != nil:
		e.transaction(c, cmd.Txn)
	default:
		e.execute(c, cmd.Args)
	}
}

// execute runs the command in args in the current database.
func (e *Engine) execute(c *call.Call, args [][]byte) {
	if len(args) == 0 || c.DB >= Databases {
		c.Fail(call.ErrNoCommand)
		return
	}
	// Through the engine, not index: a command that runs another one must not refer
	// to the table that refers to it.
	cmd := find(e.commands, args[0])
	if cmd != nil && cmd.Level > c.Level {
		cmd = nil
	}
	c.Spec, c.Args = cmd, args
	switch {
	case cmd == nil:
		c.Unknown()
	case !cmd.ArityOK(len(args)):
		c.WrongArity()
	case !c.Writes && cmd.Flags&Write != 0:
		c.Fail(call.ErrReadOnly)
	default:
		cmd.Run(c)
	}
}

// transaction runs a MULTI ... EXEC block, unless a watched key has changed.
func (e *Engine) transaction(c *call.Call, txn *Txn) {
	for _, w := range txn.Watch {
		if c.Version(w.DB, w.Key) != w.Version {
			c.Out = resp.AppendNullArray(c.Out, c.Proto)
			return
		}
	}
	c.Array(len(txn.Cmds))
	for i := range txn.Cmds {
		if cmd := &txn.Cmds[i]; cmd.Txn == nil {
			e.run(c, cmd)
		} else {
			c.Fail("ERR MULTI calls can not be nested")
		}
	}
}

// cmdVersion is PINGD.VERSION key: the version that WATCH compares, for nodes
// that must ask the leader for it.
func cmdVersion(c *call.Call) { c.Int(int64(c.Version(c.DB, c.Args[1]))) }

// cmdRemoved is PINGD.REMOVED key: with an absent key's version, which is 0, this
// number tells whether the key has been there in between. It is not the same on every
// replica, hence none where replies are kept.
func cmdRemoved(c *call.Call) {
	if c.Writes {
		c.Int(0)
		return
	}
	c.Int(int64(c.Store.Removed(c.Args[1])))
}
