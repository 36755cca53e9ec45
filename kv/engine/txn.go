package engine

import "pingd/kv/resp"

// transaction runs a MULTI ... EXEC block, unless a watched key has changed.
func (c *call) transaction(txn *Txn) {
	for _, w := range txn.Watch {
		if c.version(w.DB, w.Key) != w.Version {
			c.out = resp.AppendNullArray(c.out, c.proto)
			return
		}
	}
	c.array(len(txn.Cmds))
	for i := range txn.Cmds {
		if cmd := &txn.Cmds[i]; cmd.Txn == nil {
			c.run(cmd)
		} else {
			c.fail("ERR MULTI calls can not be nested")
		}
	}
}

// cmdVersion is PINGD.VERSION key: the version that WATCH compares, for nodes
// that must ask the leader for it.
func cmdVersion(c *call) { c.int(int64(c.version(c.db, c.args[1]))) }
