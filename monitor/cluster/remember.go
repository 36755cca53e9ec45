package cluster

import (
	"cmp"
	"slices"
	"time"
)

const (
	// goneNode is how long a process that vanished stays on the map as dead, and
	// goneServer one that may have been stopped on purpose.
	goneNode   = 24 * time.Hour
	goneServer = 10 * time.Minute
	// fresh is how lately a process must have answered for the end of its
	// announcement to be a farewell: an announcement outlives its process by a
	// few seconds, so one that died was found dead before.
	fresh = 3 * time.Second
)

// Remember completes next, just asked for at time now, with what old knew: parts
// that vanished stay, as dead, for a while; lag and the loss of the leader are
// reckoned; everything is sorted by name. It does not change old.
func Remember(old, next State, now time.Time) State {
	if next.Time.IsZero() {
		next.Time = now
	}
	next.Nodes = merge(old.Nodes, next.Nodes, now, goneNode, nodeView)
	farewells(next.Nodes, old.Nodes, now)
	next.Proxies = merge(old.Proxies, next.Proxies, now, goneServer, proxyView)
	next.Counters = merge(old.Counters, next.Counters, now, goneServer, counterView)
	next.Stores = merge(old.Stores, next.Stores, now, goneNode, storeView)
	next.Stores = slices.DeleteFunc(next.Stores, func(s Store) bool { return !s.Alive && next.left(s.Name) })
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

// left tells whether the store is known not to be a member any more.
func (s *State) left(store string) bool {
	return s.Members != nil && !slices.Contains(s.Members, store)
}

// farewells marks the processes that took leave, and lets go of those that did so
// long ago. It works on next in place, which merge has just made.
func farewells(next, old []Node, now time.Time) {
	for i := range next {
		n := &next[i]
		o := byName(old, n.Name, func(n *Node) string { return n.Name })
		switch {
		case n.Alive || n.Error != "": // it answers, or it is announced and does not
			n.Left = time.Time{}
		case o != nil && o.Alive && now.Sub(n.LastSeen) <= fresh:
			n.Left = now
		}
	}
}

// reckonLag fills each live store's lag behind the newest known commit.
func reckonLag(s *State) {
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
	bye   time.Time // when it took leave
}

func (p part) left() bool { return !p.bye.IsZero() }

func nodeView(n *Node) part {
	return part{name: n.Name, alive: &n.Alive, seen: &n.LastSeen, bye: n.Left}
}
func proxyView(p *Proxy) part     { return part{name: p.Name, alive: &p.Alive, seen: &p.LastSeen} }
func counterView(c *Counter) part { return part{name: c.Name, alive: &c.Alive, seen: &c.LastSeen} }
func storeView(s *Store) part     { return part{name: s.Name, alive: &s.Alive, seen: &s.LastSeen} }
func hostView(h *Host) part       { return part{name: h.Name, alive: &h.Alive, seen: &h.Time} }

// merge returns next with the elements of old it lacks added as dead, unless
// they were last seen longer than keep ago; a dead element without figures of
// its own keeps when it was last seen.
func merge[T any](old, next []T, now time.Time, keep time.Duration, view func(*T) part) []T {
	out := slices.Clone(next)
	have := make(map[string]int, len(out))
	for i := range out {
		p := view(&out[i])
		have[p.name] = i
		if p.seen.IsZero() && *p.alive {
			*p.seen = now
		}
	}
	for i := range old {
		was := old[i]
		p := view(&was)
		if j, ok := have[p.name]; ok {
			if q := view(&out[j]); q.seen.IsZero() {
				*q.seen = *p.seen
			}
			continue
		}
		limit := keep
		if p.left() {
			limit = goneServer
		}
		if p.seen.IsZero() || now.Sub(*p.seen) > limit {
			continue
		}
		*p.alive = false
		out = append(out, was)
	}
	slices.SortStableFunc(out, func(a, b T) int { return cmp.Compare(view(&a).name, view(&b).name) })
	return out
}
