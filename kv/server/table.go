package server

import (
	"strings"
	"sync/atomic"

	"pingd/kv/engine"
	"pingd/kv/server/catalog"
)

// command is an entry of the command table: a data command of the engine, or one
// that the front runs itself.
type command struct {
	catalog.Entry
	run func(c *conn, args [][]byte) // nil for data commands

	calls  atomic.Int64
	failed atomic.Int64
}

// commandTable maps names in lower case to commands. It is not changed after New.
type commandTable map[string]*command

// find looks a command up by its name in any case, without allocating.
func (t commandTable) find(name []byte) *command {
	var buf [catalog.MaxName]byte
	return t[string(catalog.Lower(&buf, name))]
}

// index returns the descriptions of all commands.
func (t commandTable) index() catalog.Index {
	x := make(catalog.Index, len(t))
	for name, cmd := range t {
		x[name] = &cmd.Entry
	}
	return x
}

func newCommandTable() commandTable {
	t := commandTable{}
	for _, spec := range engine.Specs() {
		e := catalog.FromSpec(&spec)
		t[e.Name] = &command{Entry: e}
	}
	for _, list := range [][]*command{
		connectionCommands(), transactionCommands(), pubsubCommands(), serverCommands(), refusedCommands(),
	} {
		for _, cmd := range list {
			t[cmd.Name] = cmd
		}
	}
	return t
}

// entry makes a command that the front runs itself.
func entry(name string, arity int, f catalog.Flags, run func(*conn, [][]byte), summary string) *command {
	return &command{Entry: catalog.Entry{Name: name, Arity: arity, Flags: f, Summary: summary}, run: run}
}

func connectionCommands() []*command {
	list := []*command{
		entry("ping", -1, catalog.Subscribed|catalog.AtOnce, (*conn).cmdPing, "Ping the server"),
		entry("echo", 2, catalog.AtOnce, (*conn).cmdEcho, "Echo the given string"),
		entry("quit", -1, catalog.NoAuth|catalog.Subscribed|catalog.Immediate, (*conn).cmdQuit, "Close the connection"),
		entry("reset", 1, catalog.NoAuth|catalog.Subscribed|catalog.Immediate, (*conn).cmdReset, "Reset the connection"),
		entry("hello", -1, catalog.NoAuth|catalog.NoMulti, (*conn).cmdHello, "Handshake with Redis"),
		entry("auth", -2, catalog.NoAuth|catalog.NoMulti, (*conn).cmdAuth, "Authenticate to the server"),
		entry("select", 2, 0, (*conn).cmdSelect, "Change the selected database for the current connection"),
		entry("client", -2, 0, (*conn).cmdClient, "A container for client connection commands"),
		entry("readonly", 1, 0, (*conn).cmdReadOnly, "Read from this node's own, possibly stale data"),
		entry("readwrite", 1, 0, (*conn).cmdReadWrite, "Read the latest data again"),
	}
	return grouped("connection", list)
}

func transactionCommands() []*command {
	return grouped("transactions", []*command{
		entry("multi", 1, catalog.Immediate|catalog.AtOnce, (*conn).cmdMulti, "Mark the start of a transaction block"),
		entry("exec", 1, catalog.Immediate|catalog.Orders, (*conn).cmdExec, "Execute all commands issued after MULTI"),
		entry("discard", 1, catalog.Immediate|catalog.AtOnce, (*conn).cmdDiscard, "Discard all commands issued after MULTI"),
		entry("watch", -2, catalog.Immediate, (*conn).cmdWatch, "Watch the given keys to determine execution of the MULTI/EXEC block"),
		entry("unwatch", 1, catalog.AtOnce, (*conn).cmdUnwatch, "Forget about all watched keys"),
	})
}

func pubsubCommands() []*command {
	list := []*command{
		entry("subscribe", -2, catalog.Subscribed|catalog.NoMulti, (*conn).cmdSubscribe, "Listen for messages published to the given channels"),
		entry("unsubscribe", -1, catalog.Subscribed|catalog.NoMulti, (*conn).cmdUnsubscribe, "Stop listening for messages posted to the given channels"),
		entry("psubscribe", -2, catalog.Subscribed|catalog.NoMulti, (*conn).cmdPSubscribe, "Listen for messages published to channels matching the given patterns"),
		entry("punsubscribe", -1, catalog.Subscribed|catalog.NoMulti, (*conn).cmdPUnsubscribe, "Stop listening for messages posted to channels matching the given patterns"),
		entry("publish", 3, 0, (*conn).cmdPublish, "Post a message to a channel"),
		entry("pubsub", -2, 0, (*conn).cmdPubSub, "A container for Pub/Sub commands"),
	}
	for _, cmd := range list {
		cmd.Flags |= catalog.PubSub
	}
	return grouped("pubsub", list)
}

func serverCommands() []*command {
	return grouped("server", []*command{
		entry("command", -1, 0, (*conn).cmdCommand, "Get array of Redis command details"),
		entry("config", -2, catalog.Admin, (*conn).cmdConfig, "A container for server configuration commands"),
		entry("info", -1, 0, (*conn).cmdInfo, "Get information and statistics about the server"),
		entry("role", 1, catalog.Admin, (*conn).cmdRole, "Return the role of the instance in the context of replication"),
		entry("time", 1, 0, (*conn).cmdTime, "Return the current server time"),
		entry("wait", 3, 0, (*conn).cmdWait, "Wait for the replication of all the write commands sent in the context of the current connection"),
		entry("debug", -2, catalog.Admin, (*conn).cmdDebug, "A container for debugging commands"),
		entry("function", -2, 0, (*conn).cmdFunction, "A container for function commands"),
		entry("acl", -2, catalog.Admin, (*conn).cmdACL, "A container for Access List Control commands"),
		entry("slowlog", -2, catalog.Admin, (*conn).cmdSlowlog, "A container for slow log commands"),
		entry("latency", -2, catalog.Admin, (*conn).cmdLatency, "A container for latency diagnostics commands"),
		entry("pingd", -2, catalog.Admin|catalog.Hidden|catalog.NoMulti, (*conn).cmdPingd, "Cluster of this store"),
	})
}

// refusedCommands are commands of Redis that have no place here: their reply
// says what to do instead.
func refusedCommands() []*command {
	var list []*command
	for name, why := range catalog.Refused() {
		text := "ERR " + strings.ToUpper(name) + " is not supported: " + why
		list = append(list, entry(name, -1, catalog.Hidden, func(c *conn, _ [][]byte) { c.fail(text) }, ""))
	}
	return append(list, entry("cluster", -2, catalog.Hidden, func(c *conn, _ [][]byte) {
		c.fail("ERR This instance has cluster support disabled")
	}, ""))
}

func grouped(group string, list []*command) []*command {
	for _, cmd := range list {
		cmd.Group = group
	}
	return list
}
