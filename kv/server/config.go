package server

import (
	"strings"

	"pingd/kv/server/settings"
)

func (c *conn) cmdConfig(args [][]byte) {
	switch strings.ToUpper(string(args[1])) {
	case "GET":
		if c.subArity(args, -3) {
			c.configGet(args[2:])
		}
	case "SET":
		if c.subArity(args, -4) {
			c.configSet(args)
		}
	case "RESETSTAT":
		if c.subArity(args, 2) {
			c.srv.resetStats()
			c.ok()
		}
	case "REWRITE":
		if c.subArity(args, 2) {
			c.fail("ERR The server is running without a config file")
		}
	default:
		c.unknownSubcommand(args)
	}
}

func (c *conn) configGet(patterns [][]byte) {
	found := c.srv.settings.Match(patterns)
	c.mapHead(len(found))
	for _, p := range found {
		c.bulk(p.Name)
		c.bulk(p.Value)
	}
}

func (c *conn) configSet(args [][]byte) {
	if len(args)%2 != 0 {
		c.fail("ERR syntax error")
		return
	}
	pairs := make([]settings.Pair, 0, len(args)/2-1)
	for i := 2; i < len(args); i += 2 {
		pairs = append(pairs, settings.Pair{Name: string(args[i]), Value: string(args[i+1])})
	}
	if err := c.srv.settings.Set(pairs); err != nil {
		c.fail(err.Error())
		return
	}
	c.rd.SetLimits(c.srv.limits())
	c.ok()
}
