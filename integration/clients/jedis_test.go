package clients

import (
	"net"
	"testing"
)

func jedisLogin(t *testing.T, to Target, addr string) *talk {
	t.Helper()
	c := dial(t, addr)
	c.call("AUTH", to.Password)
	hello := fields(c.call("HELLO 3"))
	c.check(hello["server"] == "redis", "HELLO: %v", hello)
	c.call("CLIENT SETNAME app")
	c.call("CLIENT SETINFO lib-name jedis")
	c.call("CLIENT SETINFO lib-ver 7.0.0")
	return c
}

// Jedis 6 and 7: JedisSentineled, with reads from replicas.
func jedis(t *testing.T, to Target) (follow func(t *testing.T)) {
	var listeners []*talk
	var leader string
	for _, s := range to.Sentinels {
		c := jedisLogin(t, to, s)
		leader, _ = c.replicas("SLAVES", to.Master)
		c.call("SUBSCRIBE +switch-master +sdown -sdown +slave")
		listeners = append(listeners, c)
	}
	asking := jedisLogin(t, to, to.Sentinels[0])
	node := leads(t, func() *talk {
		c := jedisLogin(t, to, asking.master(to.Master))
		c.call("SELECT 0")
		return c
	})
	before := write(t, "replay:jedis", func() *talk { return jedisLogin(t, to, leader) })
	return func(t *testing.T) {
		for _, c := range listeners {
			c.t = t
			now := c.jedisFollows(to.Master, leader)
			after := write(t, "replay:jedis", func() *talk { return jedisLogin(t, to, now) })
			if after <= before {
				t.Errorf("the counter goes from %d to %d", before, after)
			}
			before = after
		}
		node.t = t
		node.closed()
	}
}

// jedisFollows reads messages until they have told of another leader and its two
// replicas. The library takes words by their place, and ends for good when one is
// missing.
func (c *talk) jedisFollows(name, leader string) (now string) {
	c.t.Helper()
	now = leader
	for replicas := 0; now == leader || replicas < 2; {
		switch channel, words := c.event(); {
		case channel == "+switch-master":
			c.check(words[0] == name, "%s %v", channel, words)
			now, replicas = net.JoinHostPort(words[3], words[4]), 0
		case channel == "+slave":
			c.check(words[5] == name && net.JoinHostPort(words[6], words[7]) == now, "%s %v, %s leads", channel, words, now)
			replicas++
		case words[0] == "master", channel == "-sdown" && len(words) < 6:
		default:
			c.check(words[5] == name, "%s %v", channel, words)
		}
	}
	return now
}
