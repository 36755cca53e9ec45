package sentinel

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// program returns the path of a program of the named Debian package.
func program(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" not found", pkg)
	}
	return path
}

func missing(t *testing.T, what, pkg string) {
	t.Helper()
	if os.Getenv("PINGD_TEST_ALL") == "1" {
		t.Fatalf("%s: install the Debian package %s", what, pkg)
	}
	t.Skipf("%s: install the Debian package %s", what, pkg)
}

// startRedis starts a redis-server on a free port and returns its address.
func startRedis(t *testing.T, config string, args ...string) string {
	t.Helper()
	path := program(t, "redis-server", "redis-server")
	// A loopback host of its own: nobody else's port can get between.
	n := rand.Uint32()
	host := fmt.Sprintf("127.%d.%d.%d", 1+n%254, byte(n>>8), 1+n>>16%254)
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	dir := t.TempDir()
	file := filepath.Join(dir, "redis.conf")
	config += "\nport " + port + "\nbind " + host + "\ndir " + dir + "\n"
	if len(args) == 0 { // not a Sentinel: they say themselves where they listen
		config += "replica-announce-ip " + host + "\nrepl-diskless-sync-delay 0\n"
	}
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, append([]string{file}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, "redis-server listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return addr
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within a minute: %s", what)
		case <-tick.C:
		}
	}
}

// numbers and identifiers differ between any two Sentinels.
var varying = regexp.MustCompile(`[0-9a-f]{40}|[0-9]+`)

// Both answer the same commands with the same bytes, but for numbers.
func TestSameRepliesAsRedisSentinel(t *testing.T) {
	master := startRedis(t, "save ''")
	host, port, _ := net.SplitHostPort(master)
	real := startRedis(t, "sentinel monitor master "+host+" "+port+" 1", "--sentinel")
	view := View{Term: 0, Leader: "a", Quorum: 1, Self: "a", Nodes: []Node{
		{Name: "a", Host: host, SentinelPort: 1, Alive: true, Voter: true},
	}}
	_, _ = fmt.Sscan(port, &view.Nodes[0].RedisPort)
	ours := start(t, newFakeCluster(view))
	realConn := func() net.Conn {
		conn, err := net.Dial("tcp", real)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		return conn
	}
	// Sentinel needs a moment to know its master's run id.
	eventually(t, "Sentinel knows the master", func() bool {
		told := ask(t, realConn(), "SENTINEL MASTER master")
		return strings.Contains(told, "runid\r\n$40\r\n") && strings.Contains(told, "flags\r\n$6\r\nmaster\r\n")
	})
	for _, proto := range []string{"2", "3"} {
		for _, line := range []string{
			"SENTINEL GET-MASTER-ADDR-BY-NAME master", "SENTINEL GET-MASTER-ADDR-BY-NAME x", "SENTINEL GET-MASTER-ADDR-BY-NAME",
			"SENTINEL MASTER master", "SENTINEL MASTER x", "SENTINEL MASTER", "SENTINEL MASTERS", "SENTINEL MASTERS x",
			"SENTINEL REPLICAS master", "SENTINEL REPLICAS x", "SENTINEL SLAVES master", "SENTINEL SLAVES",
			"SENTINEL SENTINELS master", "SENTINEL SENTINELS x", "SENTINEL MYID", "SENTINEL MYID x",
			"SENTINEL CKQUORUM master", "SENTINEL CKQUORUM x", "SENTINEL FAILOVER x", "SENTINEL FAILOVER master",
			"SENTINEL PENDING-SCRIPTS", "SENTINEL FLUSHCONFIG", "SENTINEL IS-MASTER-DOWN-BY-ADDR h 1 0 *",
			"SENTINEL IS-MASTER-DOWN-BY-ADDR h x 0 *", "SENTINEL IS-MASTER-DOWN-BY-ADDR", "SENTINEL INFO-CACHE x", "SENTINEL INFO-CACHE",
			"SENTINEL FOO", "SENTINEL", "SENTINEL SET master", "SENTINEL SET x quorum 1", "SENTINEL SET master foo bar",
			"SENTINEL SET master quorum x", "SENTINEL SET master quorum 0", "SENTINEL SET master quorum 1 quorum",
			"SENTINEL SET master down-after-milliseconds 0", "SENTINEL SET master failover-timeout -1", "SENTINEL SET master parallel-syncs x",
			"SENTINEL SET master quorum 1", "SENTINEL DEBUG", "SENTINEL DEBUG foo", "SENTINEL DEBUG foo 1",
			"SENTINEL DEBUG info-period x", "SENTINEL DEBUG info-period", "SENTINEL CONFIG", "SENTINEL CONFIG GET",
			"SENTINEL CONFIG GET a b", "SENTINEL CONFIG GET nothing", "SENTINEL CONFIG GET announce-port", "SENTINEL CONFIG SET foo bar",
			"SENTINEL CONFIG SET foo", "SENTINEL CONFIG WHAT x", "SENTINEL RESET", "SENTINEL REMOVE", "SENTINEL MONITOR a",
			"ROLE", "ROLE x", "PING", "PING a", "PING a b", "GET x", "GET", "ECHO a b c", "PUBLISH a b", "PUBLISH", "INFO sentinel",
			"AUTH", "AUTH x", "AUTH a b c", "AUTH nobody x", "AUTH default x", "HELLO 4", "HELLO x", "HELLO 3 AUTH a", "HELLO 3 AUTH nobody b", "HELLO 3 SETNAME",
			"CLIENT TRACKING on", "CLIENT TRACKING maybe", "CLIENT TRACKING", "CLIENT TRACKINGINFO", "CLIENT GETREDIR", "CLIENT CACHING yes",
			"CLIENT KILL ID 99999", "CLIENT KILL FOO x", "CLIENT KILL 1.2.3.4:5", "CLIENT KILL", "CLIENT KILL USER nobody", "CLIENT KILL ID x", "CLIENT KILL TYPE foo",
			"CLIENT REPLY x", "CLIENT REPLY", "CLIENT UNBLOCK 99999", "CLIENT UNBLOCK x", "CLIENT UNBLOCK 1 foo", "CLIENT UNPAUSE", "CLIENT LIST ID x", "CLIENT LIST TYPE foo",
			"CLIENT LIST FOO", "CLIENT NO-EVICT on", "CLIENT NO-EVICT x", "COMMAND INFO nosuch", "COMMAND FOO", "COMMAND DOCS nosuch",
			"COMMAND COUNT x", "COMMAND GETKEYS", "COMMAND GETKEYS PING", "COMMAND GETKEYS GET a", "COMMAND GETKEYS PING a", "COMMAND GETKEYS ROLE a",
			"COMMAND GETKEYSANDFLAGS PING", "COMMAND GETKEYSANDFLAGS PING a", "COMMAND HELP x", "COMMAND LIST FILTERBY x", "COMMAND LIST FILTERBY PATTERN subs*", "COMMAND LIST FILTERBY PATTERN acl|w*", "COMMAND LIST x",
			"ACL", "ACL FOO", "ACL WHOAMI", "ACL WHOAMI x", "ACL USERS", "ACL LIST", "ACL GETUSER default", "ACL GETUSER nobody", "ACL GETUSER",
			"ACL LOG RESET", "ACL SETUSER", "ACL DELUSER", "ACL HELP x", "SENTINEL REMOVE x", "INFO nosuch", "INFO sentinel nosuch",
			"SENTINEL IS-MASTER-DOWN-BY-ADDR h 1 x *", "SENTINEL HELP x", "SENTINEL FLUSHCONFIG x", "SENTINEL PENDING-SCRIPTS x", "SENTINEL SIMULATE-FAILURE",
			"SENTINEL SET master rename-command a", "SENTINEL SET master master-reboot-down-after-period -1",
			"CLIENT", "CLIENT FOO", "CLIENT GETNAME", "CLIENT GETNAME x", "CLIENT SETNAME a", "CLIENT GETNAME", "CLIENT ID", "CLIENT SETNAME",
			"SUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "UNSUBSCRIBE x", "SUBSCRIBE a b", "PSUBSCRIBE a*", "PUNSUBSCRIBE", "UNSUBSCRIBE b", "UNSUBSCRIBE",
			"*1\r\n$100\r\n" + strings.Repeat("x", 100), "*2\r\n$3\r\nGET\r\n$200\r\n" + strings.Repeat("y", 200),
			"*3\r\n$3\r\nabc\r\n$200\r\n" + strings.Repeat("y", 200) + "\r\n$2\r\nzz",
		} {
			send := []string{"HELLO " + proto, line}
			want, got := ask(t, realConn(), send...), ask(t, dial(t, ours), send...)
			w, g := varying.ReplaceAllString(want, "N"), varying.ReplaceAllString(got, "N")
			if w != g {
				t.Errorf("RESP%s %s\n got %s\nwant %s", proto, line, oneLine(got), oneLine(want))
			}
		}
	}
}

// pair is a master and a replica of Redis, told as a cluster with the given
// leader.
func pair(t *testing.T) (view func(leader string) View, addrs map[string]string) {
	t.Helper()
	a := startRedis(t, "save ''")
	host, port, _ := net.SplitHostPort(a)
	b := startRedis(t, "save ''\nreplicaof "+host+" "+port)
	nodes := []Node{{Name: "a", Host: host, Alive: true, Voter: true}, {Name: "b", Alive: true, Voter: true}}
	_, _ = fmt.Sscan(port, &nodes[0].RedisPort)
	nodes[1].Host, port, _ = net.SplitHostPort(b)
	_, _ = fmt.Sscan(port, &nodes[1].RedisPort)
	term := uint64(1)
	view = func(leader string) View {
		term++
		return View{Term: term, Leader: leader, Quorum: 2, Self: leader, Nodes: nodes}
	}
	return view, map[string]string{"a": a, "b": b}
}

func TestGoRedisFollowsTheMaster(t *testing.T) {
	view, addrs := pair(t)
	cluster := newFakeCluster(view("a"))
	s := start(t, cluster, func(c *Config) { c.Secret = "pw" })
	c := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: "master", SentinelAddrs: []string{s.Addr().String()}, SentinelPassword: "pw",
	})
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	port := func() string {
		info, _ := c.Info(ctx, "server").Result()
		_, rest, _ := strings.Cut(info, "tcp_port:")
		p, _, _ := strings.Cut(rest, "\r\n")
		return p
	}
	portOf := func(name string) string {
		_, p, _ := net.SplitHostPort(addrs[name])
		return p
	}
	if got := port(); got != portOf("a") {
		t.Fatalf("connected to port %s, want that of %s", got, addrs["a"])
	}
	if err := redis.NewClient(&redis.Options{Addr: addrs["b"]}).ReplicaOf(ctx, "no", "one").Err(); err != nil {
		t.Fatal(err)
	}
	cluster.set(view("b"))
	eventually(t, "go-redis moved to the new master", func() bool { return port() == portOf("b") })

	sentinel := redis.NewSentinelClient(&redis.Options{Addr: s.Addr().String(), Password: "pw"})
	defer sentinel.Close()
	m, err := sentinel.Master(ctx, "master").Result()
	if err != nil || m["flags"] != "master" || m["num-slaves"] != "1" {
		t.Errorf("Master: %v %v", m, err)
	}
	list, err := sentinel.Replicas(ctx, "master").Result()
	if err != nil || len(list) != 1 || net.JoinHostPort(list[0]["ip"], list[0]["port"]) != addrs["a"] {
		t.Errorf("Replicas: %v %v", list, err)
	}
}

const redisPy = `
import sys
from redis.sentinel import Sentinel
s = Sentinel([("127.0.0.1", int(sys.argv[1]))], socket_timeout=5)
print(*s.discover_master("master"))
for r in s.discover_slaves("master"): print(*r)
m = s.master_for("master", socket_timeout=5)
m.set("k", "v")
print(m.get("k").decode())
`

func TestRedisPyFindsTheMaster(t *testing.T) {
	python := "/usr/bin/python3" // Debian's, which has Debian's packages
	if err := exec.Command(python, "-c", "import redis.sentinel").Run(); err != nil {
		missing(t, "redis-py not found", "python3-redis")
	}
	view, addrs := pair(t)
	s := start(t, newFakeCluster(view("a")))
	_, port, _ := net.SplitHostPort(s.Addr().String())
	out, err := exec.Command(python, "-c", redisPy, port).CombinedOutput()
	want := strings.ReplaceAll(addrs["a"], ":", " ") + "\n" + strings.ReplaceAll(addrs["b"], ":", " ") + "\nv\n"
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
}

func TestRedisCli(t *testing.T) {
	cli := program(t, "redis-cli", "redis-tools")
	s := start(t, newFakeCluster(three()))
	_, port, _ := net.SplitHostPort(s.Addr().String())
	for _, tc := range []struct{ args, want string }{
		{"sentinel get-master-addr-by-name master", "10.0.0.1\n6379\n"},
		{"-3 sentinel get-master-addr-by-name master", "10.0.0.1\n6379\n"},
		{"info sentinel", "master0:name=master,status=ok,address=10.0.0.1:6379,slaves=2,sentinels=3"},
		{"sentinel replicas master", "host-c:6380"},
		{"sentinel help", "Prints this help"},
		{"client info", "resp=2"},
		{"client help", "SETNAME"},
		{"command", "get-master"},
	} {
		out, err := exec.Command(cli, append([]string{"-p", port}, strings.Fields(tc.args)...)...).CombinedOutput()
		if tc.args == "command" {
			tc.want = "psubscribe"
		}
		if err != nil || !strings.Contains(string(out), tc.want) {
			t.Errorf("redis-cli %s: %v\n%s\nwant %q", tc.args, err, out, tc.want)
		}
	}
}
