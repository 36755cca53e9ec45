package clients

import (
	"strings"
	"testing"
)

func lettuceLogin(t *testing.T, to Target, addr string) *talk {
	t.Helper()
	c := dial(t, addr)
	hello := fields(c.call("HELLO 3 AUTH default", to.Password, "SETNAME", "app"))
	c.check(hello["version"] != "" && hello["mode"] != "", "HELLO: %v", hello)
	c.call("CLIENT SETINFO lib-name Lettuce")
	c.call("CLIENT SETINFO lib-ver 7.0.0")
	c.refused("CLIENT MAINT_NOTIFICATIONS on") // which it takes for an older server
	return c
}

// lettuceTopology asks as MasterReplica does, and returns the leader.
func lettuceTopology(t *testing.T, to Target, c *talk) (leader string) {
	t.Helper()
	leader = address(t, fields(c.call("SENTINEL MASTER", to.Master)))
	c.replicas("SLAVES", to.Master)
	return leader
}

// Lettuce 6 and 7: MasterReplica with the URI of Sentinels, and Pub/Sub of all
// channels. It asks anew five seconds after the first message that matters.
func lettuce(t *testing.T, to Target) (follow func(t *testing.T)) {
	var listeners []*talk
	for _, s := range to.Sentinels {
		c := lettuceLogin(t, to, s)
		c.call("PSUBSCRIBE *")
		listeners = append(listeners, c)
	}
	asking := lettuceLogin(t, to, to.Sentinels[0])
	leader := lettuceTopology(t, to, asking)
	node := leads(t, func() *talk { return lettuceLogin(t, to, lettuceTopology(t, to, asking)) })
	before := write(t, "replay:lettuce", func() *talk { return lettuceLogin(t, to, leader) })
	return func(t *testing.T) {
		for _, c := range listeners {
			c.t = t
			c.lettuceFollows(to.Master)
		}
		node.t, asking.t = t, t
		node.closed()
		after := write(t, "replay:lettuce", func() *talk { return lettuceLogin(t, to, lettuceTopology(t, to, asking)) })
		if after <= before {
			t.Errorf("the counter goes from %d to %d", before, after)
		}
	}
}

// lettuceFollows reads messages until those have come, in the form that the library
// looks for, that make it ask anew.
func (c *talk) lettuceFollows(name string) {
	c.t.Helper()
	for switched, replicas := false, 0; !switched || replicas < 2; {
		channel, words := c.event()
		text := strings.Join(words, " ")
		switch channel {
		case "+switch-master":
			c.check(strings.HasPrefix(text, name+" "), "%s %s", channel, text)
			switched = true
		case "+elected-leader":
			c.check(strings.HasPrefix(text, "master "+name+" "), "%s %s", channel, text)
		case "+slave":
			c.check(strings.Contains(text, "@ "+name+" "), "%s %s", channel, text)
			replicas++
		}
	}
}
