package monitor

import (
	"cmp"
	"slices"
	"time"
)

const (
	// goneNode is how long a process that vanished stays on the map as dead, and
	// goneServer a counter or backend, which may have been stopped on purpose.
	goneNode   = 24 * time.Hour
	goneServer = 10 * time.Minute
)

// remember completes next, just asked for at time now, with what old knew: parts
// that vanished stay, as dead, for a while; lag and the loss of the leader are
// reckoned; everything is sorted by name. It does not change old.
func remember(old, next ClusterState, now time.Time) ClusterState {
	if next.Time.IsZero() {
		next.Time = now
	}
	next.Nodes = merge(old.Nodes, next.Nodes, now, goneNode, nodeView)
	next.Proxies = merge(old.Proxies, next.Proxies, now, goneNode, proxyView)
	next.Counters = merge(old.Counters, next.Counters, now, goneServer, counterView)
	next.Stores = merge(old.Stores, next.Stores, now, goneNode, storeView)
	next.Hosts = merge(old.Hosts, next.Hosts, now, goneNode, hostView)
	for i := range next.Proxies {
		p := &next.Proxies[i]
		p.Backends = slices.Clone(p.Backends)
		slices.SortFunc(p.Backends, func(a, b Backend) int { return cmp.Compare(a.Name, b.Name) })
	}
	reckonLag(&next)
	switch {
	case next.Leader != "" || len(next.Stores) == 0:
		next.LeaderLost = time.Time{}
	case !old.LeaderLost.IsZero():
		next.LeaderLost = old.LeaderLost
	default:
		next.LeaderLost = next.Time
	}
	return next
}

// reckonLag fills each live store's lag behind the newest known commit.
func reckonLag(s *ClusterState) {
	var commit uint64
	for i := range s.Stores {
		if s.Stores[i].Alive {
			commit = max(commit, s.Stores[i].Commit)
		}
		s.Term = max(s.Term, s.Stores[i].Term)
	}
	for i := range s.Stores {
		if st := &s.Stores[i]; st.Lag == 0 && st.Applied > 0 && st.Applied < commit {
			st.Lag = commit - st.Applied
		}
	}
}

// part is what merge needs of a list's elements.
type part struct {
	name  string
	alive *bool
	seen  *time.Time
}

func nodeView(n *Node) part       { return part{n.Name, &n.Alive, &n.LastSeen} }
func proxyView(p *Proxy) part     { return part{p.Name, &p.Alive, &p.LastSeen} }
func counterView(c *Counter) part { return part{c.Name, &c.Alive, &c.LastSeen} }
func storeView(s *Store) part     { return part{s.Name, &s.Alive, &s.LastSeen} }
func hostView(h *HostSample) part { return part{h.Name, &h.Alive, &h.Time} }

// merge returns next with the elements of old it lacks added as dead, unless
// they were last seen longer than keep ago; a dead element without figures of
// its own keeps when it was last seen.
func merge[T any](old, next []T, now time.Time, keep time.Duration, view func(*T) part) []T {
	out := slices.Clone(next)
	have := make(map[string]bool, len(out))
	for i := range out {
		p := view(&out[i])
		have[p.name] = true
		if p.seen.IsZero() && *p.alive {
			*p.seen = now
		}
	}
	for i := range old {
		was := old[i]
		p := view(&was)
		if have[p.name] {
			for j := range out {
				if q := view(&out[j]); q.name == p.name && q.seen.IsZero() {
					*q.seen = *p.seen
				}
			}
			continue
		}
		if p.seen.IsZero() || now.Sub(*p.seen) > keep {
			continue
		}
		*p.alive = false
		out = append(out, was)
	}
	slices.SortStableFunc(out, func(a, b T) int { return cmp.Compare(view(&a).name, view(&b).name) })
	return out
}
