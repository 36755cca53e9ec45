package server

import (
	"slices"
	"strings"
	"sync/atomic"

	"pingd/kv/engine"
)

type flags uint16

const (
	flagWrite      flags = 1 << iota // a data command that changes the keyspace
	flagNoAuth                       // allowed before AUTH
	flagSubscribed                   // allowed to a RESP2 subscriber
	flagImmediate                    // runs within MULTI instead of being queued
	flagNoMulti                      // refused within MULTI
	flagAtOnce                       // needs nothing of the store and changes nothing that a waiting group depends on
	flagOrders                       // sees to the order of its reply and a waiting group itself
	flagAdmin                        // COMMAND's flag admin
	flagPubSub                       // COMMAND's flag pubsub
	flagHidden                       // not shown by COMMAND
)

// command is an entry of the command table: a data command of the engine, or one
// that the front runs itself.
type command struct {
	name  string // lower case
	arity int    // words with the name; negative: at least that many
	flags flags
	run   func(c *conn, args [][]byte) // nil for data commands
	spec  *engine.Spec                 // nil for those of the front

	group, summary string

	calls  atomic.Int64
	failed atomic.Int64
}

func (c *command) arityOK(words int) bool {
	return words == c.arity || c.arity < 0 && words >= -c.arity
}

// commandTable maps names in lower case to commands. It is not changed after New.
type commandTable map[string]*command

const maxCommandName = 32

// find looks a command up by its name in any case, without allocating.
func (t commandTable) find(name []byte) *command {
	var lower [maxCommandName]byte
	if len(name) > maxCommandName {
		return nil
	}
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		lower[i] = b
	}
	return t[string(lower[:len(name)])]
}

// shown returns the commands that COMMAND tells of, sorted by name.
func (t commandTable) shown() []*command {
	list := make([]*command, 0, len(t))
	for _, cmd := range t {
		if cmd.flags&flagHidden == 0 {
			list = append(list, cmd)
		}
	}
	slices.SortFunc(list, func(a, b *command) int { return strings.Compare(a.name, b.name) })
	return list
}

func newCommandTable() commandTable {
	t := commandTable{}
	for _, spec := range engine.Specs() {
		cmd := &command{
			name: strings.ToLower(spec.Name), arity: spec.Arity, spec: &spec,
			group: spec.Group, summary: spec.Summary,
		}
		if spec.Flags&engine.Write != 0 {
			cmd.flags |= flagWrite
		}
		if spec.Flags&engine.Hidden != 0 {
			cmd.flags |= flagHidden
		}
		t[cmd.name] = cmd
	}
	for _, list := range [][]*command{
		connectionCommands(), transactionCommands(), pubsubCommands(), serverCommands(), refusedCommands(),
	} {
		for _, cmd := range list {
			t[cmd.name] = cmd
		}
	}
	return t
}

func connectionCommands() []*command {
	list := []*command{
		{name: "ping", arity: -1, flags: flagSubscribed | flagAtOnce, run: (*conn).cmdPing, summary: "Ping the server"},
		{name: "echo", arity: 2, flags: flagAtOnce, run: (*conn).cmdEcho, summary: "Echo the given string"},
		{name: "quit", arity: -1, flags: flagNoAuth | flagSubscribed | flagImmediate, run: (*conn).cmdQuit, summary: "Close the connection"},
		{name: "reset", arity: 1, flags: flagNoAuth | flagSubscribed | flagImmediate, run: (*conn).cmdReset, summary: "Reset the connection"},
		{name: "hello", arity: -1, flags: flagNoAuth | flagNoMulti, run: (*conn).cmdHello, summary: "Handshake with Redis"},
		{name: "auth", arity: -2, flags: flagNoAuth | flagNoMulti, run: (*conn).cmdAuth, summary: "Authenticate to the server"},
		{name: "select", arity: 2, run: (*conn).cmdSelect, summary: "Change the selected database for the current connection"},
		{name: "client", arity: -2, run: (*conn).cmdClient, summary: "A container for client connection commands"},
		{name: "readonly", arity: 1, run: (*conn).cmdReadOnly, summary: "Read from this node's own, possibly stale data"},
		{name: "readwrite", arity: 1, run: (*conn).cmdReadWrite, summary: "Read the latest data again"},
	}
	return grouped("connection", list)
}

func transactionCommands() []*command {
	return grouped("transactions", []*command{
		{name: "multi", arity: 1, flags: flagImmediate | flagAtOnce, run: (*conn).cmdMulti, summary: "Mark the start of a transaction block"},
		{name: "exec", arity: 1, flags: flagImmediate | flagOrders, run: (*conn).cmdExec, summary: "Execute all commands issued after MULTI"},
		{name: "discard", arity: 1, flags: flagImmediate | flagAtOnce, run: (*conn).cmdDiscard, summary: "Discard all commands issued after MULTI"},
		{name: "watch", arity: -2, flags: flagImmediate, run: (*conn).cmdWatch, summary: "Watch the given keys to determine execution of the MULTI/EXEC block"},
		{name: "unwatch", arity: 1, flags: flagAtOnce, run: (*conn).cmdUnwatch, summary: "Forget about all watched keys"},
	})
}

func pubsubCommands() []*command {
	list := []*command{
		{name: "subscribe", arity: -2, flags: flagSubscribed | flagNoMulti, run: (*conn).cmdSubscribe, summary: "Listen for messages published to the given channels"},
		{name: "unsubscribe", arity: -1, flags: flagSubscribed | flagNoMulti, run: (*conn).cmdUnsubscribe, summary: "Stop listening for messages posted to the given channels"},
		{name: "psubscribe", arity: -2, flags: flagSubscribed | flagNoMulti, run: (*conn).cmdPSubscribe, summary: "Listen for messages published to channels matching the given patterns"},
		{name: "punsubscribe", arity: -1, flags: flagSubscribed | flagNoMulti, run: (*conn).cmdPUnsubscribe, summary: "Stop listening for messages posted to channels matching the given patterns"},
		{name: "publish", arity: 3, run: (*conn).cmdPublish, summary: "Post a message to a channel"},
		{name: "pubsub", arity: -2, run: (*conn).cmdPubSub, summary: "A container for Pub/Sub commands"},
	}
	for _, cmd := range list {
		cmd.flags |= flagPubSub
	}
	return grouped("pubsub", list)
}

func serverCommands() []*command {
	return grouped("server", []*command{
		{name: "command", arity: -1, run: (*conn).cmdCommand, summary: "Get array of Redis command details"},
		{name: "config", arity: -2, flags: flagAdmin, run: (*conn).cmdConfig, summary: "A container for server configuration commands"},
		{name: "info", arity: -1, run: (*conn).cmdInfo, summary: "Get information and statistics about the server"},
		{name: "role", arity: 1, flags: flagAdmin, run: (*conn).cmdRole, summary: "Return the role of the instance in the context of replication"},
		{name: "time", arity: 1, run: (*conn).cmdTime, summary: "Return the current server time"},
		{name: "wait", arity: 3, run: (*conn).cmdWait, summary: "Wait for the replication of all the write commands sent in the context of the current connection"},
		{name: "debug", arity: -2, flags: flagAdmin, run: (*conn).cmdDebug, summary: "A container for debugging commands"},
		{name: "function", arity: -2, run: (*conn).cmdFunction, summary: "A container for function commands"},
		{name: "acl", arity: -2, flags: flagAdmin, run: (*conn).cmdACL, summary: "A container for Access List Control commands"},
		{name: "slowlog", arity: -2, flags: flagAdmin, run: (*conn).cmdSlowlog, summary: "A container for slow log commands"},
		{name: "latency", arity: -2, flags: flagAdmin, run: (*conn).cmdLatency, summary: "A container for latency diagnostics commands"},
		{name: "pingd", arity: -2, flags: flagAdmin | flagHidden, run: (*conn).cmdPingd, summary: "Cluster of this store"},
	})
}

// refusedCommands are commands of Redis that have no place here: their reply
// says what to do instead.
func refusedCommands() []*command {
	var list []*command
	for name, why := range map[string]string{
		"shutdown":  "stop the process with SIGTERM, which hands leadership over first",
		"replicaof": "replication follows the cluster's own log, join a node with --join",
		"slaveof":   "replication follows the cluster's own log, join a node with --join",
		"failover":  "use PINGD TRANSFER [name] or SENTINEL FAILOVER",
		"sync":      "replication follows the cluster's own log",
		"psync":     "replication follows the cluster's own log",
		"replconf":  "replication follows the cluster's own log",
		"save":      "every write is on disk on a majority of nodes already; snapshots are automatic",
		"bgsave":    "every write is on disk on a majority of nodes already; snapshots are automatic",
		"migrate":   "use DUMP and RESTORE from the client",
	} {
		text := "ERR " + strings.ToUpper(name) + " is not supported: " + why
		list = append(list, &command{
			name: name, arity: -1, flags: flagHidden, group: "server",
			run: func(c *conn, _ [][]byte) { c.fail(text) },
		})
	}
	return append(list, &command{
		name: "cluster", arity: -2, flags: flagHidden, group: "cluster",
		run: func(c *conn, _ [][]byte) { c.fail("ERR This instance has cluster support disabled") },
	})
}

func grouped(group string, list []*command) []*command {
	for _, cmd := range list {
		cmd.group = group
	}
	return list
}
