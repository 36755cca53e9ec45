package clients

import (
	"strings"
	"testing"
)

func sentinelOfStackExchange(t *testing.T, to Target, addr string) *talk {
	t.Helper()
	c := dial(t, addr)
	c.call("AUTH", to.Password)
	if list := c.call("SENTINEL MASTERS").Items; len(list) != 1 || fields(list[0])["name"] != to.Master {
		t.Errorf("SENTINEL MASTERS: %+v", list)
	}
	c.call("INFO replication")
	if m := infoFields(c.text("INFO server")); m["redis_mode"] != "sentinel" || m["run_id"] == "" {
		t.Errorf("INFO server: %v", m)
	}
	if c.text("PING") != "PONG" {
		t.Error("PING is not answered")
	}
	return c
}

// nodeOfStackExchange connects to a node and reports what the library takes it for.
func nodeOfStackExchange(t *testing.T, to Target, addr string) (c *talk, replica bool) {
	t.Helper()
	c = dial(t, addr)
	c.call("AUTH", to.Password)
	c.call("CLIENT SETNAME app(SE.Redis-v2.8)")
	c.call("CLIENT SETINFO lib-name SE.Redis")
	c.call("CLIENT SETINFO lib-ver 2.8")
	if id := c.call("CLIENT ID"); id.Kind != ':' || id.Int < 1 {
		t.Errorf("CLIENT ID: %+v", id)
	}
	for name, want := range map[string]string{"timeout": "0", "replica-read-only": "no", "databases": "16"} {
		if got := fields(c.call("CONFIG GET", name))[name]; got != want {
			t.Errorf("CONFIG GET %s: %q, want %q", name, got, want)
		}
	}
	if text := c.refused("SENTINEL MASTERS"); !strings.HasPrefix(text, "ERR unknown command") {
		t.Errorf("a node answers SENTINEL MASTERS: %s", text)
	}
	replication := infoFields(c.text("INFO replication"))
	if m := infoFields(c.text("INFO server")); m["redis_mode"] != "standalone" || strings.Count(m["redis_version"], ".") != 2 || m["run_id"] == "" {
		t.Errorf("INFO server: %v", m)
	}
	c.refused("CLUSTER NODES")
	if c.text("ECHO id-of-mine") != "id-of-mine" {
		t.Error("ECHO answers something else")
	}
	if tie := c.call("GET __Booksleeve_TieBreak"); !tie.Nil {
		t.Errorf("the tie breaker is set: %+v", tie)
	}
	replica = replication["role"] == "slave"
	if role := c.call("ROLE").Items[0].Text; role != "master" && role != "slave" || !replica && replication["role"] != "master" {
		t.Errorf("ROLE %s, INFO %s", role, replication["role"])
	}
	if replica && (replication["master_host"] == "" || replication["master_port"] == "") {
		t.Errorf("INFO replication: %v", replication)
	}
	return c, replica
}

// leaderOfStackExchange connects to the master that a Sentinel tells of, until that
// says itself that it is one.
func leaderOfStackExchange(t *testing.T, to Target, asking *talk) (c *talk) {
	t.Helper()
	until(t, "a leader that says so", func() bool {
		var replica bool
		c, replica = nodeOfStackExchange(t, to, asking.master(to.Master))
		return !replica
	})
	return c
}

// StackExchange.Redis 2: serviceName in the configuration. Which commands a node
// refuses tells it what kind of server that is.
func stackExchange(t *testing.T, to Target) (follow func(t *testing.T)) {
	asking, listener := sentinelOfStackExchange(t, to, to.Sentinels[0]), sentinelOfStackExchange(t, to, to.Sentinels[1])
	listener.call("SUBSCRIBE +switch-master")
	listener.call("SUBSCRIBE +sentinel")
	if others := asking.call("SENTINEL SENTINELS", to.Master).Items; len(others) != 2 || address(t, fields(others[0])) == "" {
		t.Errorf("SENTINEL SENTINELS: %+v", others)
	}
	leader := leaderOfStackExchange(t, to, asking)
	_, replicas := asking.replicas("REPLICAS", to.Master)
	for _, m := range replicas {
		nodeOfStackExchange(t, to, address(t, m))
	}
	changes := dial(t, asking.master(to.Master)) // its second connection
	changes.call("AUTH", to.Password)
	changes.call("SUBSCRIBE __Booksleeve_MasterChanged")
	before := leader.count("replay:stackexchange")
	return func(t *testing.T) {
		listener.t, asking.t, leader.t, changes.t = t, t, t, t
		for channel, words := listener.event(); ; channel, words = listener.event() {
			if channel != "+switch-master" {
				continue
			}
			if words[0] != to.Master || len(words) != 5 {
				t.Errorf("+switch-master %v", words)
			}
			break
		}
		leader.closed()
		changes.closed()
		if after := leaderOfStackExchange(t, to, asking).count("replay:stackexchange"); after != before+1 {
			t.Errorf("the counter goes from %d to %d", before, after)
		}
	}
}
