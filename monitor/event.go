package monitor

import (
	"fmt"
	"slices"
	"sync"
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
	ID       uint64    `json:"id"` // ascending within one monitor's life
	Time     time.Time `json:"time"`
	Kind     string    `json:"kind"` // leader, node, store, counter, proxy, backend, member, alert, host
	Severity Severity  `json:"severity"`
	Subject  string    `json:"subject"` // name of the part it is about
	Text     string    `json:"text"`
}

// Events tells what changed from old to next, at next.Time. It is pure: the same
// two states give the same events. A first state, with no old one (zero Time),
// gives none.
func Events(old, next ClusterState) []Event {
	if old.Time.IsZero() {
		return nil
	}
	d := deriver{at: next.Time, explained: map[string]bool{}}
	d.leader(old, next)
	d.nodes(old.Nodes, next.Nodes)
	d.stores(old.Stores, next.Stores)
	d.counters(old.Counters, next.Counters)
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

func (d *deriver) leader(old, next ClusterState) {
	switch {
	case old.Leader == next.Leader:
	case next.Leader == "":
		d.add("leader", Bad, old.Leader, "no leader: %s led in term %d", old.Leader, old.Term)
	case old.Leader == "" && !old.LeaderLost.IsZero():
		gap := next.Time.Sub(old.LeaderLost).Seconds()
		d.add("leader", Good, next.Leader, "%s leads, term %d, after %.1f s without a leader", next.Leader, next.Term, gap)
	case old.Leader == "":
		d.add("leader", Good, next.Leader, "%s leads, term %d", next.Leader, next.Term)
	default:
		d.add("leader", Warn, next.Leader, "leader %s → %s, term %d", old.Leader, next.Leader, next.Term)
	}
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

func (d *deriver) nodes(old, next []Node) { lives(d, "node", old, next, nodeView) }

func (d *deriver) counters(old, next []Counter) { lives(d, "counter", old, next, counterView) }

func (d *deriver) stores(old, next []Store) {
	lives(d, "store", old, next, storeView)
	for i := range next {
		n := &next[i]
		j := slices.IndexFunc(old, func(o Store) bool { return o.Name == n.Name })
		if j < 0 || !n.Alive || !old[j].Alive {
			continue
		}
		switch o := &old[j]; {
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
	for i := range next {
		p := &next[i]
		j := slices.IndexFunc(old, func(o Proxy) bool { return o.Name == p.Name })
		if j < 0 || !p.Alive || !old[j].Alive {
			continue
		}
		d.backends(p.Name, old[j].Backends, p.Backends, told)
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
		switch {
		case told[b.Name+b.State] || o != nil && o.State == b.State:
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

func reason(check string) string {
	if check == "" {
		return ""
	}
	return " (" + check + ")"
}

// maxEvents bounds the events kept in memory; a cluster in good health has a
// handful a day.
const maxEvents = 1000

// eventLog keeps the newest events. Safe for concurrent use.
type eventLog struct {
	mu   sync.RWMutex
	list []Event
	next uint64
}

// add numbers the events and keeps them; it returns them numbered.
func (l *eventLog) add(events []Event) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range events {
		l.next++
		events[i].ID = l.next
	}
	l.list = append(l.list, events...)
	if over := len(l.list) - maxEvents; over > 0 {
		l.list = slices.Delete(l.list, 0, over)
	}
	return events
}

// since returns the events with a greater id, oldest first.
func (l *eventLog) since(id uint64) []Event {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i, _ := slices.BinarySearchFunc(l.list, id+1, func(e Event, id uint64) int {
		switch {
		case e.ID < id:
			return -1
		case e.ID > id:
			return 1
		}
		return 0
	})
	return slices.Clone(l.list[i:])
}
