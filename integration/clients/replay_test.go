package clients

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pingd/integration/procs"
	"pingd/integration/procs/wire"
)

// talk is one connection of a library that does not run here: the test sends what
// the library's public sources send, and reads from the answers what they read. A
// node that stops leading hangs up, on a busy machine at any time: then the
// connection is lost and checks nothing more.
type talk struct {
	t    *testing.T
	conn *wire.Conn
	lost error
}

func dial(t *testing.T, addr string) *talk {
	t.Helper()
	c, err := wire.Dial(within(t), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &talk{t: t, conn: c}
}

// call sends one command; words holds its words, those of arg in one piece. The reply
// is empty when the connection is lost, as it is for a node that has no leader.
func (c *talk) call(words string, arg ...string) wire.Reply {
	c.t.Helper()
	if c.lost != nil {
		return wire.Reply{}
	}
	r, err := c.conn.Call(append(strings.Fields(words), arg...)...)
	var refusal wire.Error
	if errors.As(err, &refusal) && !strings.HasPrefix(string(refusal), "CLUSTERDOWN") && !strings.HasPrefix(string(refusal), "UNCERTAIN") {
		c.t.Fatalf("%s: %v", words, err)
	}
	c.lost = err
	return r
}

// text calls for a status or bulk.
func (c *talk) text(words string, arg ...string) string {
	c.t.Helper()
	return c.call(words, arg...).Text
}

// refused calls for an error and returns its text.
func (c *talk) refused(words string) string {
	c.t.Helper()
	if c.lost != nil {
		return ""
	}
	_, err := c.conn.Call(strings.Fields(words)...)
	var refusal wire.Error
	switch {
	case errors.As(err, &refusal):
	case err == nil:
		c.t.Fatalf("%s: answered, want an error", words)
	default:
		c.lost = err
	}
	return string(refusal)
}

// check notes what is not as it must be.
func (c *talk) check(ok bool, format string, args ...any) {
	c.t.Helper()
	if !ok && c.lost == nil {
		c.t.Errorf(format, args...)
	}
}

// event reads the next message: its channel, and its text's words.
func (c *talk) event() (channel string, words []string) {
	c.t.Helper()
	for {
		r, err := c.conn.Read()
		if err != nil {
			c.t.Fatalf("wait for an event: %v", err)
		}
		if n := len(r.Items); n >= 3 && strings.HasSuffix(r.Items[0].Text, "message") {
			return r.Items[n-2].Text, strings.Fields(r.Items[n-1].Text)
		}
	}
}

// closed waits until the node has closed the connection, as a library waits that has
// no other sign of a new leader.
func (c *talk) closed() {
	c.t.Helper()
	for c.lost == nil {
		_, err := c.conn.Read()
		var late net.Error
		switch {
		case errors.As(err, &late) && late.Timeout():
			c.t.Fatalf("the old leader keeps its connection: %v", err)
		case err != nil:
			return
		}
	}
}

// fields makes a map of names and values in turn, as they come in RESP2 and RESP3.
func fields(r wire.Reply) map[string]string {
	m := map[string]string{}
	for pair := range slices.Chunk(r.Items, 2) {
		m[pair[0].Text] = pair[len(pair)-1].Text
	}
	return m
}

// address is host:port of what SENTINEL MASTER and REPLICAS tell; the port must be a
// number.
func address(t *testing.T, m map[string]string) string {
	t.Helper()
	if _, err := strconv.Atoi(m["port"]); err != nil || m["ip"] == "" {
		t.Fatalf("no address in %v", m)
	}
	return net.JoinHostPort(m["ip"], m["port"])
}

// healthy reports whether none of the flags is there for which libraries leave a
// replica out.
func healthy(flags string) bool {
	return flags != "" && !strings.Contains(flags, "s_down") && !strings.Contains(flags, "o_down") && !strings.Contains(flags, "disconnected")
}

// infoFields makes a map of an INFO text.
func infoFields(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			m[name] = value
		}
	}
	return m
}

// master asks for the leader's address as all three libraries do.
func (c *talk) master(name string) string {
	c.t.Helper()
	r := c.call("SENTINEL GET-MASTER-ADDR-BY-NAME", name)
	if len(r.Items) != 2 {
		c.t.Fatalf("get-master-addr-by-name: %+v", r)
	}
	return net.JoinHostPort(r.Items[0].Text, r.Items[1].Text)
}

// replay lets the three libraries connect, hands the leadership over, and lets them
// follow.
func replay(t *testing.T, cluster *procs.Cluster, to Target) {
	if _, err := cluster.WaitWhole(within(t)); err != nil {
		t.Fatal(err)
	}
	followers := []struct {
		name   string
		follow func(t *testing.T)
	}{{"Jedis", jedis(t, to)}, {"Lettuce", lettuce(t, to)}, {"StackExchange.Redis", stackExchange(t, to)}}
	s := dial(t, to.Sentinels[0])
	s.call("AUTH", to.Password)
	was := s.master(to.Master)
	until(t, "another leader", func() bool {
		_, _ = s.conn.Call("SENTINEL", "FAILOVER", to.Master) // a busy machine may need a second one
		return s.master(to.Master) != was
	})
	for _, f := range followers {
		t.Run(f.name, func(t *testing.T) { f.follow(t) })
	}
}

// until waits for a condition: on a busy machine another election may come between,
// and a replica seem to be down for a moment.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	err := procs.Poll(within(t), func(context.Context) error {
		if ok() {
			return nil
		}
		return errors.New("not yet")
	})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// replicas waits until two replicas are told that libraries read from, none of them
// the leader, and returns them with the leader.
func (c *talk) replicas(sub, name string) (leader string, list []map[string]string) {
	c.t.Helper()
	until(c.t, "two replicas", func() bool {
		leader, list = c.master(name), nil
		for _, r := range c.call("SENTINEL "+sub, name).Items {
			if m := fields(r); healthy(m["flags"]) && address(c.t, m) != leader {
				list = append(list, m)
			}
		}
		return len(list) == 2
	})
	return leader, list
}

// write counts once, on a connection that lasts long enough for it, and returns what
// the counter holds.
func write(t *testing.T, key string, connect func() *talk) (n int64) {
	t.Helper()
	until(t, "a write", func() bool {
		c := connect()
		n = c.call("INCR", key).Int
		return c.lost == nil
	})
	return n
}

// leads makes a connection that says itself that it is one to the leader: it breaks
// when that is no longer so.
func leads(t *testing.T, connect func() *talk) (c *talk) {
	t.Helper()
	until(t, "a leader that says so", func() bool {
		c = connect()
		role := c.call("ROLE").Items
		return len(role) > 0 && role[0].Text == "master"
	})
	return c
}
