package sentinel

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// Of a master, a replica and two Sentinels both tell the same: the same fields in the
// same order, with the same words for values.
func TestSameListsAsRedisSentinel(t *testing.T) {
	program(t, "redis-server", "redis-server")
	view, addrs := pair(t)
	host, port, _ := net.SplitHostPort(addrs["a"])
	config := "sentinel monitor master " + host + " " + port + " 2"
	real := []string{startRedis(t, config, "--sentinel"), startRedis(t, config, "--sentinel")}
	told := view("a")
	told.Nodes = slices.Clone(told.Nodes)
	for i := range told.Nodes {
		told.Nodes[i].SentinelPort, told.Nodes[i].RunID = 26379+i, strings.Repeat("a", 40)
	}
	told.Nodes[1].LastContact = time.Millisecond
	ours := start(t, newFakeCluster(told))
	asked := func(addr, proto, line string) string {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		return varying.ReplaceAllString(ask(t, conn, "HELLO "+proto, line), "N")
	}
	// Not every ten seconds, as they would else.
	for _, addr := range real {
		asked(addr, "2", "SENTINEL DEBUG info-period 100 ping-period 100 publish-period 100 ask-period 100")
	}
	for _, proto := range []string{"2", "3"} {
		for _, line := range []string{
			"SENTINEL MASTER master", "SENTINEL MASTERS", "SENTINEL REPLICAS master", "SENTINEL SLAVES master", "SENTINEL SENTINELS master",
			"SENTINEL CKQUORUM master", "SENTINEL GET-MASTER-ADDR-BY-NAME master", "ROLE", "INFO sentinel",
		} {
			got := asked(ours.Addr().String(), proto, line)
			want := ""
			began := time.Now()
			eventually(t, line, func() bool { // Sentinels find one another, and connect
				want = asked(real[0], proto, line)
				return got == want || time.Since(began) > 30*time.Second
			})
			if got != want {
				t.Errorf("RESP%s %s\n got %s\nwant %s", proto, line, oneLine(got), oneLine(want))
			}
		}
	}
}

// What ACL shows of the password is of no use to anybody.
func TestACLHidesTheSecret(t *testing.T) {
	s := start(t, newFakeCluster(three()), func(c *Config) { c.Secret = "pw" })
	conn := dial(t, s)
	zeros := strings.Repeat("0", 64)
	for _, tc := range []struct{ send, want string }{
		{"AUTH pw", "+OK "},
		{"ACL WHOAMI", "$7 default "},
		{"ACL LIST", "*1 $93 user default on #" + zeros + " ~* &* +@all "},
		{"ACL GETUSER default", "*12 $5 flags *1 $2 on $9 passwords *1 $64 " + zeros + " $8 commands $5 +@all $4 keys $2 ~* $8 channels $2 &* $9 selectors *0 "},
		{"ACL SETUSER default nopass", "-ERR users cannot be changed: there is one, default, whose password is the cluster's secret "},
		{"ACL LOAD", "-ERR This Redis instance is not configured to use an ACL file. Users are not stored: there is one, default. "},
		{"ACL LOG", "*0 "},
	} {
		if got := oneLine(ask(t, conn, tc.send)); got != tc.want {
			t.Errorf("%s\n got %s\nwant %s", tc.send, got, tc.want)
		}
	}
}

// The sections of INFO are Redis Sentinel's.
func TestSectionsOfInfo(t *testing.T) {
	s := start(t, newFakeCluster(three()))
	conn := dial(t, s)
	text := ask(t, conn, "INFO")
	var sections []string
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(line, "# "); ok {
			sections = append(sections, strings.TrimSpace(title))
		}
	}
	if want := []string{"Server", "Clients", "Stats", "CPU", "Sentinel"}; !slices.Equal(sections, want) {
		t.Errorf("sections %v, want %v", sections, want)
	}
	if cpu := ask(t, conn, "INFO cpu"); !strings.Contains(cpu, "used_cpu_user:") || strings.Contains(cpu, "redis_version") {
		t.Errorf("INFO cpu: %s", cpu)
	}
}
