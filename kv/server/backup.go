package server

import (
	"errors"

	"pingd/kv/backup"
	"pingd/kv/resp"
	"pingd/kv/server/info"
)

var errStopped = errors.New("server is stopping")

// backup replies with all data of one point of the log, as package backup writes
// it, in a streamed string, whatever the protocol. It is sent as it is read. One
// that breaks off ends with the connection, so that nobody takes it for whole.
func (c *conn) backup(stale bool) {
	if c.subs.Total() > 0 || c.reader.On() || c.monitors.Load() { // messages would get between
		c.Fail("ERR PINGD BACKUP is not possible on a connection with subscriptions or tracking")
		return
	}
	point, state, err := c.srv.cfg.Store.Backup(c.ctx, stale)
	if err != nil {
		c.Fail(errorText(err))
		return
	}
	defer state.Close()
	w := resp.NewStreamWriter(func(b []byte) error {
		if c.closing.Load() || c.ctx.Err() != nil {
			return errStopped
		}
		return c.box.Write(b)
	})
	err = errors.Join(c.write(), backup.Write(w, backup.Head{
		Created: point.Taken.UTC(), Cluster: point.Cluster, Node: point.Node, Program: info.Version(),
		Index: point.Index, Term: point.Term,
	}, state))
	if err == nil {
		err = w.Close()
	}
	log := c.srv.log.With("client", c.ID, "addr", c.Addr, "sent_bytes", w.Bytes(), "index", point.Index)
	if err != nil {
		c.quit = true
		log.Warn("backup broke off", "err", err)
		return
	}
	log.Info("backup sent")
}
