package server

import (
	"bytes"

	"pingd/kv/engine"
	"pingd/kv/resp"
	"pingd/kv/server/catalog"
)

// multi is the state of MULTI and WATCH on one connection.
type multi struct {
	open    bool
	spoiled bool // an error while queueing: EXEC will refuse
	queue   []queued
	kept    int  // of queue: those whose arguments are copies
	bytes   int  // what all of it takes
	writes  bool // some queued command changes data
	watched []watched
}

// watched is a key of WATCH.
type watched struct {
	engine.Watch
	// removed is what PINGD.REMOVED told of a key that was absent, -1 if nothing: one
	// that came and went in between is absent again, and has changed.
	removed int64
}

type queued struct {
	cmd  *command
	args [][]byte
}

// keep copies the arguments of what was queued in this pass, before their memory
// is used again. A transaction sent as one pipeline never comes to this.
func (m *multi) keep() {
	for ; m.kept < len(m.queue); m.kept++ {
		q := &m.queue[m.kept]
		args := make([][]byte, len(q.args))
		for i, a := range q.args {
			args[i] = bytes.Clone(a)
		}
		q.args = args
	}
}

func (m *multi) reset() { *m = multi{} }

func (c *conn) enqueue(cmd *command, args [][]byte) {
	size := queuedCost
	for _, a := range args {
		size += argCost + len(a)
	}
	if !c.holdMore(size) {
		return
	}
	c.multi.queue = append(c.multi.queue, queued{cmd, args})
	c.multi.writes = c.multi.writes || cmd.Flags&catalog.Write != 0
	c.atOnce(func() { c.Out = append(c.Out, "+QUEUED\r\n"...) })
}

// What a queued command, one of its arguments and a watched key take beside their
// bytes, about.
const (
	queuedCost  = 64
	argCost     = 24
	watchedCost = 64
)

// holdMore takes in that MULTI and WATCH hold size bytes more, and cuts a client
// that has them hold more than it may.
func (c *conn) holdMore(size int) bool {
	c.multi.bytes += size
	if int64(c.multi.bytes) <= c.srv.live.queryLimit.Load() {
		return true
	}
	c.Cut("transaction exceeds client-query-buffer-limit")
	c.quit = true
	return false
}

func (c *conn) cmdMulti([][]byte) {
	if c.multi.open {
		c.failBeside("ERR MULTI calls can not be nested")
		return
	}
	c.multi.open = true
	c.OK()
}

// failBeside replies with an error that Redis does not count among those for which
// EXEC refuses; earlier ones still do.
func (c *conn) failBeside(text string) {
	spoiled := c.multi.spoiled
	c.Fail(text)
	c.multi.spoiled = spoiled
}

func (c *conn) cmdDiscard([][]byte) {
	if !c.multi.open {
		c.Fail("ERR DISCARD without MULTI")
		return
	}
	c.multi.reset()
	c.OK()
}

func (c *conn) cmdWatch(args [][]byte) {
	if c.multi.open {
		c.failBeside("ERR WATCH inside MULTI is not allowed")
		return
	}
	reads := make([]engine.Command, 0, 2*(len(args)-1))
	for _, key := range args[1:] {
		reads = append(reads, askKey("PINGD.VERSION", c.DB, key), askKey("PINGD.REMOVED", c.DB, key))
	}
	var out engine.Replies
	if err := c.srv.cfg.Store.Do(c.ctx, reads, &out); err != nil {
		c.Fail(errorText(err))
		return
	}
	for i, key := range args[1:] {
		version, ok := resp.ParseIntReply(out.At(2 * i))
		if !ok {
			c.Fail("ERR WATCH: the store did not tell the version of a key")
			return
		}
		if !c.holdMore(watchedCost + len(key)) {
			return
		}
		removed, ok := resp.ParseIntReply(out.At(2*i + 1))
		if !ok || version != 0 { // a leader of an older version does not know, or there is no need
			removed = -1
		}
		c.multi.watched = append(c.multi.watched, watched{engine.Watch{DB: c.DB, Key: bytes.Clone(key), Version: uint64(version)}, removed})
	}
	c.OK()
}

func askKey(command string, db uint8, key []byte) engine.Command {
	return engine.Command{DB: db, Proto: resp.RESP2, Args: [][]byte{[]byte(command), key}}
}

// changed reports whether a key that was absent when it was watched is there, or came
// and went since, as far as anybody can have seen. What comes and goes from now on was
// not seen before EXEC, which is then as good as before it.
func (c *conn) changed(list []watched) (bool, error) {
	var reads []engine.Command
	var before []int64
	for _, w := range list {
		if w.removed >= 0 {
			reads = append(reads, askKey("PINGD.VERSION", w.DB, w.Key), askKey("PINGD.REMOVED", w.DB, w.Key))
			before = append(before, 0, w.removed)
		}
	}
	if len(reads) == 0 {
		return false, nil
	}
	c.flush()
	var out engine.Replies
	if err := c.srv.cfg.Store.Do(c.ctx, reads, &out); err != nil {
		return false, err
	}
	for i, b := range before {
		if n, ok := resp.ParseIntReply(out.At(i)); !ok || n != b {
			return true, nil
		}
	}
	return false, nil
}

func (c *conn) cmdUnwatch([][]byte) {
	c.multi.watched, c.multi.bytes = nil, 0 // within MULTI it runs once EXEC has taken the queue
	c.OK()
}

// cmdExec runs the queue as one transaction. Its data commands go into the group
// like any other; commands of the front run once those have been executed.
func (c *conn) cmdExec([][]byte) {
	m := c.multi
	switch {
	case !m.open:
		c.atOnce(func() { c.Fail("ERR EXEC without MULTI") })
		return
	case m.spoiled:
		c.multi.reset()
		c.atOnce(func() { c.Fail("EXECABORT Transaction discarded because of previous errors.") })
		return
	}
	c.multi.reset()
	if gone, err := c.changed(m.watched); err != nil {
		c.Fail(errorText(err))
		return
	} else if gone {
		c.Out = resp.AppendNullArray(c.Out, c.Proto)
		return
	}
	txn := &engine.Txn{Cmds: make([]engine.Command, 0, len(m.queue))}
	for _, w := range m.watched {
		txn.Watch = append(txn.Watch, w.Watch)
	}
	db, plain := c.DB, true
	for _, q := range m.queue {
		switch {
		case q.cmd.run == nil:
			if q.cmd.reads && c.reader.Tracks() {
				c.trackKeys(q.cmd, q.args)
			}
			txn.Cmds = append(txn.Cmds, engine.Command{DB: db, Proto: c.Proto, Args: q.args})
			q.cmd.ran(0) // EXEC has their time
		default:
			plain = false
			if q.cmd.Name == "select" {
				if n, ok := parseDB(q.args[1]); ok {
					db = n
				}
			}
		}
	}
	whole := engine.Command{DB: c.DB, Proto: c.Proto, Txn: txn, Client: c.reader.NoLoop()}
	if !plain {
		c.flush()
		c.execMixed(&m, &whole)
		return
	}
	// The command that EXEC stands for writes if one of its commands does.
	exec := c.srv.table["exec"]
	c.group.add(exec, whole)
	c.group.writes = c.group.writes || m.writes
}

// execMixed runs a transaction that has commands of the front among its own. The
// data commands are executed first, so that nothing happens when a watched key
// has changed.
func (c *conn) execMixed(m *multi, whole *engine.Command) {
	var out engine.Replies
	var data []byte
	if len(whole.Txn.Cmds) > 0 || len(whole.Txn.Watch) > 0 {
		c.srv.pause.Wait(c.ctx, m.writes)
		c.reader.Begin(c.group.tracked)
		c.group.tracked = c.group.tracked[:0]
		if err := c.srv.cfg.Store.Do(c.ctx, []engine.Command{*whole}, &out); err != nil {
			c.Fail(errorText(err))
			return
		}
		elements, ok := resp.ArrayBody(out.Buf)
		if !ok { // the null array, or an error of the whole
			c.Out = append(c.Out, out.Buf...)
			return
		}
		data = elements
	}
	c.Array(len(m.queue))
	for _, q := range m.queue {
		if q.cmd.run != nil {
			c.execute(q.cmd, q.args)
			continue
		}
		n := resp.Skip(data)
		c.Out = append(c.Out, data[:n]...)
		data = data[n:]
	}
}
