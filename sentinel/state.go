package sentinel

import (
	"slices"
	"strings"
	"time"
)

// state is what the endpoint knows after a sequence of Views.
//
// It differs from the last View in that the master survives the loss of its
// leadership: between two leaders clients are told the old address, flagged as
// down, as Sentinel does.
type state struct {
	view    View
	known   bool      // there was a leader at some time
	master  Node      // the last leader
	down    bool      // it leads no more and nobody else does yet, or it is dead
	changed time.Time // when it became the master

	downSince map[string]time.Time // by node name: since when it is down
	suspect   suspect
}

// suspect is a node that leads no more and has not been heard of since. It may have
// died a moment ago, whatever it last said: as long as that is not known, clients
// that were told to connect to it might wait for it.
type suspect struct {
	name  string // empty = nobody
	since time.Time
	heard bool // it was heard of since: it is well, until it has led and lost the lead again
}

// watch says who is suspect after v, and marks that node as down in v.
func (s suspect) watch(prev state, v *View, now time.Time) suspect {
	if was := prev.master.Name; prev.known && v.Leader != was && s.name != was {
		s = suspect{name: was, since: now}
	}
	if s.name == v.Leader || s.name == v.Self {
		return suspect{}
	}
	if s.heard {
		return s
	}
	at := v.At
	if at.IsZero() {
		at = now
	}
	for i := range v.Nodes {
		n := &v.Nodes[i]
		if n.Name != s.name {
			continue
		}
		if n.Alive && !at.Add(-n.LastContact).Before(s.since) {
			s.heard = true
			return s
		}
		n.Alive = false
	}
	return s
}

// next returns the state after seeing v at now, and what happened in between, in
// the order in which clients need to hear it: that the master is down, who is
// the new one, who are its replicas, and that the fail-over is over. prev is not
// changed. It is pure.
func next(prev state, v View, now time.Time, name string) (state, []Event) {
	v.Nodes = slices.Clone(v.Nodes)
	slices.SortFunc(v.Nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	s := prev
	s.suspect = prev.suspect.watch(prev, &v, now)
	s.view = v
	s.downSince = downSince(prev.downSince, v, now)

	leader, has := v.node(v.Leader)
	lost := !has || !leader.Alive
	t := telling{name: name, prev: prev, now: &s}
	switch {
	case !prev.known && lost:
		// Nothing can be told before there was a master.
	case !prev.known:
		s.known, s.master, s.changed = true, leader, now
		t.monitor()
	case lost:
		s.down = true
		if has {
			s.master = leader
		}
		if !prev.down {
			t.masterDown()
		}
		t.epoch()
	case leader.Name == prev.master.Name && leader.addr() == prev.master.addr():
		s.master, s.down = leader, false
		t.epoch()
		if prev.down {
			t.masterUp()
		}
	default:
		s.master, s.down, s.changed = leader, false, now
		t.failover()
	}
	if prev.known {
		t.members()
	}
	return s, t.events
}

// downSince notes when each node was seen down first.
func downSince(prev map[string]time.Time, v View, now time.Time) map[string]time.Time {
	down := make(map[string]time.Time)
	for _, n := range v.Nodes {
		if n.Alive {
			continue
		}
		down[n.Name] = now
		if t, ok := prev[n.Name]; ok {
			down[n.Name] = t
		}
	}
	return down
}

// replicas returns all nodes but the master, by name.
func (s state) replicas() []Node {
	return slices.DeleteFunc(slices.Clone(s.view.Nodes), func(n Node) bool { return n.Name == s.master.Name })
}

// others returns the nodes whose Sentinel endpoints are not this one.
func (s state) others() []Node {
	return slices.DeleteFunc(slices.Clone(s.view.Nodes), func(n Node) bool {
		return n.Name == s.view.Self || n.SentinelPort == 0
	})
}

// usable returns how many voters are alive.
func (s state) usable() (alive, voters int) {
	for _, n := range s.view.Nodes {
		if !n.Voter {
			continue
		}
		voters++
		if n.Alive {
			alive++
		}
	}
	return alive, voters
}

// quorum returns the majority of the voters, as the view states it or counted.
func (s state) quorum() int {
	if s.view.Quorum > 0 {
		return s.view.Quorum
	}
	_, voters := s.usable()
	return voters/2 + 1
}
