package cluster

import "slices"

// Slim is the state without the buckets of its latencies, which are most of its
// bytes: the percentiles of each second are series. It shares what it does not
// change.
func (s State) Slim() State {
	s.Proxies, s.Stores = slices.Clone(s.Proxies), slices.Clone(s.Stores)
	for i := range s.Proxies {
		p := &s.Proxies[i]
		p.Latency, p.Backends = p.Latency.Slim(), slices.Clone(p.Backends)
		for j := range p.Backends {
			p.Backends[j].Latency = p.Backends[j].Latency.Slim()
		}
	}
	for i := range s.Stores {
		s.Stores[i].Fsync = s.Stores[i].Fsync.Slim()
	}
	return s
}
