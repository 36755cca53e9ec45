package clients

import (
	"net"
	"testing"
)

// Jedis 6 and 7: JedisSentineled, with reads from replicas. Its listener reads fixed
// words of each message, and ends for good when one is missing.
func jedis(t *testing.T, to Target) (follow func(t *testing.T)) {
	login := func(t *testing.T, addr string) *talk {
		c := dial(t, addr)
		c.call("AUTH", to.Password)
		if hello := fields(c.call("HELLO 3")); hello["server"] != "redis" {
			t.Errorf("HELLO: %v", hello)
		}
		c.call("CLIENT SETNAME app")
		c.call("CLIENT SETINFO lib-name jedis")
		c.call("CLIENT SETINFO lib-ver 7.0.0")
		return c
	}
	var listeners []*talk
	var leader string
	for _, s := range to.Sentinels {
		c := login(t, s)
		leader, _ = c.replicas("SLAVES", to.Master)
		c.call("SUBSCRIBE +switch-master +sdown -sdown +slave")
		listeners = append(listeners, c)
	}
	node := login(t, leader)
	node.call("SELECT 0")
	before := node.count("replay:jedis")
	return func(t *testing.T) {
		for _, c := range listeners {
			c.t = t
			now := leader
			for replicas := 0; now == leader || replicas < 2; {
				switch channel, words := c.event(); {
				case channel == "+switch-master":
					if words[0] != to.Master {
						t.Errorf("%s %v", channel, words)
					}
					now, replicas = net.JoinHostPort(words[3], words[4]), 0
				case channel == "+slave":
					if words[5] != to.Master || net.JoinHostPort(words[6], words[7]) != now {
						t.Errorf("%s %v", channel, words)
					}
					replicas++
				case words[0] == "master", channel == "-sdown" && len(words) < 6:
				default:
					if words[5] != to.Master {
						t.Errorf("%s %v", channel, words)
					}
				}
			}
			before++
			if after := login(t, now).count("replay:jedis"); after != before {
				t.Errorf("the counter is %d, want %d", after, before)
			}
		}
		node.t = t
		node.closed()
	}
}
