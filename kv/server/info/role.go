package info

import (
	"strconv"

	"pingd/kv/resp/reply"
)

// AnswerRole is ROLE: master and slave are the leader and the others.
func AnswerRole(w *reply.Writer, c Cluster) {
	v := View(c)
	if v.Master {
		w.Array(3)
		w.Bulk("master")
		w.Int(v.Offset)
		w.Array(len(v.Slaves))
		for _, r := range v.Slaves {
			w.Array(3)
			w.Bulk(r.Host)
			w.Bulk(r.Port)
			w.Bulk(strconv.FormatInt(r.Offset, 10))
		}
		return
	}
	state := "connected"
	if !v.LinkUp {
		state = "connect"
	}
	w.Array(5)
	w.Bulk("slave")
	w.Bulk(v.MasterHost)
	port, err := strconv.ParseInt(v.MasterPort, 10, 64)
	if err != nil {
		port = 0
	}
	w.Int(port)
	w.Bulk(state)
	w.Int(v.Offset)
}
