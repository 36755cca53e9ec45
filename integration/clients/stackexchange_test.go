package clients

import (
	"strings"
	"testing"
)

func stackExchangeSentinel(t *testing.T, to Target, addr string) *talk {
	t.Helper()
	c := dial(t, addr)
	c.call("AUTH", to.Password)
	list := c.call("SENTINEL MASTERS").Items
	c.check(len(list) == 1 && fields(list[0])["name"] == to.Master, "SENTINEL MASTERS: %+v", list)
	c.call("INFO replication")
	info := infoFields(c.text("INFO server"))
	c.check(info["redis_mode"] == "sentinel" && info["run_id"] != "", "INFO server: %v", info)
	c.check(c.text("PING") == "PONG", "PING is not answered")
	return c
}

// stackExchangeNode connects to a node; what is refused tells the library what kind
// of server that is.
func stackExchangeNode(t *testing.T, to Target, addr string) (c *talk, role string) {
	t.Helper()
	c = dial(t, addr)
	c.call("AUTH", to.Password)
	c.call("CLIENT SETNAME app(SE.Redis-v2.8)")
	c.call("CLIENT SETINFO lib-name SE.Redis")
	c.call("CLIENT SETINFO lib-ver 2.8")
	id := c.call("CLIENT ID")
	c.check(id.Kind == ':' && id.Int > 0, "CLIENT ID: %+v", id)
	for name, want := range map[string]string{"timeout": "0", "replica-read-only": "no", "databases": "16"} {
		got := fields(c.call("CONFIG GET", name))[name]
		c.check(got == want, "CONFIG GET %s: %q, want %q", name, got, want)
	}
	unknown := c.refused("SENTINEL MASTERS") // a Sentinel would answer
	c.check(strings.HasPrefix(unknown, "ERR unknown command"), "SENTINEL MASTERS: %s", unknown)
	replication := infoFields(c.text("INFO replication"))
	role = replication["role"]
	c.check(role == "master" || role == "slave" && replication["master_host"] != "" && replication["master_port"] != "",
		"INFO replication: %v", replication)
	server := infoFields(c.text("INFO server"))
	c.check(server["redis_mode"] == "standalone" && strings.Count(server["redis_version"], ".") == 2 && server["run_id"] != "",
		"INFO server: %v", server)
	c.refused("CLUSTER NODES") // a node of a Redis Cluster would answer
	c.check(c.text("ECHO id-of-mine") == "id-of-mine", "ECHO answers something else")
	tie := c.call("GET __Booksleeve_TieBreak")
	c.check(tie.Nil, "the tie breaker is set: %+v", tie)
	return c, role
}

// StackExchange.Redis 2: serviceName in the configuration.
func stackExchange(t *testing.T, to Target) (follow func(t *testing.T)) {
	asking, listener := stackExchangeSentinel(t, to, to.Sentinels[0]), stackExchangeSentinel(t, to, to.Sentinels[1])
	listener.call("SUBSCRIBE +switch-master")
	listener.call("SUBSCRIBE +sentinel")
	others := asking.call("SENTINEL SENTINELS", to.Master).Items
	asking.check(len(others) == 2 && address(t, fields(others[0])) != "", "SENTINEL SENTINELS: %+v", others)
	connect := func(t *testing.T) *talk {
		c, _ := stackExchangeNode(t, to, asking.master(to.Master))
		return c
	}
	until(t, "a leader and two replicas that say so", func() bool {
		leader, list := asking.replicas("REPLICAS", to.Master)
		_, role := stackExchangeNode(t, to, leader)
		fit := role == "master"
		for _, m := range list {
			_, role := stackExchangeNode(t, to, address(t, m))
			fit = fit && role == "slave"
		}
		return fit
	})
	node := leads(t, func() *talk { return connect(t) })
	changes := leads(t, func() *talk { return connect(t) }) // its second connection
	changes.call("SUBSCRIBE __Booksleeve_MasterChanged")
	before := write(t, "replay:stackexchange", func() *talk { return connect(t) })
	return func(t *testing.T) {
		listener.t, asking.t, node.t, changes.t = t, t, t, t
		for switched := false; !switched; {
			channel, words := listener.event()
			switched = channel == "+switch-master"
			listener.check(!switched || words[0] == to.Master && len(words) == 5, "%s %v", channel, words)
		}
		node.closed()
		changes.closed()
		if after := write(t, "replay:stackexchange", func() *talk { return connect(t) }); after <= before {
			t.Errorf("the counter goes from %d to %d", before, after)
		}
	}
}
