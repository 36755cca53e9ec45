package engine

import (
	"math"

	"pingd/kv/engine/call"
	"pingd/kv/engine/once"
	"pingd/kv/resp"
)

// Namespaces of tokens: one token may be used with both commands.
var (
	onceSpace     = []byte("once")
	onceIncrSpace = []byte("onceincr")
)

// errReplyGone answers a token whose command was run and whose reply is not kept.
const errReplyGone = "ERR ONCE ran this command before, and its reply was too long to keep: it is not run again"

// tokenEnd reads how long to remember, or answers what is wrong.
func tokenEnd(c *call.Call, i int) (due int64, ok bool) {
	ms, ok := c.ArgInt(i)
	if !ok {
		return 0, false
	}
	if ms <= 0 || ms > math.MaxInt64/2-c.Now {
		c.BadExpire()
		return 0, false
	}
	return c.Now + ms, true
}

// cmdOnce is ONCE token ms command [arg ...]: it runs the command and remembers
// its reply, errors included, for ms of log time; the same token again gets the
// same reply and runs nothing.
func cmdOnce(c *call.Call) {
	due, ok := tokenEnd(c, 2)
	if !ok {
		return
	}
	inner := c.Args[3:]
	for _, name := range []string{"ONCE", "ONCEINCR"} {
		if call.EqualFold(inner[0], name) {
			c.Fail("ERR ONCE cannot run " + name)
			return
		}
	}
	token := once.Hash(onceSpace, c.Args[1])
	if reply, ok := c.Store.Tokens.Get(token, c.Now); ok {
		if len(reply) == 0 {
			c.Fail(errReplyGone)
			return
		}
		c.Out = append(c.Out, reply...)
		return
	}
	start := len(c.Out)
	c.Execute(c, inner)
	reply := c.Out[start:]
	if c.Cut() {
		reply = nil
	}
	c.Store.Tokens.Put(token, due, reply)
}

// cmdOnceIncr is ONCEINCR key ms token [token ...]: for each token in order the
// number it got before, or else the key is incremented and the new number
// remembered under the token for ms of log time. An increment that fails answers
// its error and remembers nothing from there on.
func cmdOnceIncr(c *call.Call) {
	due, ok := tokenEnd(c, 2)
	if !ok {
		return
	}
	key, start := c.Args[1], len(c.Out)
	c.Array(len(c.Args) - 3)
	for _, arg := range c.Args[3:] {
		token := once.Hash(onceIncrSpace, key, arg)
		if reply, ok := c.Store.Tokens.Get(token, c.Now); ok {
			c.Out = append(c.Out, reply...)
			continue
		}
		mark := len(c.Out)
		sum, ok := add(c, key, 1)
		if !ok {
			c.Out = append(c.Out[:start], c.Out[mark:]...)
			return
		}
		c.Out = resp.AppendInt(c.Out, sum)
		c.Store.Tokens.Put(token, due, c.Out[mark:])
	}
}
