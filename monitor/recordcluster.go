package monitor

import "slices"

// cluster records what changed between two states of the cluster.
func (r *recorder) cluster(old, now *ClusterState) {
	dt := now.Time.Sub(old.Time).Seconds()
	if old.Time.IsZero() || dt <= 0 {
		return
	}
	r.proxies(old, now, dt)
	r.visits(old, now, dt)
	r.stores(old, now, dt)
	r.hosts(now)
}

// traffic is a second of requests summed over proxies.
type traffic struct {
	requests, errors, retries, redispatches, in, out, queue, connections float64
	codes                                                                [5]float64
	latency                                                              Latency
}

func (r *recorder) proxies(old, now *ClusterState, dt float64) {
	if len(now.Proxies) == 0 {
		return
	}
	var all traffic
	backends := map[string]*traffic{}
	for i := range now.Proxies {
		n := &now.Proxies[i]
		o := find(old.Proxies, i, n.Name, func(p *Proxy) string { return p.Name })
		if o == nil || !n.Alive {
			continue
		}
		reqs := rate(o.Requests, n.Requests, dt)
		r.put(reqs, "proxy", n.Name, "requests")
		r.put(float64(n.Connections), "proxy", n.Name, "connections")
		all.requests += reqs
		all.errors += rate(o.Errors, n.Errors, dt)
		all.retries += rate(o.Retries, n.Retries, dt)
		all.redispatches += rate(o.Redispatch, n.Redispatch, dt)
		all.in += rate(o.BytesIn, n.BytesIn, dt)
		all.out += rate(o.BytesOut, n.BytesOut, dt)
		all.queue += float64(n.Queue)
		all.connections += float64(n.Connections)
		all.codes = addCodes(all.codes, o.Codes, n.Codes, dt)
		all.latency = n.Latency.since(o.Latency).plus(all.latency)
		addBackends(backends, o.Backends, n.Backends, dt)
	}
	r.put(all.requests, "requests.rate")
	r.put(all.errors, "requests.errors")
	r.put(100*share(all.errors, all.requests), "requests.error_share")
	r.put(all.retries, "requests.retries")
	r.put(all.redispatches, "requests.redispatches")
	r.put(all.in, "requests.in")
	r.put(all.out, "requests.out")
	r.put(all.queue, "requests.queue")
	r.put(all.connections, "requests.connections")
	for i, name := range [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"} {
		r.put(all.codes[i], "requests", name)
	}
	r.latency(all.latency, "latency")
	for name, b := range backends {
		r.put(b.requests, "backend", name, "requests")
		r.put(b.errors, "backend", name, "errors")
		r.put(b.connections, "backend", name, "current")
		r.put(b.queue, "backend", name, "queue")
		r.latency(b.latency, "backend", name)
	}
}

func addBackends(to map[string]*traffic, old, now []Backend, dt float64) {
	for i := range now {
		n := &now[i]
		o := find(old, i, n.Name, func(b *Backend) string { return b.Name })
		if o == nil {
			continue
		}
		t := to[n.Name]
		if t == nil {
			t = &traffic{}
			to[n.Name] = t
		}
		t.requests += rate(o.Requests, n.Requests, dt)
		t.errors += rate(o.ConnErrors+o.RespErrors+o.Codes[4], n.ConnErrors+n.RespErrors+n.Codes[4], dt)
		t.connections += float64(n.Current)
		t.queue += float64(n.Queue)
		t.latency = n.Latency.since(o.Latency).plus(t.latency)
	}
}

func addCodes(to [5]float64, old, now Codes, dt float64) [5]float64 {
	for i := range to {
		to[i] += rate(old[i], now[i], dt)
	}
	return to
}

func (r *recorder) latency(l Latency, prefix ...string) {
	q, ok := l.percentiles()
	if !ok {
		return
	}
	for i, name := range [...]string{"p50", "p95", "p99"} {
		switch len(prefix) {
		case 1:
			r.put(q[i], prefix[0], name)
		case 2:
			r.put(q[i], prefix[0], prefix[1], name)
		}
	}
}

func (r *recorder) visits(old, now *ClusterState, dt float64) {
	var visits, batches, errors float64
	for i := range now.Counters {
		n := &now.Counters[i]
		o := find(old.Counters, i, n.Name, func(c *Counter) string { return c.Name })
		if o == nil || !n.Alive {
			continue
		}
		v := rate(o.Visits, n.Visits, dt)
		r.put(v, "counter", n.Name, "visits")
		visits += v
		batches += rate(o.Batches, n.Batches, dt)
		errors += rate(o.Errors, n.Errors, dt)
	}
	if len(now.Counters) > 0 {
		r.put(visits, "visits.rate")
		r.put(batches, "visits.batches")
		r.put(errors, "visits.errors")
	}
}

func (r *recorder) stores(old, now *ClusterState, dt float64) {
	if len(now.Stores) == 0 {
		return
	}
	var commands, writes, keys, clients float64
	var commit, oldCommit uint64
	var fsync Latency
	for i := range now.Stores {
		n := &now.Stores[i]
		o := find(old.Stores, i, n.Name, func(s *Store) string { return s.Name })
		if o == nil || !n.Alive {
			continue
		}
		r.put(float64(n.Lag), "store", n.Name, "lag")
		r.put(n.LastContactMS, "store", n.Name, "last_contact")
		sync := n.Fsync.since(o.Fsync)
		r.latency(sync, "store", n.Name)
		if n.Name == now.Leader {
			fsync = sync
		}
		commands += rate(o.Commands, n.Commands, dt)
		writes += rate(o.Writes, n.Writes, dt)
		keys = max(keys, float64(n.Keys))
		clients += float64(n.Clients)
		commit, oldCommit = max(commit, n.Commit), max(oldCommit, o.Commit)
	}
	r.put(commands, "raft.commands")
	r.put(writes, "raft.writes")
	r.put(rate(oldCommit, commit, dt), "raft.commits")
	r.put(float64(now.Term), "raft.term")
	r.put(keys, "store.keys")
	r.put(clients, "store.clients")
	r.latency(fsync, "raft.fsync")
	leader := 0.0
	if now.Leader != "" {
		leader = 1
	}
	r.put(leader, "raft.has_leader")
}

func (r *recorder) hosts(now *ClusterState) {
	for i := range now.Hosts {
		h := &now.Hosts[i]
		if !h.Alive {
			continue
		}
		r.put(100*h.CPU, "host", h.Name, "cpu")
		r.put(100*h.Iowait, "host", h.Name, "iowait")
		r.put(100*h.Steal, "host", h.Name, "steal")
		r.put(100*share(float64(h.Memory), float64(h.MemoryMax)), "host", h.Name, "memory")
		r.put(100*h.PSIIO, "host", h.Name, "psi_io")
		r.put(h.Rx, "host", h.Name, "rx")
		r.put(h.Tx, "host", h.Name, "tx")
	}
}

// since is the distribution of what was added after old. Where the buckets
// changed or a count went back (the process started anew) it is l itself.
func (l Latency) since(old Latency) Latency {
	if len(l.Counts) != len(l.Bounds)+1 || len(old.Counts) != len(l.Counts) || !slices.Equal(l.Bounds, old.Bounds) {
		return l
	}
	diff := make([]uint64, len(l.Counts))
	for i, n := range l.Counts {
		if n < old.Counts[i] {
			return l
		}
		diff[i] = n - old.Counts[i]
	}
	l.Counts = diff
	return l
}

// plus adds two distributions. Without equal buckets it keeps the worse
// percentiles of the two, which is the honest bound.
func (l Latency) plus(m Latency) Latency {
	if len(m.Counts) == len(l.Counts) && slices.Equal(l.Bounds, m.Bounds) && len(l.Counts) > 0 {
		sum := slices.Clone(l.Counts)
		for i, n := range m.Counts {
			sum[i] += n
		}
		l.Counts = sum
		return l
	}
	if len(m.Counts) > len(l.Counts) {
		l, m = m, l
	}
	l.P50MS, l.P95MS, l.P99MS = max(l.P50MS, m.P50MS), max(l.P95MS, m.P95MS), max(l.P99MS, m.P99MS)
	return l
}

// percentiles gives p50, p95 and p99 in milliseconds, false when nothing was
// measured. Inside a bucket durations are taken as evenly spread, as
// Prometheus's histogram_quantile does.
func (l Latency) percentiles() ([3]float64, bool) {
	if len(l.Counts) == 0 || len(l.Counts) != len(l.Bounds)+1 {
		return [3]float64{l.P50MS, l.P95MS, l.P99MS}, l.P50MS > 0 || l.P95MS > 0 || l.P99MS > 0
	}
	var total uint64
	for _, n := range l.Counts {
		total += n
	}
	if total == 0 {
		return [3]float64{}, false
	}
	var out [3]float64
	for i, q := range [...]float64{0.50, 0.95, 0.99} {
		out[i] = 1000 * l.quantile(q*float64(total))
	}
	return out, true
}

func (l Latency) quantile(rank float64) float64 {
	var below float64
	for i, n := range l.Counts {
		if below+float64(n) < rank || n == 0 {
			below += float64(n)
			continue
		}
		if i == len(l.Bounds) {
			break // above the last bound: that is all that is known
		}
		low := 0.0
		if i > 0 {
			low = l.Bounds[i-1]
		}
		return low + (l.Bounds[i]-low)*(rank-below)/float64(n)
	}
	if len(l.Bounds) == 0 {
		return 0
	}
	return l.Bounds[len(l.Bounds)-1]
}
