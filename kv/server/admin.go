package server

import (
	"context"
	"strconv"
	"strings"
	"time"

	"pingd/kv/engine"
	"pingd/kv/server/info"
	"pingd/kv/server/slowlog"
)

func (c *conn) cmdTime([][]byte) {
	now := time.Now()
	c.array(2)
	c.bulk(itoa(now.Unix()))
	c.bulk(itoa(int64(now.Nanosecond() / 1000)))
}

// cmdCommand is COMMAND with its subcommands.
func (c *conn) cmdCommand(args [][]byte) {
	reply, problem := c.srv.table.index().Answer(c.out, c.proto, args)
	if problem != "" {
		c.fail(problem)
		return
	}
	c.out = reply
}

// cmdWait is WAIT replicas ms: on how many other nodes the latest writes are. A
// write that was acknowledged is on a majority already.
func (c *conn) cmdWait(args [][]byte) {
	n, err := strconv.Atoi(string(args[1]))
	if err != nil || n < 0 {
		c.fail("ERR value is not an integer or out of range")
		return
	}
	ms, err := strconv.ParseInt(string(args[2]), 10, 64)
	switch {
	case err != nil:
		c.fail("ERR timeout is not an integer or out of range")
		return
	case ms < 0:
		c.fail("ERR timeout is negative")
		return
	}
	// Redis waits for ever when ms is 0. An hour is as good, and ends.
	limit := time.Hour
	if ms > 0 {
		limit = min(limit, time.Duration(min(ms, limit.Milliseconds()))*time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(c.ctx, limit)
	defer cancel()
	c.int(int64(c.srv.cfg.Store.WaitReplicas(ctx, n)))
}

// cmdDebug refuses as a Redis whose enable-debug-command is off, but for what
// test harnesses send and what changes nothing here.
func (c *conn) cmdDebug(args [][]byte) {
	if strings.EqualFold(string(args[1]), "SET-ACTIVE-EXPIRE") && len(args) == 3 {
		c.ok()
		return
	}
	c.fail("ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it " +
		"from a local connection, otherwise you need to set this option in the configuration file, and then restart " +
		"the server.")
}

// cmdFunction serves what holds without any function: flushing and listing none.
func (c *conn) cmdFunction(args [][]byte) {
	switch strings.ToUpper(string(args[1])) {
	case "FLUSH":
		c.ok()
	case "LIST":
		c.array(0)
	default:
		c.fail("ERR FUNCTION " + cut(args[1], 128) + " is not supported: this server runs no scripts")
	}
}

func (c *conn) cmdACL(args [][]byte) {
	switch strings.ToUpper(string(args[1])) {
	case "WHOAMI":
		c.bulk("default")
	case "USERS":
		c.array(1)
		c.bulk("default")
	default:
		c.fail("ERR ACL " + cut(args[1], 128) + " is not supported: there is one user, default")
	}
}

func (c *conn) cmdSlowlog(args [][]byte) {
	switch strings.ToUpper(string(args[1])) {
	case "LEN":
		c.int(int64(c.srv.slow.Len()))
	case "RESET":
		c.srv.slow.Reset()
		c.ok()
	case "GET":
		n := 10
		if len(args) > 2 {
			var err error
			if n, err = strconv.Atoi(string(args[2])); err != nil || n < -1 || len(args) > 3 {
				c.fail("ERR count should be greater than or equal to -1")
				return
			}
		}
		c.slowEntries(c.srv.slow.Latest(n))
	default:
		c.unknownSubcommand(args)
	}
}

func (c *conn) slowEntries(entries []slowlog.Entry) {
	c.array(len(entries))
	for _, e := range entries {
		c.array(6)
		c.int(e.ID)
		c.int(e.At.Unix())
		c.int(e.Took.Microseconds())
		c.array(len(e.Args))
		for _, a := range e.Args {
			c.bulk(a)
		}
		c.bulk(e.Addr)
		c.bulk(e.Name)
	}
}

// cmdLatency answers as a Redis whose latency monitor is off, as it is by default
// (latency-monitor-threshold 0): there are no events.
func (c *conn) cmdLatency(args [][]byte) {
	switch strings.ToUpper(string(args[1])) {
	case "LATEST", "HISTORY":
		c.array(0)
	case "RESET":
		c.int(0)
	default:
		c.unknownSubcommand(args)
	}
}

// cmdRole is ROLE: master and slave are the leader and the others.
func (c *conn) cmdRole([][]byte) {
	v := info.View(c.srv.cfg.Store)
	if v.Master {
		c.array(3)
		c.bulk("master")
		c.int(v.Offset)
		c.array(len(v.Slaves))
		for _, r := range v.Slaves {
			c.array(3)
			c.bulk(r.Host)
			c.bulk(r.Port)
			c.bulk(itoa(r.Offset))
		}
		return
	}
	state := "connected"
	if !v.LinkUp {
		state = "connect"
	}
	c.array(5)
	c.bulk("slave")
	c.bulk(v.MasterHost)
	port, err := strconv.ParseInt(v.MasterPort, 10, 64)
	if err != nil {
		port = 0
	}
	c.int(port)
	c.bulk(state)
	c.int(v.Offset)
}

// totals sums the engine's figures over databases.
func totals(st engine.Stats) (keys, expires int) {
	for db := range st.Keys {
		keys += st.Keys[db]
		expires += st.Expires[db]
	}
	return keys, expires
}
