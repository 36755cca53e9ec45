package server

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"pingd/kv/resp"
	"pingd/kv/resp/reply"
	"pingd/kv/server/admin"
	"pingd/kv/server/catalog"
	"pingd/kv/server/hangup"
	"pingd/kv/server/info"
	"pingd/kv/server/latency"
	"pingd/kv/server/settings"
	"pingd/kv/server/slowlog"
)

func serverCommands() []*command {
	index := func(f func(catalog.Index, *reply.Writer, [][]byte)) func(*conn, [][]byte) {
		return func(c *conn, a [][]byte) { f(c.srv.table.index(), &c.Writer, a) }
	}
	keys := func(withFlags bool) func(*conn, [][]byte) {
		return func(c *conn, a [][]byte) { c.srv.table.index().GetKeys(&c.Writer, a, withFlags) }
	}
	all := container(
		"command", "Get array of Redis command details",
		entry("command|count", 0, func(c *conn, _ [][]byte) { c.srv.table.index().Count(&c.Writer) }, "Get total number of commands"),
		entry("command|docs", 0, index(catalog.Index.Docs), "Get documentation about commands"),
		entry("command|getkeys", 0, keys(false), "Extract keys given a full command"),
		entry("command|getkeysandflags", 0, keys(true), "Extract keys and access flags given a full command"),
		entry("command|help", 0, says(catalog.Help), "Show helpful text about the subcommands"),
		entry("command|info", 0, index(catalog.Index.Info), "Get details of commands"),
		entry("command|list", 0, index(catalog.Index.List), "Get the names of commands"),
	)
	all.run = func(c *conn, _ [][]byte) { c.srv.table.index().All(&c.Writer) }
	return grouped("server", []*command{
		all,
		container(
			"config", "A container for server configuration commands",
			entry("config|get", 0, func(c *conn, a [][]byte) { c.srv.settings.AnswerGet(&c.Writer, a) }, "Get settings"),
			entry("config|help", 0, says(settings.AnswerHelp), "Show helpful text about the subcommands"),
			entry("config|resetstat", 0, func(c *conn, _ [][]byte) { c.srv.resetStats(); c.OK() }, "Count anew"),
			entry("config|rewrite", 0, func(c *conn, _ [][]byte) { c.Fail("ERR The server is running without a config file") }, "Refused"),
			entry("config|set", 0, (*conn).configSet, "Change settings of this node"),
		),
		entry("info", 0, (*conn).cmdInfo, "Get information and statistics about the server"),
		entry("role", 0, func(c *conn, _ [][]byte) { info.AnswerRole(&c.Writer, c.srv.cfg.Store) }, "Return the role of the instance in the context of replication"),
		entry("time", 0, says(answerTime), "Return the current server time"),
		entry("lastsave", 0, (*conn).cmdLastSave, "Get the time of the last snapshot"),
		entry("wait", 0, (*conn).cmdWait, "Wait for the replication of all the write commands sent in the context of the current connection"),
		entry("monitor", catalog.NoMulti, (*conn).cmdMonitor, "Listen for all requests received by the server in real time"),
		entry("lolwut", 0, says(answerLolwut), "Display the version"),
		entry("pingd", catalog.Hidden, (*conn).cmdPingd, "Cluster of this store"),
	})
}

func adminCommands() []*command {
	slow := func(f func(*slowlog.Log, *conn, [][]byte)) func(*conn, [][]byte) {
		return func(c *conn, a [][]byte) { f(c.srv.slow, c, a) }
	}
	spikes := func(f func(*latency.Monitor, *reply.Writer, [][]byte)) func(*conn, [][]byte) {
		return func(c *conn, a [][]byte) { f(&c.srv.latency, &c.Writer, a) }
	}
	list := grouped("server", []*command{
		container(
			"slowlog", "A container for slow log commands",
			entry("slowlog|get", 0, slow(func(l *slowlog.Log, c *conn, a [][]byte) { l.AnswerGet(&c.Writer, a) }), "Get the entries of the slow log"),
			entry("slowlog|help", 0, says(slowlog.AnswerHelp), "Show helpful text about the subcommands"),
			entry("slowlog|len", 0, slow(func(l *slowlog.Log, c *conn, _ [][]byte) { c.Int(int64(l.Len())) }), "Get the length of the slow log"),
			entry("slowlog|reset", 0, slow(func(l *slowlog.Log, c *conn, _ [][]byte) { l.Reset(); c.OK() }), "Clear the slow log"),
		),
		container(
			"latency", "A container for latency diagnostics commands",
			entry("latency|doctor", 0, func(c *conn, _ [][]byte) { c.srv.latency.AnswerDoctor(&c.Writer) }, "Return a report for people"),
			entry("latency|graph", 0, spikes((*latency.Monitor).AnswerGraph), "Refused"),
			entry("latency|help", 0, says(latency.AnswerHelp), "Show helpful text about the subcommands"),
			entry("latency|histogram", 0, (*conn).latencyHistogram, "Return how long calls took"),
			entry("latency|history", 0, spikes((*latency.Monitor).AnswerHistory), "Return the spikes of an event"),
			entry("latency|latest", 0, func(c *conn, _ [][]byte) { c.srv.latency.AnswerLatest(&c.Writer) }, "Return the latest spike of each event"),
			entry("latency|reset", 0, spikes((*latency.Monitor).AnswerReset), "Forget spikes"),
		),
		container(
			"memory", "A container for memory diagnostics commands",
			entry("memory|doctor", 0, says(admin.MemoryDoctor), "Return where to look"),
			entry("memory|help", 0, says(admin.MemoryHelp), "Show helpful text about the subcommands"),
			entry("memory|malloc-stats", 0, says(admin.MemoryMalloc), "Refused"),
			entry("memory|purge", 0, says(admin.MemoryPurge), "Give unused memory back to the system"),
			entry("memory|stats", 0, func(c *conn, _ [][]byte) { admin.MemoryStats(&c.Writer, c.srv.cfg.Store.Engine().Stats()) }, "Return figures"),
		),
		container(
			"module", "A container for module commands",
			entry("module|help", 0, says(admin.ModuleHelp), "Show helpful text about the subcommands"),
			entry("module|list", 0, func(c *conn, _ [][]byte) { c.Array(0) }, "Always empty"),
			entry("module|load", 0, says(admin.ModuleRefuse), "Refused"),
			entry("module|loadex", 0, says(admin.ModuleRefuse), "Refused"),
			entry("module|unload", 0, says(admin.ModuleRefuse), "Refused"),
		),
		entry("debug", catalog.Immediate, judges(admin.Debug), "A container for debugging commands"),
	})
	return append(append(list, aclCommand()), scriptCommands()...)
}

func aclCommand() *command {
	acl := func(f func(admin.ACL, *reply.Writer, [][]byte)) func(*conn, [][]byte) {
		return func(c *conn, a [][]byte) {
			f(admin.ACL{Commands: c.srv.table.index(), Secret: c.srv.cfg.Secret != ""}, &c.Writer, a)
		}
	}
	bare := func(f func(admin.ACL, *reply.Writer)) func(*conn, [][]byte) {
		return acl(func(a admin.ACL, w *reply.Writer, _ [][]byte) { f(a, w) })
	}
	cmd := container(
		"acl", "A container for Access List Control commands",
		entry("acl|cat", 0, acl(admin.ACL.Cat), "List categories or the commands of one"),
		entry("acl|deluser", 0, bare(admin.ACL.Change), "Refused"),
		entry("acl|dryrun", 0, acl(admin.ACL.DryRun), "Tell whether a user may run a command"),
		entry("acl|genpass", 0, acl(admin.ACL.GenPass), "Make a password"),
		entry("acl|getuser", 0, acl(admin.ACL.GetUser), "Show a user"),
		entry("acl|help", 0, bare(admin.ACL.Help), "Show helpful text about the subcommands"),
		entry("acl|list", 0, bare(admin.ACL.List), "Show all users as rules"),
		entry("acl|load", 0, bare(admin.ACL.File), "Refused"),
		entry("acl|log", 0, acl(admin.ACL.Log), "Always empty"),
		entry("acl|save", 0, bare(admin.ACL.File), "Refused"),
		entry("acl|setuser", 0, bare(admin.ACL.Change), "Refused"),
		entry("acl|users", 0, bare(admin.ACL.Users), "List the names of users"),
		entry("acl|whoami", 0, func(c *conn, _ [][]byte) { c.Bulk(c.User) }, "Return the name of the caller's user"),
	)
	cmd.Group = "server"
	return cmd
}

func scriptCommands() []*command {
	return grouped("scripting", []*command{
		container(
			"function", "A container for function commands",
			entry("function|delete", 0, says(admin.FunctionDelete), "There is none to delete"),
			entry("function|dump", 0, judges(admin.FunctionRefuse), "Refused"),
			entry("function|flush", 0, judges(admin.FunctionFlush), "Nothing to delete"),
			entry("function|help", 0, says(admin.FunctionHelp), "Show helpful text about the subcommands"),
			entry("function|kill", 0, says(admin.Kill), "Nothing runs"),
			entry("function|list", 0, judges(admin.FunctionList), "Always empty"),
			entry("function|load", 0, judges(admin.FunctionRefuse), "Refused"),
			entry("function|restore", 0, judges(admin.FunctionRefuse), "Refused"),
			entry("function|stats", 0, says(admin.FunctionStats), "Nothing runs"),
		),
		container(
			"script", "A container for Lua scripts management commands",
			entry("script|debug", 0, judges(admin.ScriptRefuse), "Refused"),
			entry("script|exists", 0, judges(admin.ScriptExists), "No script exists"),
			entry("script|flush", 0, judges(admin.ScriptFlush), "Nothing to forget"),
			entry("script|help", 0, says(admin.ScriptHelp), "Show helpful text about the subcommands"),
			entry("script|kill", 0, says(admin.Kill), "Nothing runs"),
			entry("script|load", 0, judges(admin.ScriptRefuse), "Refused"),
		),
	})
}

func answerTime(w *reply.Writer) {
	now := time.Now()
	w.Array(2)
	w.Bulk(itoa(now.Unix()))
	w.Bulk(itoa(int64(now.Nanosecond() / 1000)))
}

func answerLolwut(w *reply.Writer) {
	w.Verbatim("pingd " + info.Version() + ", with the behaviour of Redis ver. " + resp.RedisVersion + "\n")
}

func (c *conn) configSet(args [][]byte) {
	c.srv.settings.AnswerSet(&c.Writer, args)
	c.rd.SetLimits(c.limits())
}

// cmdLastSave tells when the latest snapshot was taken, or else the start: what
// was acknowledged is on disk at any time.
func (c *conn) cmdLastSave([][]byte) { c.Int(c.srv.started.Unix()) }

// latencyHistogram is LATENCY HISTOGRAM [command ...]; a container command stands
// for all its subcommands.
func (c *conn) latencyHistogram(args [][]byte) {
	asked := func(*command) bool { return true }
	if len(args) > 2 {
		asked = func(cmd *command) bool {
			for _, a := range args[2:] {
				if name := strings.ToLower(string(a)); cmd.Name == name || strings.HasPrefix(cmd.Name, name+"|") {
					return true
				}
			}
			return false
		}
	}
	var list []latency.Named
	c.srv.table.each(func(cmd *command) {
		if asked(cmd) {
			list = append(list, latency.Named{Name: cmd.Name, Histogram: &cmd.times})
		}
	})
	latency.AnswerHistogram(&c.Writer, list)
}

// errUnblocked is the cause with which CLIENT UNBLOCK ... ERROR ends a wait.
var errUnblocked = errors.New("UNBLOCKED client unblocked via CLIENT UNBLOCK")

// cmdWait is WAIT replicas ms: on how many other nodes the latest writes are. A
// write that was acknowledged is on a majority already.
func (c *conn) cmdWait(args [][]byte) {
	n, err := strconv.Atoi(string(args[1]))
	if err != nil || n < 0 {
		c.Fail(reply.ErrNotInt)
		return
	}
	ms, err := strconv.ParseInt(string(args[2]), 10, 64)
	switch {
	case err != nil:
		c.Fail("ERR timeout is not an integer or out of range")
		return
	case ms < 0:
		c.Fail("ERR timeout is negative")
		return
	}
	// Redis waits for ever when ms is 0. An hour is as good, and ends.
	limit := time.Hour
	if ms > 0 {
		limit = min(limit, time.Duration(min(ms, limit.Milliseconds()))*time.Millisecond)
	}
	if c.write() != nil { // what came before must not wait too
		c.quit = true
		return
	}
	c.reader.End()
	ctx, end := c.await(limit)
	defer end()
	have := c.srv.cfg.Store.WaitReplicas(ctx, n)
	if context.Cause(ctx) == errUnblocked {
		c.Fail(errUnblocked.Error())
		return
	}
	c.Int(int64(have))
}

// await returns a context for a command that waits: it ends after limit, with the
// connection, and by CLIENT UNBLOCK. end must be called when the wait is over.
func (c *conn) await(limit time.Duration) (ctx context.Context, end func()) {
	timed, cancelTime := context.WithTimeout(c.ctx, limit)
	ctx, cancel := context.WithCancelCause(timed)
	c.waiting.Lock()
	c.waiting.end = func(fail bool) {
		if fail {
			cancel(errUnblocked)
			return
		}
		cancel(nil)
	}
	c.waiting.Unlock()
	c.srv.stats.blocked.Add(1)
	stop := hangup.Watch(lowest(c.nc), c.closing.Load, func() { cancel(nil) })
	return ctx, func() {
		stop()
		c.srv.stats.blocked.Add(-1)
		c.waiting.Lock()
		c.waiting.end = nil
		c.waiting.Unlock()
		cancel(nil)
		cancelTime()
	}
}

// Unblock ends the wait of a command. Safe for concurrent use.
func (c *conn) Unblock(fail bool) bool {
	c.waiting.Lock()
	defer c.waiting.Unlock()
	if c.waiting.end == nil {
		return false
	}
	c.waiting.end(fail)
	c.waiting.end = nil
	return true
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
