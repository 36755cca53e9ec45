package record

import "pingd/monitor/cluster"

// traffic is a second of requests summed over proxies.
type traffic struct {
	requests, errors, retries, redispatches, in, out, queue, connections float64
	codes                                                                [5]float64
	latency                                                              cluster.Latency
	up                                                                   bool
}

func (r *Recorder) proxies(old, now *cluster.State) {
	if len(now.Proxies) == 0 {
		return
	}
	var all traffic
	backends := map[string]*traffic{}
	for i := range now.Proxies {
		n := &now.Proxies[i]
		if !n.Alive {
			continue
		}
		o := find(old.Proxies, i, n.Name, func(p *cluster.Proxy) string { return p.Name })
		if o == nil {
			o = &cluster.Proxy{}
			*o = *n // new: nothing is known of what it did a second ago
		}
		dt := since(old, now, o.LastSeen, n.LastSeen)
		requests := rate(o.Requests, n.Requests, dt)
		r.Put(requests, "proxy", n.Name, "requests")
		r.Put(float64(n.Connections), "proxy", n.Name, "connections")
		if n.MaxConn > 0 {
			r.Put(100*share(float64(n.Connections), float64(n.MaxConn)), "proxy", n.Name, "connection_share")
		}
		all.add(requests, o, n, dt)
		addBackends(backends, o.Backends, n.Backends, dt)
	}
	r.traffic(&all)
	r.backends(backends)
}

func (t *traffic) add(requests float64, o, n *cluster.Proxy, dt float64) {
	t.requests += requests
	t.errors += rate(o.Errors, n.Errors, dt)
	t.retries += rate(o.Retries, n.Retries, dt)
	t.redispatches += rate(o.Redispatch, n.Redispatch, dt)
	t.in += rate(o.BytesIn, n.BytesIn, dt)
	t.out += rate(o.BytesOut, n.BytesOut, dt)
	t.queue += float64(n.Queue)
	t.connections += float64(n.Connections)
	for i := range t.codes {
		t.codes[i] += rate(o.Codes[i], n.Codes[i], dt)
	}
	t.latency = n.Latency.Since(o.Latency).Plus(t.latency)
}

func addBackends(to map[string]*traffic, old, now []cluster.Backend, dt float64) {
	for i := range now {
		n := &now[i]
		t := to[n.Name]
		if t == nil {
			t = &traffic{}
			to[n.Name] = t
		}
		t.up = t.up || n.State != "DOWN"
		t.connections += float64(n.Current)
		t.queue += float64(n.Queue)
		o := find(old, i, n.Name, func(b *cluster.Backend) string { return b.Name })
		if o == nil {
			continue
		}
		t.requests += rate(o.Requests, n.Requests, dt)
		t.retries += rate(o.Retries, n.Retries, dt)
		t.errors += rate(o.ConnErrors+o.RespErrors+o.Codes[4], n.ConnErrors+n.RespErrors+n.Codes[4], dt)
		t.latency = n.Latency.Since(o.Latency).Plus(t.latency)
	}
}

func (r *Recorder) traffic(all *traffic) {
	r.Put(all.requests, "requests.rate")
	r.Put(all.errors, "requests.errors")
	r.Put(100*share(all.errors, all.requests), "requests.error_share")
	r.Put(all.retries, "requests.retries")
	r.Put(all.redispatches, "requests.redispatches")
	r.Put(all.in, "requests.in")
	r.Put(all.out, "requests.out")
	r.Put(all.queue, "requests.queue")
	r.Put(all.connections, "requests.connections")
	for i, name := range [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"} {
		r.Put(all.codes[i], "requests", name)
	}
	r.latency(all.latency, "latency")
}

func (r *Recorder) backends(all map[string]*traffic) {
	up := 0
	for name, b := range all {
		r.Put(b.requests, "backend", name, "requests")
		r.Put(b.errors, "backend", name, "errors")
		r.Put(100*share(b.errors, max(b.requests, b.errors)), "backend", name, "error_share")
		r.Put(b.connections, "backend", name, "current")
		r.Put(b.queue, "backend", name, "queue")
		r.Put(b.retries, "backend", name, "retries")
		r.Put(truth(b.up), "backend", name, "up")
		r.latency(b.latency, "backend", name)
		if b.up {
			up++
		}
	}
	if len(all) == 0 {
		return
	}
	r.Put(float64(up), "backends.up")
	r.Put(float64(len(all)-up), "backends.down")
}

func (r *Recorder) latency(l cluster.Latency, prefix ...string) {
	q, ok := l.Percentiles()
	if !ok {
		return
	}
	for i, name := range [...]string{"p50", "p95", "p99"} {
		switch len(prefix) {
		case 1:
			r.Put(q[i], prefix[0], name)
		case 2:
			r.Put(q[i], prefix[0], prefix[1], name)
		}
	}
}
