package sentinel

import (
	"strconv"
	"time"

	"pingd/kv/resp"
)

// field is one name and value of an instance as SENTINEL MASTER and the like
// list them. The names and their order are Redis's.
type field struct{ name, value string }

// appendFields appends the fields as a map of bulk strings.
func appendFields(dst []byte, proto uint8, fields []field) []byte {
	dst = resp.AppendMap(dst, proto, len(fields))
	for _, f := range fields {
		dst = resp.AppendBulkString(dst, f.name)
		dst = resp.AppendBulkString(dst, f.value)
	}
	return dst
}

func millis(d time.Duration) string { return strconv.FormatInt(max(d, 0).Milliseconds(), 10) }

// instance is what masters, replicas and Sentinels have in common. sdown is how
// long it has been down, negative if it is not: libraries drop a replica that
// has the field s-down-time at all.
func instance(name, host string, port int, id, flags string, contact, sdown, odown time.Duration, set settings) []field {
	f := []field{
		{"name", name},
		{"ip", host},
		{"port", strconv.Itoa(port)},
		{"runid", id},
		{"flags", flags},
		{"link-pending-commands", "0"},
		{"link-refcount", "1"},
		{"last-ping-sent", "0"},
		{"last-ok-ping-reply", millis(contact)},
		{"last-ping-reply", millis(contact)},
	}
	if sdown >= 0 {
		f = append(f, field{"s-down-time", millis(sdown)})
	}
	if odown >= 0 {
		f = append(f, field{"o-down-time", millis(odown)})
	}
	return append(f, field{"down-after-milliseconds", strconv.FormatInt(set.downAfter, 10)})
}

// never stands for "not down".
const never = time.Duration(-1)

// masterFields describes the master.
func (s state) masterFields(name string, set settings, now time.Time) []field {
	m := s.master
	flags, sdown := "master", never
	if m.Cut {
		flags = "master,disconnected" // libraries wait a moment, and ask again
	}
	if s.down {
		flags, sdown = "s_down,o_down,master", s.downFor(m.Name, now)
	}
	quorum := s.quorum()
	if set.quorum > 0 {
		quorum = set.quorum
	}
	return append(instance(name, m.Host, m.RedisPort, m.runID(), flags, m.LastContact, sdown, sdown, set),
		field{"info-refresh", millis(m.LastContact)},
		field{"role-reported", "master"},
		field{"role-reported-time", millis(now.Sub(s.changed))},
		field{"config-epoch", strconv.FormatUint(s.view.Term, 10)},
		field{"num-slaves", strconv.Itoa(len(s.replicas()))},
		field{"num-other-sentinels", strconv.Itoa(len(s.others()))},
		field{"quorum", strconv.Itoa(quorum)},
		field{"failover-timeout", strconv.FormatInt(set.failoverTimeout, 10)},
		field{"parallel-syncs", strconv.Itoa(set.parallelSyncs)},
	)
}

// replicaFields describes one replica. A node without a vote can never become
// master, which is what priority 0 says.
func (s state) replicaFields(n Node, set settings, now time.Time) []field {
	flags, sdown, link, linkDown := "slave", never, "ok", time.Duration(0)
	if n.Cut {
		flags = "slave,disconnected"
	}
	if !n.Alive {
		flags, sdown, link = "s_down,slave,disconnected", s.downFor(n.Name, now), "err"
		linkDown = sdown
	}
	priority := "100"
	if !n.Voter {
		priority = "0"
	}
	return append(instance(n.addr(), n.Host, n.RedisPort, n.runID(), flags, n.LastContact, sdown, never, set),
		field{"info-refresh", millis(n.LastContact)},
		field{"role-reported", "slave"},
		field{"role-reported-time", millis(now.Sub(s.changed))},
		field{"master-link-down-time", millis(linkDown)},
		field{"master-link-status", link},
		field{"master-host", s.master.Host},
		field{"master-port", s.master.port()},
		field{"slave-priority", priority},
		field{"slave-repl-offset", strconv.FormatUint(n.ReplOffset, 10)},
		field{"replica-announced", "1"},
	)
}

// sentinelFields describes another node's endpoint.
func (s state) sentinelFields(n Node, set settings, now time.Time) []field {
	flags, sdown := "sentinel", never
	if n.Cut {
		flags = "sentinel,disconnected"
	}
	if !n.Alive {
		flags, sdown = "s_down,sentinel,disconnected", s.downFor(n.Name, now)
	}
	id := n.sentinelID()
	return append(instance(id, n.Host, n.SentinelPort, id, flags, n.LastContact, sdown, never, set),
		field{"last-hello-message", millis(n.LastContact)},
		field{"voted-leader", "?"},
		field{"voted-leader-epoch", "0"},
	)
}

// downFor returns how long the node has been down.
func (s state) downFor(name string, now time.Time) time.Duration {
	if t, ok := s.downSince[name]; ok {
		return max(now.Sub(t), 0)
	}
	return 0
}
