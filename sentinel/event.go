package sentinel

import (
	"fmt"
	"strconv"
)

// Event is a message to subscribers, with the channel's name and text that Redis
// Sentinel uses ("Pub/Sub messages" of its documentation).
type Event struct {
	Channel string // +switch-master ...
	Text    string
}

// telling writes down what distinguishes two states.
type telling struct {
	name      string // of the master, as Sentinel clients call the cluster
	prev      state
	now       *state
	events    []Event
	announced bool // all replicas of the present master were told already
}

func (t *telling) add(channel, text string) {
	t.events = append(t.events, Event{Channel: channel, Text: text})
}

// asMaster, asSlave and asSentinel name an instance within a text.
func (t *telling) asMaster(n Node) string {
	return "master " + t.name + " " + n.Host + " " + n.port()
}

func (t *telling) asSlave(n, master Node) string {
	return fmt.Sprintf("slave %s %s %s @ %s %s %s", n.addr(), n.Host, n.port(), t.name, master.Host, master.port())
}

func (t *telling) asSentinel(n, master Node) string {
	return fmt.Sprintf("sentinel %s %s %d @ %s %s %s",
		n.sentinelID(), n.Host, n.SentinelPort, t.name, master.Host, master.port())
}

// monitor: the first master was seen.
func (t *telling) monitor() {
	t.add("+monitor", t.asMaster(t.now.master)+" quorum "+strconv.Itoa(t.now.quorum()))
	t.replicas()
	for _, n := range t.now.others() {
		t.add("+sentinel", t.asSentinel(n, t.now.master))
	}
}

// replicas tells all replicas of the present master.
func (t *telling) replicas() {
	for _, n := range t.now.replicas() {
		t.add("+slave", t.asSlave(n, t.now.master))
	}
	t.announced = true
}

func (t *telling) masterDown() {
	m := t.prev.master
	t.add("+sdown", t.asMaster(m))
	t.add("+odown", fmt.Sprintf("%s #quorum %d/%d", t.asMaster(m), t.now.quorum(), t.now.quorum()))
}

func (t *telling) masterUp() {
	t.add("-sdown", t.asMaster(t.now.master))
	t.add("-odown", t.asMaster(t.now.master))
}

func (t *telling) epoch() {
	if t.now.view.Term > t.prev.view.Term {
		t.add("+new-epoch", strconv.FormatUint(t.now.view.Term, 10))
	}
}

// failover: another node leads, or the same at another address.
func (t *telling) failover() {
	was, is := t.prev.master, t.now.master
	old, stays := t.now.view.node(was.Name)
	alive := stays && old.Alive && old.Name != is.Name
	if !t.prev.down && !alive {
		t.masterDown()
	}
	t.epoch()
	t.add("+elected-leader", t.asMaster(was))
	t.add("+promoted-slave", t.asSlave(is, was))
	t.add("+role-change", t.asSlave(is, was)+" new reported role is master")
	t.add("+switch-master", fmt.Sprintf("%s %s %s %s %s", t.name, was.Host, was.port(), is.Host, is.port()))
	t.replicas()
	if alive {
		t.add("+convert-to-slave", t.asSlave(old, is))
	}
	t.add("+failover-end", t.asMaster(is))
	switch {
	case alive && t.prev.down:
		// It was announced as down; as a replica it is not.
		t.add("-sdown", t.asSlave(old, is))
	case stays && !alive && old.Name != is.Name:
		t.add("+sdown", t.asSlave(old, is))
	}
}

// members tells what became of the nodes other than the master.
func (t *telling) members() {
	m := t.now.master
	for _, n := range t.now.view.Nodes {
		before, had := t.prev.view.node(n.Name)
		slave := n.Name != m.Name
		if slave && !t.announced && (!had || before.addr() != n.addr()) {
			t.add("+slave", t.asSlave(n, m))
		}
		if n.SentinelPort != 0 && n.Name != t.now.view.Self && (!had || before.SentinelPort != n.SentinelPort) {
			t.add("+sentinel", t.asSentinel(n, m))
		}
		if !had || n.Name == t.prev.master.Name && t.announced {
			continue // failover has told the former master's fate
		}
		t.health(before, n, slave)
	}
	for _, n := range t.prev.view.Nodes {
		if _, still := t.now.view.node(n.Name); !still {
			// Sentinel has no event for a node that was removed; this one makes
			// clients read the lists again.
			t.add("+reset-master", t.asMaster(m))
			return
		}
	}
}

func (t *telling) health(before, n Node, slave bool) {
	m := t.now.master
	if slave && n.RunID != "" && before.RunID != "" && n.RunID != before.RunID {
		t.add("+reboot", t.asSlave(n, m))
	}
	if n.Alive == before.Alive {
		return
	}
	channel := "+sdown"
	if n.Alive {
		channel = "-sdown"
	}
	if slave {
		t.add(channel, t.asSlave(n, m))
	}
	if n.SentinelPort != 0 && n.Name != t.now.view.Self {
		t.add(channel, t.asSentinel(n, m))
	}
}
