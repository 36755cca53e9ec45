package engine

import (
	"math"

	"pingd/kv/engine/once"
	"pingd/kv/resp"
)

// Namespaces of tokens: one token may be used with both commands.
var (
	onceSpace     = []byte("once")
	onceIncrSpace = []byte("onceincr")
)

// tokenEnd reads how long to remember, or answers what is wrong.
func (c *call) tokenEnd(i int) (due int64, ok bool) {
	ms, ok := c.argInt(i)
	if !ok {
		return 0, false
	}
	if ms <= 0 || ms > math.MaxInt64/2-c.now {
		c.badExpire()
		return 0, false
	}
	return c.now + ms, true
}

// cmdOnce is ONCE token ms command [arg ...]: it runs the command and remembers
// its reply, errors included, for ms of log time; the same token again gets the
// same reply and runs nothing.
func cmdOnce(c *call) {
	due, ok := c.tokenEnd(2)
	if !ok {
		return
	}
	inner := c.args[3:]
	if spec := c.e.find(inner[0]); spec != nil && (spec.Name == "ONCE" || spec.Name == "ONCEINCR") {
		c.fail("ERR ONCE cannot run " + spec.Name)
		return
	}
	token := once.Hash(onceSpace, c.args[1])
	if reply, ok := c.store.Tokens.Get(token, c.now); ok {
		c.out = append(c.out, reply...)
		return
	}
	start := len(c.out)
	c.execute(inner)
	c.store.Tokens.Put(token, due, c.out[start:])
}

// cmdOnceIncr is ONCEINCR key ms token [token ...]: for each token in order the
// number it got before, or else the key is incremented and the new number
// remembered under the token for ms of log time. An increment that fails answers
// its error and remembers nothing from there on.
func cmdOnceIncr(c *call) {
	due, ok := c.tokenEnd(2)
	if !ok {
		return
	}
	key, start := c.args[1], len(c.out)
	c.array(len(c.args) - 3)
	for _, arg := range c.args[3:] {
		token := once.Hash(onceIncrSpace, key, arg)
		if reply, ok := c.store.Tokens.Get(token, c.now); ok {
			c.out = append(c.out, reply...)
			continue
		}
		mark := len(c.out)
		sum, ok := c.add(key, 1)
		if !ok {
			c.out = append(c.out[:start], c.out[mark:]...)
			return
		}
		c.out = resp.AppendInt(c.out, sum)
		c.store.Tokens.Put(token, due, c.out[mark:])
	}
}
