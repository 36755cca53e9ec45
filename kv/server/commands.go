package server

import (
	"strconv"
	"time"

	"pingd/kv/engine"
	"pingd/kv/resp"
	"pingd/kv/resp/clients"
	"pingd/kv/resp/reply"
	"pingd/kv/resp/session"
	"pingd/kv/server/admin"
	"pingd/kv/server/catalog"
	"pingd/kv/server/pubsub"
)

// own makes the handler of a command that is about its session alone.
func own(f func(*session.Session, [][]byte)) func(*conn, [][]byte) {
	return func(c *conn, args [][]byte) { f(&c.Session, args) }
}

// says makes the handler of a command whose reply needs neither the connection nor
// its arguments.
func says(f func(*reply.Writer)) func(*conn, [][]byte) {
	return func(c *conn, _ [][]byte) { f(&c.Writer) }
}

// judges makes the handler of a command whose reply depends on its words alone.
func judges(f func(*reply.Writer, [][]byte)) func(*conn, [][]byte) {
	return func(c *conn, args [][]byte) { f(&c.Writer, args) }
}

func connectionCommands() []*command {
	client := container(
		"client", "A container for client connection commands",
		entry("client|caching", 0, func(c *conn, a [][]byte) { c.reader.Caching(&c.Writer, a) }, "Tell whether to track the keys of the next command"),
		entry("client|getname", 0, own((*session.Session).GetName), "Get the name of the connection"),
		entry("client|getredir", 0, func(c *conn, _ [][]byte) { c.reader.Redirect(&c.Writer) }, "Get whom invalidation messages go to"),
		entry("client|help", 0, says(admin.ClientHelp), "Show helpful text about the subcommands"),
		entry("client|id", 0, func(c *conn, _ [][]byte) { c.Int(c.ID) }, "Get the number of the connection"),
		entry("client|info", 0, func(c *conn, _ [][]byte) { c.show(); clients.Info(&c.Writer, c) }, "Describe the connection"),
		entry("client|kill", 0, (*conn).clientKill, "Close connections"),
		entry("client|list", 0, func(c *conn, a [][]byte) { c.show(); c.srv.clients.List(&c.Writer, a) }, "Describe connections"),
		entry("client|no-evict", 0, own((*session.Session).SetNoEvict), "Set the no-evict mode of the connection"),
		entry("client|no-touch", 0, own((*session.Session).SetNoTouch), "Set the no-touch mode of the connection"),
		entry("client|pause", 0, func(c *conn, a [][]byte) { c.srv.pause.Command(&c.Writer, a) }, "Hold commands back"),
		entry("client|reply", 0, own((*session.Session).SetReply), "Choose whether commands are answered"),
		entry("client|setinfo", 0, own((*session.Session).SetInfo), "Tell the client library"),
		entry("client|setname", 0, own((*session.Session).SetName), "Name the connection"),
		entry("client|tracking", 0, func(c *conn, a [][]byte) { c.reader.Tracking(&c.Writer, a) }, "Turn tracking of keys on or off"),
		entry("client|trackinginfo", 0, func(c *conn, _ [][]byte) { c.reader.Info(&c.Writer) }, "Get what tracking has set"),
		entry("client|unblock", 0, func(c *conn, a [][]byte) { c.srv.clients.Unblock(&c.Writer, a) }, "End the wait of a connection"),
		entry("client|unpause", 0, func(c *conn, _ [][]byte) { c.srv.pause.Lift(); c.OK() }, "End a pause"),
	)
	for _, sub := range client.subs {
		sub.keepsCaching = true
	}
	return grouped("connection", []*command{
		client,
		entry("ping", catalog.Subscribed|catalog.AtOnce, (*conn).cmdPing, "Ping the server"),
		entry("echo", catalog.AtOnce, func(c *conn, a [][]byte) { c.Bytes(a[1]) }, "Echo the given string"),
		entry("quit", catalog.Subscribed|catalog.Immediate, func(c *conn, _ [][]byte) { c.quit = true; c.OK() }, "Close the connection"),
		entry("reset", catalog.Subscribed|catalog.Immediate, (*conn).cmdReset, "Reset the connection"),
		entry("hello", catalog.NoMulti, func(c *conn, a [][]byte) { c.Hello(a); c.protoChanged() }, "Handshake with Redis"),
		entry("auth", 0, own((*session.Session).Auth), "Authenticate to the server"),
		entry("select", 0, (*conn).cmdSelect, "Change the selected database for the current connection"),
		entry("readonly", 0, func(c *conn, _ [][]byte) { c.SetReadOnly(true) }, "Read from this node's own, possibly stale data"),
		entry("readwrite", 0, func(c *conn, _ [][]byte) { c.SetReadOnly(false) }, "Read the latest data again"),
	})
}

func transactionCommands() []*command {
	exec := entry("exec", catalog.Immediate|catalog.Orders, (*conn).cmdExec, "Execute all commands issued after MULTI")
	exec.abort = true
	return grouped("transactions", []*command{
		exec,
		entry("multi", catalog.Immediate|catalog.AtOnce, (*conn).cmdMulti, "Mark the start of a transaction block"),
		entry("discard", catalog.Immediate|catalog.AtOnce, (*conn).cmdDiscard, "Discard all commands issued after MULTI"),
		entry("watch", catalog.Immediate, (*conn).cmdWatch, "Watch the given keys to determine execution of the MULTI/EXEC block"),
		entry("unwatch", catalog.AtOnce, (*conn).cmdUnwatch, "Forget about all watched keys"),
	})
}

func pubsubCommands() []*command {
	subscribe := func(k pubsub.Kind) func(*conn, [][]byte) {
		return func(c *conn, a [][]byte) { c.subscribe(k, a[1:]) }
	}
	unsubscribe := func(k pubsub.Kind) func(*conn, [][]byte) {
		return func(c *conn, a [][]byte) {
			c.subs.Unsubscribe(&c.Writer, k, a[1:])
			c.subscribes.Store(c.subs.Total() > 0)
		}
	}
	ask := func(f func(*pubsub.Hub, *reply.Writer, [][]byte, bool), shard bool) func(*conn, [][]byte) {
		return func(c *conn, a [][]byte) { f(c.srv.hub, &c.Writer, a, shard) }
	}
	return grouped("pubsub", []*command{
		entry("subscribe", catalog.Subscribed, subscribe(pubsub.Channel), "Listen for messages published to the given channels"),
		entry("unsubscribe", catalog.Subscribed, unsubscribe(pubsub.Channel), "Stop listening for messages posted to the given channels"),
		entry("psubscribe", catalog.Subscribed, subscribe(pubsub.Pattern), "Listen for messages published to channels matching the given patterns"),
		entry("punsubscribe", catalog.Subscribed, unsubscribe(pubsub.Pattern), "Stop listening for messages posted to channels matching the given patterns"),
		entry("ssubscribe", catalog.Subscribed, subscribe(pubsub.Shard), "Listen for messages published to the given shard channels"),
		entry("sunsubscribe", catalog.Subscribed, unsubscribe(pubsub.Shard), "Stop listening for messages posted to the given shard channels"),
		entry("publish", 0, func(c *conn, a [][]byte) { c.publish(a, false) }, "Post a message to a channel"),
		entry("spublish", 0, func(c *conn, a [][]byte) { c.publish(a, true) }, "Post a message to a shard channel"),
		container(
			"pubsub", "A container for Pub/Sub commands",
			entry("pubsub|channels", 0, ask((*pubsub.Hub).AnswerChannels, false), "List active channels"),
			entry("pubsub|help", 0, says(pubsub.AnswerHelp), "Show helpful text about the subcommands"),
			entry("pubsub|numpat", 0, func(c *conn, _ [][]byte) { c.srv.hub.AnswerPatterns(&c.Writer) }, "Get the count of unique patterns"),
			entry("pubsub|numsub", 0, ask((*pubsub.Hub).AnswerSubscribers, false), "Get the count of subscribers for channels"),
			entry("pubsub|shardchannels", 0, ask((*pubsub.Hub).AnswerChannels, true), "List active shard channels"),
			entry("pubsub|shardnumsub", 0, ask((*pubsub.Hub).AnswerSubscribers, true), "Get the count of subscribers for shard channels"),
		),
	})
}

// refusedCommands are commands of Redis that have no place here: their reply says
// what to do instead.
func refusedCommands() []*command {
	var list []*command
	for name, why := range catalog.Refused() {
		list = append(list, entry(name, catalog.Hidden, func(c *conn, _ [][]byte) { c.Fail(why) }, ""))
	}
	return list
}

func (c *conn) cmdPing(args [][]byte) {
	if len(args) > 2 {
		c.Fail(reply.WrongArity("ping"))
		return
	}
	switch {
	case c.subs.Total() > 0 && c.Proto == resp.RESP2:
		c.Array(2)
		c.Bulk("pong")
		if len(args) == 1 {
			c.Bulk("")
			return
		}
		c.Bytes(args[1])
	case len(args) == 1:
		c.Out = append(c.Out, "+PONG\r\n"...)
	default:
		c.Bytes(args[1])
	}
}

// cmdReset brings the connection back to how it began (RESET).
func (c *conn) cmdReset([][]byte) {
	c.multi.reset()
	c.subs.Leave()
	c.subscribes.Store(false)
	c.srv.tracking.TurnOff(c.reader)
	c.srv.tap.Leave(c)
	c.monitors.Store(false)
	c.Reset()
	c.protoChanged()
	c.Status("RESET")
}

func (c *conn) clientKill(args [][]byte) {
	c.show()
	if c.srv.clients.Kill(&c.Writer, c, args) {
		c.quit = true
	}
}

// subscribe joins each name once the replies before are on their way.
func (c *conn) subscribe(k pubsub.Kind, names [][]byte) {
	if c.write() != nil {
		c.quit = true
		return
	}
	c.subscribes.Store(true)
	c.subs.Subscribe(k, names)
}

func (c *conn) publish(args [][]byte, shard bool) {
	n, err := c.srv.cfg.Store.Publish(c.ctx, pubsub.Envelope(args[1], shard), args[2])
	if err != nil {
		c.Fail(errorText(err))
		return
	}
	c.Int(n)
}

// cmdMonitor makes the client see the commands of all others (MONITOR).
func (c *conn) cmdMonitor([][]byte) {
	c.OK()
	if c.write() != nil {
		c.quit = true
		return
	}
	c.monitors.Store(true)
	c.srv.tap.Join(c)
}

// tap shows a command to those who watch; those of an operator and passwords are
// not shown.
func (c *conn) tap(cmd *command, args [][]byte) {
	if cmd.Flags&catalog.Admin != 0 {
		return
	}
	if c.monitors.Load() { // its own reply comes first
		c.flush()
		if c.write() != nil {
			c.quit = true
		}
	}
	c.srv.tap.Show(time.Now(), c.DB, c.Addr, session.Redact(cmd.Name, args))
}

func (c *conn) cmdSelect(args [][]byte) {
	db, ok := parseDB(args[1])
	switch {
	case ok:
		c.DB = db
		c.OK()
	case isInt(args[1]):
		c.Fail("ERR DB index is out of range")
	default:
		c.Fail(reply.ErrNotInt)
	}
}

// parseDB reads the number of a database.
func parseDB(b []byte) (uint8, bool) {
	n, err := strconv.Atoi(string(b))
	if err != nil || n < 0 || n >= engine.Databases {
		return 0, false
	}
	return uint8(n), true
}

func isInt(b []byte) bool {
	_, err := strconv.ParseInt(string(b), 10, 32)
	return err == nil
}
