package cluster

import (
	"fmt"
	"slices"
	"time"
)

// Severity is how much an Event should worry whoever reads it.
type Severity string

// The severities, from good to bad.
const (
	Good Severity = "good" // something came back
	Info Severity = "info" // something changed, as it may
	Warn Severity = "warn" // something is worse than it was
	Bad  Severity = "bad"  // something is not served
)

// Event is one thing that happened. Text is plain text that may hold names
// chosen by anybody: it must never be shown as markup.
type Event struct {
	ID       uint64    `json:"id"` // ascending as long as the monitor's history is kept
	Time     time.Time `json:"time"`
	Kind     string    `json:"kind"` // leader, node, store, counter, proxy, backend, member, config, alert, monitor
	Severity Severity  `json:"severity"`
	Subject  string    `json:"subject"` // name of the part it is about
	Text     string    `json:"text"`
}

// Events tells what changed from old to next, at next.Time. It is pure: the same
// two states give the same events. A first state, with no old one (zero Time),
// gives none. Both states have been through Remember.
func Events(old, next State) []Event {
	if old.Time.IsZero() {
		return nil
	}
	d := deriver{at: next.Time, explained: map[string]bool{}}
	d.leader(old, next)
	d.nodes(old.Nodes, next.Nodes)
	for i := range next.Nodes {
		if n := &next.Nodes[i]; !n.Alive {
			d.explained[n.Name] = true // its roles may be found dead a little later
		}
	}
	d.stores(old, next)
	lives(&d, "counter", old.Counters, next.Counters, counterView)
	d.proxies(old.Proxies, next.Proxies)
	return d.out
}

type deriver struct {
	at        time.Time
	out       []Event
	explained map[string]bool // names whose coming or going one event told already
}

func (d *deriver) add(kind string, sev Severity, subject, format string, args ...any) {
	d.out = append(d.out, Event{
		Time: d.at, Kind: kind, Severity: sev, Subject: subject, Text: fmt.Sprintf(format, args...),
	})
}

func (d *deriver) leader(old, next State) {
	switch {
	case old.Leader == next.Leader:
		if next.Leader != "" && next.Term > old.Term && old.Term > 0 {
			sev, without := Info, gap(next)
			if without != "" {
				sev = Warn // clients waited
			}
			d.add("leader", sev, next.Leader, "%s was elected again, term %d%s", next.Leader, next.Term, without)
		}
	case next.Leader == "":
		d.add("leader", Bad, old.Leader, "no leader: %s led in term %d", old.Leader, old.Term)
	case old.Leader == "" && !old.LeaderLost.IsZero():
		d.add("leader", Good, next.Leader, "%s leads, term %d, after %.1f s without a leader", next.Leader, next.Term,
			next.Time.Sub(old.LeaderLost).Seconds())
	case old.Leader == "":
		d.add("leader", Good, next.Leader, "%s leads, term %d", next.Leader, next.Term)
	default:
		d.add("leader", Warn, next.Leader, "leader %s → %s, term %d%s", old.Leader, next.Leader, next.Term, gap(next))
	}
}

// gap tells how long there was no leader: the longest that a store of the new term
// noticed, which is what its clients waited for.
func gap(s State) string {
	longest := 0.0
	for i := range s.Stores {
		if st := &s.Stores[i]; st.Alive && st.Term == s.Term {
			longest = max(longest, st.Gap)
		}
	}
	if longest == 0 {
		return ""
	}
	return fmt.Sprintf(", %.2f s without one", longest)
}

// lives tells which named parts came up, went down, appeared or disappeared.
func lives[T any](d *deriver, kind string, old, next []T, view func(*T) part) {
	was := make(map[string]bool, len(old))
	known := make(map[string]bool, len(old))
	for i := range old {
		p := view(&old[i])
		was[p.name], known[p.name] = *p.alive, true
	}
	for i := range next {
		p := view(&next[i])
		if d.explained[p.name] {
			continue
		}
		switch {
		case !known[p.name] && *p.alive:
			d.add(kind, Info, p.name, "%s %s appeared", kind, p.name)
		case known[p.name] && was[p.name] && !*p.alive && p.left():
			d.add(kind, Info, p.name, "%s %s was stopped", kind, p.name)
		case known[p.name] && was[p.name] && !*p.alive:
			d.add(kind, Bad, p.name, "%s %s is down", kind, p.name)
		case known[p.name] && !was[p.name] && *p.alive:
			d.add(kind, Good, p.name, "%s %s is back", kind, p.name)
		default:
			continue
		}
		// A process that dies takes its roles with it: one event is enough.
		d.explained[p.name] = true
	}
}

// nodes tells of processes, and of those that were started anew between two looks.
func (d *deriver) nodes(old, next []Node) {
	lives(d, "node", old, next, nodeView)
	for i := range next {
		n := &next[i]
		o := byName(old, n.Name, func(o *Node) string { return o.Name })
		if o == nil || !o.Alive || !n.Alive || o.Started.IsZero() || !n.Started.After(o.Started) {
			continue
		}
		if o.Version != n.Version && n.Version != "" {
			d.add("node", Warn, n.Name, "node %s was started anew, version %s → %s", n.Name, o.Version, n.Version)
		} else {
			d.add("node", Warn, n.Name, "node %s was started anew", n.Name)
		}
		d.explained[n.Name] = true
	}
}

// byName finds the element of that name, nil if there is none.
func byName[T any](list []T, name string, of func(*T) string) *T {
	i := slices.IndexFunc(list, func(t T) bool { return of(&t) == name })
	if i < 0 {
		return nil
	}
	return &list[i]
}

func (d *deriver) stores(old, next State) {
	for i := range old.Stores {
		if name := old.Stores[i].Name; next.left(name) && !old.left(name) {
			d.add("member", Warn, name, "store %s is no longer a member", name)
			d.explained[name] = true
		}
	}
	lives(d, "store", old.Stores, next.Stores, storeView)
	for i := range next.Stores {
		n := &next.Stores[i]
		o := byName(old.Stores, n.Name, func(s *Store) string { return s.Name })
		if o == nil || !n.Alive || !o.Alive {
			continue
		}
		switch {
		case !o.Voter && n.Voter:
			d.add("member", Good, n.Name, "%s votes now", n.Name)
		case o.Voter && !n.Voter:
			d.add("member", Warn, n.Name, "%s does not vote any more", n.Name)
		case n.Snapshot > o.Snapshot && o.Snapshot > 0:
			d.add("store", Info, n.Name, "%s took a snapshot at %d", n.Name, n.Snapshot)
		}
	}
}

func (d *deriver) proxies(old, next []Proxy) {
	lives(d, "proxy", old, next, proxyView)
	told := map[string]bool{} // one event for a change that several proxies see
	// A backend comes with the first proxy that has it and goes with the last.
	for _, p := range old {
		for i := range p.Backends {
			told[p.Backends[i].Name+"+"] = told[p.Backends[i].Name+"+"] || p.Alive
		}
	}
	for _, p := range next {
		for i := range p.Backends {
			told[p.Backends[i].Name+"-"] = told[p.Backends[i].Name+"-"] || p.Alive
		}
	}
	for i := range next {
		p := &next[i]
		o := byName(old, p.Name, func(o *Proxy) string { return o.Name })
		if o == nil || !p.Alive || !o.Alive {
			continue
		}
		d.backends(p.Name, o.Backends, p.Backends, told)
	}
}

func (d *deriver) backends(proxy string, old, next []Backend, told map[string]bool) {
	was := make(map[string]*Backend, len(old))
	for i := range old {
		was[old[i].Name] = &old[i]
	}
	for i := range next {
		b := &next[i]
		o := was[b.Name]
		delete(was, b.Name)
		if o != nil {
			d.configured(o, b, told)
		}
		switch {
		case told[b.Name+b.State] || o != nil && o.State == b.State:
			continue
		case o == nil && told[b.Name+"+"]:
			continue
		case o == nil:
			d.add("backend", Info, b.Name, "backend %s (%s) added, %s", b.Name, b.Addr, b.State)
		case b.State == "DOWN":
			d.add("backend", Bad, b.Name, "backend %s is DOWN%s, says %s", b.Name, reason(b.Check), proxy)
		case b.State == "UP":
			d.add("backend", Good, b.Name, "backend %s is UP, says %s", b.Name, proxy)
		default:
			d.add("backend", Info, b.Name, "backend %s %s → %s", b.Name, o.State, b.State)
		}
		told[b.Name+b.State] = true
	}
	for i := range old { // in old's order: a map's would not be the same twice
		if b := &old[i]; was[b.Name] != nil && !told[b.Name+"-"] {
			d.add("backend", Info, b.Name, "backend %s removed", b.Name)
			told[b.Name+"-"] = true
		}
	}
}

// configured tells of settings that somebody changed.
func (d *deriver) configured(o, b *Backend, told map[string]bool) {
	for _, c := range [...]struct{ what, from, to string }{
		{"address", o.Addr, b.Addr},
		{"weight", fmt.Sprint(o.Weight), fmt.Sprint(b.Weight)},
		{"limit of connections", fmt.Sprint(o.Limit), fmt.Sprint(b.Limit)},
	} {
		if key := b.Name + c.what + c.to; c.from != c.to && !told[key] {
			told[key] = true
			d.add("config", Info, b.Name, "backend %s: %s %s → %s", b.Name, c.what, c.from, c.to)
		}
	}
}

func reason(check string) string {
	if check == "" {
		return ""
	}
	return " (" + check + ")"
}
