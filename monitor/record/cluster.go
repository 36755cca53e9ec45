package record

import (
	"math"
	"time"

	"pingd/monitor/cluster"
)

// Cluster records what changed between two states of the cluster. A process that
// was not heard of for a while is reckoned over that while, so that its return is
// no spike.
func (r *Recorder) Cluster(old, now *cluster.State) {
	if old.Time.IsZero() || !now.Time.After(old.Time) {
		return
	}
	r.nodes(now)
	r.proxies(old, now)
	r.visits(old, now)
	r.stores(old, now)
	r.hosts(now)
}

// since is the seconds between two looks at the same process, by when it was seen,
// or else by the states they are in.
func since(old, now *cluster.State, seenBefore, seen time.Time) float64 {
	if !seenBefore.IsZero() && seen.After(seenBefore) {
		return seen.Sub(seenBefore).Seconds()
	}
	return now.Time.Sub(old.Time).Seconds()
}

func (r *Recorder) nodes(now *cluster.State) {
	if len(now.Nodes) == 0 {
		return
	}
	alive, dead := 0, 0
	for i := range now.Nodes {
		switch n := &now.Nodes[i]; {
		case n.Alive:
			alive++
			r.Put(math.Abs(n.SkewMS), "node", n.Name, "skew")
		case n.Left.IsZero():
			dead++
		}
	}
	r.Put(float64(alive), "nodes.alive")
	r.Put(float64(dead), "nodes.dead")
}

func (r *Recorder) visits(old, now *cluster.State) {
	if len(now.Counters) == 0 {
		return
	}
	var visits, batches, errors float64
	for i := range now.Counters {
		n := &now.Counters[i]
		o := find(old.Counters, i, n.Name, func(c *cluster.Counter) string { return c.Name })
		if o == nil || !n.Alive {
			continue
		}
		dt := since(old, now, o.LastSeen, n.LastSeen)
		v := rate(o.Visits, n.Visits, dt)
		r.Put(v, "counter", n.Name, "visits")
		visits += v
		batches += rate(o.Batches, n.Batches, dt)
		errors += rate(o.Errors, n.Errors, dt)
	}
	r.Put(visits, "visits.rate")
	r.Put(batches, "visits.batches")
	r.Put(errors, "visits.errors")
}

func (r *Recorder) stores(old, now *cluster.State) {
	if len(now.Stores) == 0 {
		return
	}
	var commands, keys, clients, lag float64
	var commit, oldCommit uint64
	var fsync cluster.Latency
	alive := 0
	for i := range now.Stores {
		n := &now.Stores[i]
		if !n.Alive {
			continue
		}
		if n.Voter {
			alive++
		}
		o := find(old.Stores, i, n.Name, func(s *cluster.Store) string { return s.Name })
		if o == nil {
			continue
		}
		dt := since(old, now, o.LastSeen, n.LastSeen)
		r.Put(float64(n.Lag), "store", n.Name, "lag")
		r.Put(n.LastContactMS, "store", n.Name, "last_contact")
		sync := n.Fsync.Since(o.Fsync)
		r.latency(sync, "store", n.Name)
		if n.Name == now.Leader {
			fsync = sync
		}
		c := rate(o.Commands, n.Commands, dt)
		r.Put(c, "store", n.Name, "commands")
		commands, keys, clients = commands+c, max(keys, float64(n.Keys)), clients+float64(n.Clients)
		commit, oldCommit = max(commit, n.Commit), max(oldCommit, o.Commit)
		lag = max(lag, float64(n.Lag))
	}
	r.Put(commands, "raft.commands")
	if oldCommit > 0 { // else all stores have just begun, and the log is older than they are
		r.Put(rate(oldCommit, commit, now.Time.Sub(old.Time).Seconds()), "raft.commits")
	}
	r.Put(float64(now.Term), "raft.term")
	r.Put(keys, "store.keys")
	r.Put(clients, "store.clients")
	r.Put(lag, "raft.lag")
	r.latency(fsync, "raft.fsync")
	r.Put(truth(now.Leader != ""), "raft.has_leader")
	r.Put(truth(now.Leader != "" && old.Leader != now.Leader), "raft.leader_changes")
	r.Put(float64(alive), "raft.alive")
	// One store, or two, have nothing to lose a voter from: that is no news.
	if now.Quorum > 0 && len(now.Stores) > 2 {
		r.Put(float64(alive-now.Quorum), "raft.margin")
	}
}

func (r *Recorder) hosts(now *cluster.State) {
	for i := range now.Hosts {
		h := &now.Hosts[i]
		if !h.Alive {
			continue
		}
		r.Put(100*h.CPU, "host", h.Name, "cpu")
		r.Put(100*h.Iowait, "host", h.Name, "iowait")
		r.Put(100*h.Steal, "host", h.Name, "steal")
		r.Put(100*share(float64(h.Memory), float64(h.MemoryMax)), "host", h.Name, "memory")
		r.Put(100*h.PSIIO, "host", h.Name, "psi_io")
		r.Put(100*h.DiskUtil, "host", h.Name, "disk_util")
		r.Put(100*h.Space, "host", h.Name, "space")
		r.Put(h.Rx, "host", h.Name, "rx")
		r.Put(h.Tx, "host", h.Name, "tx")
	}
}
