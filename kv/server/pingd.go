package server

import (
	"encoding/json"
	"strings"

	"pingd/kv/resp"
	"pingd/kv/resp/reply"
)

// cmdPingd is PINGD PEER | MEMBERS | STATUS | TRANSFER [name] | REMOVE name | BACKUP
// [STALE]: what nodes and the command line ask a node of the store.
func (c *conn) cmdPingd(args [][]byte) {
	store := c.srv.cfg.Store
	switch sub := strings.ToUpper(string(args[1])); {
	case sub == "PEER" && len(args) == 2:
		c.Out = resp.AppendBulk(c.Out, store.Peer())
	case sub == "MEMBERS" && len(args) == 2:
		c.json(store.Members())
	case sub == "STATUS" && len(args) == 2:
		c.json(store.Status())
	case sub == "TRANSFER" && len(args) <= 3:
		name := ""
		if len(args) == 3 {
			name = string(args[2])
		}
		c.done(store.Transfer(c.ctx, name))
	case sub == "REMOVE" && len(args) == 3:
		c.done(store.Remove(c.ctx, string(args[2])))
	case sub == "BACKUP" && len(args) == 2:
		c.backup(false)
	case sub == "BACKUP" && len(args) == 3 && strings.EqualFold(string(args[2]), "STALE"):
		c.backup(true)
	case sub == "PEER", sub == "MEMBERS", sub == "STATUS", sub == "TRANSFER", sub == "REMOVE", sub == "BACKUP":
		c.Fail("ERR wrong number of arguments for 'pingd|" + strings.ToLower(sub) + "' command")
	default:
		c.Fail("ERR unknown subcommand '" + reply.Cut(args[1]) + "'. Try PEER, MEMBERS, STATUS, TRANSFER [name], REMOVE name, BACKUP [STALE].")
	}
}

func (c *conn) json(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		c.Fail("ERR " + err.Error())
		return
	}
	c.Out = resp.AppendBulk(c.Out, b)
}

func (c *conn) done(err error) {
	if err != nil {
		c.Fail(errorText(err))
		return
	}
	c.OK()
}
