package server

import (
	"encoding/json"
	"strings"

	"pingd/kv/resp"
)

// cmdPingd is PINGD PEER | MEMBERS | STATUS | TRANSFER [name] | REMOVE name | BACKUP
// [STALE]: what nodes and the command line ask a node of the store.
func (c *conn) cmdPingd(args [][]byte) {
	store := c.srv.cfg.Store
	switch sub := strings.ToUpper(string(args[1])); {
	case sub == "PEER" && len(args) == 2:
		c.out = resp.AppendBulk(c.out, store.Peer())
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
		c.fail("ERR wrong number of arguments for 'pingd|" + strings.ToLower(sub) + "' command")
	default:
		c.fail("ERR unknown subcommand '" + cut(args[1], 128) + "'. Try PEER, MEMBERS, STATUS, TRANSFER [name], REMOVE name, BACKUP [STALE].")
	}
}

func (c *conn) json(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		c.fail("ERR " + err.Error())
		return
	}
	c.out = resp.AppendBulk(c.out, b)
}

func (c *conn) done(err error) {
	if err != nil {
		c.fail(errorText(err))
		return
	}
	c.ok()
}
