package info

import (
	"strings"
	"testing"
	"time"

	"pingd/kv/replica"
	"pingd/kv/resp/reply"
)

type cluster struct {
	leads   bool
	members []replica.Member
}

func (c cluster) IsLeader() bool            { return c.leads }
func (c cluster) Members() []replica.Member { return c.members }
func (c cluster) Status() replica.Status    { return replica.Status{Applied: 42} }

func (c cluster) Leader() (replica.Member, bool) {
	for _, m := range c.members {
		if m.Leader {
			return m, true
		}
	}
	return replica.Member{}, false
}

func facts(c cluster) *Facts {
	return &Facts{
		Setting: func(string) string { return "1" }, RunID: "id", ErrorCodes: map[string]int64{"ERR": 1, "A": 2},
		Calls: []Calls{{"get", 3, 1, 2, 30 * time.Microsecond}, {Name: "unused"}}, Raft: c.Status(), Replication: View(c),
	}
}

func TestReplication(t *testing.T) {
	members := []replica.Member{
		{Name: "a", Redis: "h1:1", Leader: true},
		{Name: "b", Redis: "h2:2", Alive: true, Applied: 40, LastContactSeconds: 3},
		{Name: "c", Redis: "[::1]:3"},
		{Name: "d"}, // its address is not known yet
	}
	for _, c := range []struct {
		cluster cluster
		want    string
	}{
		{cluster{true, members}, "role:master\r\nconnected_slaves:2\r\nslave0:ip=h2,port=2,state=online,offset=40,lag=3\r\n" +
			"slave1:ip=::1,port=3,state=wait_bgsave,offset=0,lag=0\r\n"},
		{cluster{false, members}, "role:slave\r\nmaster_host:h1\r\nmaster_port:1\r\nmaster_link_status:up\r\n"},
		{cluster{false, nil}, "role:slave\r\nmaster_host:\r\nmaster_port:\r\nmaster_link_status:down\r\n"},
	} {
		got := facts(c.cluster).Render([][]byte{[]byte("Replication")})
		if !strings.HasPrefix(got, "# Replication\r\n"+c.want) || !strings.Contains(got, "\r\nmaster_repl_offset:42\r\n") {
			t.Errorf("got %s\nwant %s", got, c.want)
		}
	}
}

func TestSections(t *testing.T) {
	f := facts(cluster{})
	for ask, want := range map[string]string{
		"":                  "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Raft Keyspace",
		"default":           "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Raft Keyspace",
		"all":               "Server Clients Memory Persistence Stats Replication CPU Modules Commandstats Errorstats Cluster Raft Keyspace",
		"raft CPU":          "CPU Raft",
		"commandstats nope": "Commandstats",
		"nope":              "",
	} {
		var sections [][]byte
		for _, s := range strings.Fields(ask) {
			sections = append(sections, []byte(s))
		}
		var got []string
		for l := range strings.SplitSeq(f.Render(sections), "\r\n") {
			if name, ok := strings.CutPrefix(l, "# "); ok {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q gives %v, want %s", ask, got, want)
		}
	}
	if got := f.Render([][]byte{[]byte("errorstats")}); got != "# Errorstats\r\nerrorstat_A:count=2\r\nerrorstat_ERR:count=1\r\n" {
		t.Errorf("%q", got)
	}
}

// Clients choose the texts of errors: the codes that are counted stay few.
func TestCodesAreBounded(t *testing.T) {
	var c Codes
	c.Count("WRONGTYPE x")
	c.Count("lower case")
	for i := range 1000 {
		c.Count(strings.Repeat(string(rune('A'+i%26)), 1+i/26) + " x")
	}
	all := c.All()
	if len(all) > maxCodes+1 || all["WRONGTYPE"] != 1 || all["ERR"] != 1 || all["OTHER"] == 0 {
		t.Errorf("%d codes", len(all))
	}
	if c.Reset(); len(c.All()) != 0 {
		t.Error("not reset")
	}
}

func TestCommandStats(t *testing.T) {
	want := "# Commandstats\r\ncmdstat_get:calls=3,usec=30,usec_per_call=10.00,rejected_calls=2,failed_calls=1\r\n"
	if got := facts(cluster{}).Render([][]byte{[]byte("commandstats")}); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestRates(t *testing.T) {
	var r Rates
	now := time.Unix(1000, 0)
	if got := r.Now(); got != (PerSecond{}) {
		t.Errorf("without samples %+v", got)
	}
	for i := range int64(40) {
		r.Note(now.Add(time.Duration(i)*100*time.Millisecond), 7*i, 1024*i, 2048*i)
	}
	if got := r.Now(); got.Commands != 70 || got.InKiB != 10 || got.OutKiB != 20 {
		t.Errorf("%+v", got)
	}
	r.Note(now.Add(time.Minute), 0, 0, 0) // CONFIG RESETSTAT
	if got := r.Now(); got != (PerSecond{}) {
		t.Errorf("after a reset %+v", got)
	}
}

func TestRole(t *testing.T) {
	members := []replica.Member{{Name: "a", Redis: "h1:1", Leader: true}, {Name: "b", Redis: "h2:2", Applied: 40}}
	for _, c := range []struct {
		cluster cluster
		want    string
	}{
		{cluster{true, members}, "*3\r\n$6\r\nmaster\r\n:42\r\n*1\r\n*3\r\n$2\r\nh2\r\n$1\r\n2\r\n$2\r\n40\r\n"},
		{cluster{false, members}, "*5\r\n$5\r\nslave\r\n$2\r\nh1\r\n:1\r\n$9\r\nconnected\r\n:42\r\n"},
		{cluster{false, nil}, "*5\r\n$5\r\nslave\r\n$0\r\n\r\n:0\r\n$7\r\nconnect\r\n:42\r\n"},
	} {
		w := &reply.Writer{Proto: 2}
		if AnswerRole(w, c.cluster); string(w.Out) != c.want {
			t.Errorf("got  %q\nwant %q", w.Out, c.want)
		}
	}
}
