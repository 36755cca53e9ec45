package server

import (
	"net"
	"strconv"
	"strings"
	"time"

	"pingd/kv/resp"
)

const errBadName = "ERR Client names cannot contain spaces, newlines or special characters."

// clientCommands are the subcommands of CLIENT with their arity, counted with
// both words; negative: at least that many.
var clientCommands = map[string]struct {
	arity int
	run   func(c *conn, args [][]byte)
}{
	"ID":           {2, func(c *conn, _ [][]byte) { c.int(c.id) }},
	"GETNAME":      {2, (*conn).clientGetName},
	"SETNAME":      {3, (*conn).clientSetName},
	"SETINFO":      {4, (*conn).clientSetInfo},
	"INFO":         {2, (*conn).clientInfo},
	"LIST":         {-2, (*conn).clientList},
	"KILL":         {-3, (*conn).clientKill},
	"NO-EVICT":     {3, (*conn).clientNoEvict},
	"NO-TOUCH":     {3, (*conn).clientNoTouch},
	"REPLY":        {3, (*conn).clientReply},
	"PAUSE":        {-3, (*conn).clientPause},
	"UNPAUSE":      {2, func(c *conn, _ [][]byte) { c.srv.pause.Lift(); c.ok() }},
	"UNBLOCK":      {-3, (*conn).clientUnblock},
	"GETREDIR":     {2, func(c *conn, _ [][]byte) { c.int(-1) }},
	"TRACKING":     {-3, (*conn).clientTracking},
	"TRACKINGINFO": {2, (*conn).clientTrackingInfo},
	"CACHING":      {3, func(c *conn, _ [][]byte) { c.fail(errNotTracking) }},
}

const errNotTracking = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"

func (c *conn) cmdClient(args [][]byte) {
	sub, ok := clientCommands[strings.ToUpper(string(args[1]))]
	if !ok {
		c.unknownSubcommand(args)
		return
	}
	if c.subArity(args, sub.arity) {
		sub.run(c, args)
	}
}

// unknownSubcommand replies as Redis does for a container command.
func (c *conn) unknownSubcommand(args [][]byte) {
	c.fail("ERR unknown subcommand '" + cut(args[1], 128) + "'. Try " + strings.ToUpper(string(args[0])) + " HELP.")
}

// subArity checks the number of words of a container command and its subcommand.
func (c *conn) subArity(args [][]byte, arity int) bool {
	if len(args) == arity || arity < 0 && len(args) >= -arity {
		return true
	}
	c.fail("ERR wrong number of arguments for '" + strings.ToLower(string(args[0])) + "|" +
		strings.ToLower(string(args[1])) + "' command")
	return false
}

func (c *conn) clientGetName([][]byte) {
	if c.name == "" {
		c.null()
		return
	}
	c.bulk(c.name)
}

func validName(name []byte) bool {
	for _, b := range name {
		if b < '!' || b > '~' {
			return false
		}
	}
	return true
}

func (c *conn) clientSetName(args [][]byte) {
	if !validName(args[2]) {
		c.fail(errBadName)
		return
	}
	c.name = string(args[2])
	c.ok()
}

func (c *conn) clientSetInfo(args [][]byte) {
	i := map[string]int{"LIB-NAME": 0, "LIB-VER": 1}
	at, ok := i[strings.ToUpper(string(args[2]))]
	switch {
	case !ok:
		c.fail("ERR Unrecognized option '" + cut(args[2], 128) + "'")
	case !validName(args[3]):
		c.fail("ERR " + strings.ToLower(string(args[2])) + " cannot contain spaces, newlines or special characters.")
	default:
		c.lib[at] = string(args[3])
		c.ok()
	}
}

func (c *conn) onOff(arg []byte) (on, ok bool) {
	switch strings.ToUpper(string(arg)) {
	case "ON":
		return true, true
	case "OFF":
		return false, true
	}
	c.fail("ERR syntax error")
	return false, false
}

// clientNoEvict and clientNoTouch accept what they are told: nothing is evicted
// here, and no key remembers when it was read.
func (c *conn) clientNoEvict(args [][]byte) {
	if on, ok := c.onOff(args[2]); ok {
		c.noEvict = on
		c.ok()
	}
}

func (c *conn) clientNoTouch(args [][]byte) {
	if _, ok := c.onOff(args[2]); ok {
		c.ok()
	}
}

func (c *conn) clientReply(args [][]byte) {
	switch strings.ToUpper(string(args[2])) {
	case "ON":
		c.reply = replyOn
		c.ok()
	case "OFF":
		c.reply = replyOff
	case "SKIP":
		if c.reply != replyOff {
			c.reply = replySkip
		}
	default:
		c.fail("ERR syntax error")
	}
}

func (c *conn) clientPause(args [][]byte) {
	ms, err := strconv.ParseInt(string(args[2]), 10, 64)
	all := true
	if len(args) == 4 {
		switch strings.ToUpper(string(args[3])) {
		case "WRITE":
			all = false
		case "ALL":
		default:
			c.fail("ERR CLIENT PAUSE mode must be WRITE or ALL")
			return
		}
	}
	switch {
	case len(args) > 4:
		c.fail("ERR syntax error")
	case err != nil:
		c.fail("ERR timeout is not an integer or out of range")
	case ms < 0:
		c.fail("ERR timeout is negative")
	default:
		ms = min(ms, int64(24*time.Hour/time.Millisecond))
		c.srv.pause.Set(time.Now().Add(time.Duration(ms)*time.Millisecond), all)
		c.ok()
	}
}

// clientUnblock finds nobody to unblock: no command blocks yet.
func (c *conn) clientUnblock(args [][]byte) {
	if _, err := strconv.ParseInt(string(args[2]), 10, 64); err != nil {
		c.fail("ERR value is not an integer or out of range")
		return
	}
	if len(args) > 3 {
		if mode := strings.ToUpper(string(args[3])); len(args) > 4 || (mode != "TIMEOUT" && mode != "ERROR") {
			c.fail("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
			return
		}
	}
	c.int(0)
}

func (c *conn) clientTracking(args [][]byte) {
	on, ok := c.onOff(args[2])
	switch {
	case !ok:
	case on:
		c.fail("ERR CLIENT TRACKING is not supported: turn client-side caching off")
	default:
		c.ok()
	}
}

func (c *conn) clientTrackingInfo([][]byte) {
	c.mapHead(3)
	c.bulk("flags")
	c.out = resp.AppendSet(c.out, c.proto, 1)
	c.bulk("off")
	c.bulk("redirect")
	c.int(-1)
	c.bulk("prefixes")
	c.array(0)
}

// verbatim replies with text meant for people.
func (c *conn) verbatim(text string) { c.out = resp.AppendVerbatim(c.out, c.proto, text) }

func hostPort(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}
