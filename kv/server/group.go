package server

import (
	"errors"
	"time"

	"pingd/kv/engine"
	"pingd/kv/resp"
	"pingd/kv/server/catalog"
	"pingd/kv/server/slowlog"
)

// group collects data commands for one Store.Do. A reply that is known before
// the group has run (PING, QUEUED, an error) waits in side with its place.
type group struct {
	cmds    []engine.Command
	calls   []*command
	writes  bool // some command changes data
	replies engine.Replies

	tracked []string // keys that a client which caches is about to read
	reads   int      // commands whose reply may be of any size
	largest int      // bytes of the largest reply lately; 0 = none has been seen

	side  []byte
	marks []mark
}

// mark says that side[..to] belongs before the reply of cmds[at].
type mark struct{ at, to int }

// add appends a data command.
func (g *group) add(call *command, cmd engine.Command) {
	g.cmds = append(g.cmds, cmd)
	g.calls = append(g.calls, call)
	if call.Flags&catalog.Write != 0 {
		g.writes = true
	} else {
		g.reads++
	}
}

// full reports whether the group should run before another command joins. How
// much a read will answer is not known before; what the latest group answered
// tells how many may wait together, so that a pipeline of reads of large values
// does not fill the memory.
func (g *group) full() bool {
	return len(g.cmds) >= maxGroup || g.reads >= g.maxReads()
}

func (g *group) maxReads() int {
	if g.largest == 0 {
		return firstReads
	}
	return max(1, maxGroupOut/g.largest)
}

// learn notes how large replies are. The estimate falls by half with each group
// of smaller ones.
func (g *group) learn() {
	g.largest /= 2
	from := 0
	for _, to := range g.replies.Ends {
		g.largest = max(g.largest, to-from)
		from = to
	}
}

func (g *group) reset() {
	clear(g.cmds)
	g.cmds, g.calls, g.writes, g.reads = g.cmds[:0], g.calls[:0], false, 0
	clear(g.tracked)
	g.tracked = g.tracked[:0]
	g.side, g.marks = g.side[:0], g.marks[:0]
	if cap(g.replies.Buf) > keptOut {
		g.replies.Buf = nil
	}
}

// flush runs the group that has been collected and appends its replies to out.
func (c *conn) flush() {
	g := &c.group
	if len(g.cmds) == 0 {
		return
	}
	c.srv.pause.Wait(c.ctx, g.writes)
	c.reader.Begin(g.tracked)
	start := time.Now()
	g.replies.Reset()
	var err error
	if c.ReadOnly && !g.writes {
		err = c.srv.cfg.Store.ReadLocal(g.cmds, &g.replies)
	} else {
		err = c.srv.cfg.Store.Do(c.ctx, g.cmds, &g.replies)
	}
	took := time.Since(start)
	c.srv.noteSlow(c, g, start, took)
	if err == nil && g.replies.Len() != len(g.cmds) {
		err = errors.New("ERR internal: the store gave too few replies")
	}
	if err != nil {
		c.failGroup(errorText(err))
	}
	c.countReplies(took)
	g.learn()
	c.merge()
	g.reset()
}

// failGroup makes text the reply to every command of the group.
func (c *conn) failGroup(text string) {
	g := &c.group
	g.replies.Reset()
	for range g.cmds {
		g.replies.Buf = resp.AppendError(g.replies.Buf, text)
		g.replies.End()
	}
}

// errorText is what a client is told about err: texts of the store begin with a
// code of their own.
func errorText(err error) string {
	text := err.Error()
	for i, b := range []byte(text) {
		switch {
		case b == ' ' && i > 0:
			return text
		case b < 'A' || b > 'Z':
			return "ERR " + text
		}
	}
	return "ERR " + text
}

// countReplies notes calls, errors and times: a group's commands share one
// execution, so each is said to have taken an equal part of it.
func (c *conn) countReplies(took time.Duration) {
	g := &c.group
	each := took / time.Duration(len(g.cmds))
	from := 0
	for i, to := range g.replies.Ends {
		g.calls[i].ran(each)
		if to > from && g.replies.Buf[from] == '-' {
			g.calls[i].failed.Add(1)
			c.srv.stats.countError(string(g.replies.Buf[from+1 : to]))
		}
		from = to
	}
	c.srv.stats.commands.Add(int64(len(g.cmds)))
}

// merge appends the group's replies to out, with those that were known before at
// their places. Without any, and with nothing in out, the buffers change places.
func (c *conn) merge() {
	g := &c.group
	if len(g.marks) == 0 && len(c.Out) == 0 {
		c.Out, g.replies.Buf = g.replies.Buf, c.Out
		return
	}
	from, side := 0, 0
	for _, m := range g.marks {
		to := 0
		if m.at > 0 {
			to = g.replies.Ends[m.at-1]
		}
		c.Out = append(c.Out, g.replies.Buf[from:to]...)
		c.Out = append(c.Out, g.side[side:m.to]...)
		from, side = to, m.to
	}
	c.Out = append(c.Out, g.replies.Buf[from:]...)
}

// noteSlow logs a group that took longer than slowlog-log-slower-than allows. The
// commands of a group share one execution: the first stands for all.
func (s *Server) noteSlow(c *conn, g *group, start time.Time, took time.Duration) {
	s.latency.Note(spike(g.calls[0]), start, took)
	limit := s.live.slowerThan.Load()
	if limit < 0 || took.Microseconds() < limit {
		return
	}
	args := g.cmds[0].Args
	if g.cmds[0].Txn != nil {
		args = [][]byte{[]byte("EXEC")}
	}
	e := slowlog.Entry{At: start, Took: took, Args: slowlog.Shorten(args), Addr: c.Addr, Name: c.Name}
	if more := len(g.cmds) - 1; more > 0 {
		e.Args = append(e.Args, "... (with "+itoa(int64(more))+" more commands)")
	}
	s.slow.Add(e)
}
