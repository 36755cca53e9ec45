package survey

import (
	"time"

	"pingd/counter"
	"pingd/kv"
	"pingd/kv/replica"
	"pingd/monitor/cluster"
	"pingd/proxy"
)

// compose puts the accounts of all processes together into one picture.
// accounts[i] is of nodes[i], or nil with the reason in failures[i].
func compose(now time.Time, nodes []Announcement, accounts []*Account, failures []error) cluster.State {
	c := cluster.State{Time: now}
	var best *replica.Status // of the store node that knows the newest term, the leader's own first
	for i, n := range nodes {
		a := accounts[i]
		c.Nodes = append(c.Nodes, node(now, n, a, failures[i]))
		if a == nil {
			continue
		}
		if st := a.Roles.Store; st != nil {
			c.Stores = append(c.Stores, store(now, n, st))
			if best == nil || newer(&st.Raft, best) {
				best = &st.Raft
			}
		}
		if p := a.Roles.Proxy; p != nil {
			c.Proxies = append(c.Proxies, proxyOf(now, n, p))
		}
		if v := a.Roles.Counter; v != nil {
			c.Counters = append(c.Counters, counterOf(now, n, v))
		}
		if m := a.Roles.Monitor; m != nil {
			h := m.Host
			h.Name, h.Alive = n.Name, true
			c.Hosts = append(c.Hosts, h)
			for _, alert := range m.Alerts {
				alert.Node = n.Name
				c.Alerts = append(c.Alerts, alert)
			}
		}
	}
	if best != nil {
		c.Name, c.Leader, c.Term, c.Quorum = best.Cluster, best.Leader, best.Term, best.Voters/2+1
		addMissing(&c, best.Members)
		for _, m := range best.Members {
			c.Members = append(c.Members, m.Name)
		}
	}
	return c
}

// newer tells whether a knows more than b.
func newer(a, b *replica.Status) bool {
	if a.Term != b.Term {
		return a.Term > b.Term
	}
	return a.State == "leader" && b.State != "leader"
}

// addMissing adds the store nodes that belong to the cluster but did not answer.
func addMissing(c *cluster.State, members []replica.Member) {
	known := map[string]bool{}
	for _, s := range c.Stores {
		known[s.Name] = true
	}
	for _, m := range members {
		if !known[m.Name] {
			c.Stores = append(c.Stores, cluster.Store{
				Name: m.Name, Addr: m.Redis, Alive: m.Alive, Voter: m.Voter, Applied: m.Applied,
				LastContactMS: 1000 * max(0, m.LastContactSeconds),
			})
		}
	}
}

func node(now time.Time, n Announcement, a *Account, failure error) cluster.Node {
	out := cluster.Node{Name: n.Name, Roles: n.Roles, Admin: n.Admin, Container: n.Container, Alive: a != nil}
	if a != nil {
		out.LastSeen, out.Started, out.Version, out.SkewMS = now, a.Started, a.Version, a.skew
	} else if failure != nil {
		out.Error = failure.Error()
	}
	return out
}

func store(now time.Time, n Announcement, s *kv.Status) cluster.Store {
	r := &s.Raft
	state := r.State
	if state == "follower" && !r.Voter {
		state = "learner"
	}
	var keys uint64
	for _, n := range s.Data.Keys {
		keys += uint64(n)
	}
	return cluster.Store{
		Name: r.Name, Addr: n.Addrs["redis"], State: state, Alive: true, Voter: r.Voter,
		Term: r.Term, Last: r.LastIndex, Commit: r.Commit, Applied: r.Applied, Snapshot: r.SnapIndex,
		LastContactMS: 1000 * r.LastHeard,
		Fsync:         cluster.Latency{Bounds: r.Fsync.Bounds, Counts: r.Fsync.Counts},
		Gap:           r.LeaderGap,
		Commands:      uint64(s.Redis.Commands),
		Keys:          keys, Clients: s.Redis.Clients, Bytes: uint64(s.Data.Bytes),
		DiskBytes: uint64(r.LogBytes + r.SnapBytes), LastSeen: now,
	}
}

func counterOf(now time.Time, n Announcement, s *counter.Status) cluster.Counter {
	return cluster.Counter{
		Name: n.Name, Addr: n.Addrs["counter"], Alive: true, Visits: s.Visits, Batches: s.Batches,
		Errors: s.Errors, Draining: s.Draining, LastSeen: now,
	}
}

func proxyOf(now time.Time, n Announcement, s *proxy.Status) cluster.Proxy {
	p := cluster.Proxy{
		Name: n.Name, Addr: n.Addrs["proxy"], Alive: true, Connections: int(s.Connections), MaxConn: int(s.MaxConnections),
		Queue: s.Queue, Latency: latencyOf(s.Latency), LastSeen: now,
	}
	for class, count := range s.Refused {
		addCode(&p.Codes, class, uint64(count))
	}
	for _, b := range s.Backends {
		row := backendOf(b)
		if len(s.Services) > 1 {
			row.Name = b.Service + OfService + b.Name
		}
		for i, count := range row.Codes {
			p.Codes[i] += count
		}
		p.Retries += row.Retries
		p.Redispatch += row.Redispatch
		p.BytesIn += row.BytesIn
		p.BytesOut += row.BytesOut
		p.Backends = append(p.Backends, row)
	}
	for _, count := range p.Codes {
		p.Requests += count
	}
	p.Errors = p.Codes[4]
	return p
}

func backendOf(b proxy.BackendStatus) cluster.Backend {
	out := cluster.Backend{
		Name: b.Name, Addr: b.Addr, State: b.State, Weight: b.Weight, Check: b.Check, ChecksFail: uint64(b.ChecksFailed),
		LastChange: b.LastChange, DowntimeSec: b.Downtime, Current: int(b.Current), Max: int(b.Max), Limit: b.Limit,
		Requests: uint64(b.Requests), Retries: uint64(b.Retries), Redispatch: uint64(b.Redispatches),
		BytesIn: uint64(b.BytesIn), BytesOut: uint64(b.BytesOut), ConnErrors: uint64(b.Errors["connect"]),
		RespErrors: uint64(b.Errors["died"] + b.Errors["timeout"] + b.Errors["invalid"] + b.Errors["truncated"]),
		Latency:    latencyOf(b.Latency),
	}
	for class, count := range b.Responses {
		addCode(&out.Codes, class, uint64(count))
	}
	return out
}

// OfService stands between a service's name and a server's where a proxy has several
// services: names are to be unique.
const OfService = "/"

// latencyOf hands the distribution on: the monitor reckons the percentiles of
// each second itself.
func latencyOf(l proxy.Latency) cluster.Latency {
	return cluster.Latency{Bounds: l.Bounds, Counts: l.Counts}
}

// addCode adds to the class of status codes that "2xx" and the like name.
func addCode(codes *cluster.Codes, class string, n uint64) {
	if len(class) == 3 && class[0] >= '1' && class[0] <= '5' {
		codes[class[0]-'1'] += n
	}
}
