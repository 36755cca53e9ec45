package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

func TestOrder(t *testing.T) {
	now := time.Unix(1000, 0)
	members := []Member{
		{Name: "a", Redis: "a:1", Alive: true},
		{Name: "b", Redis: "b:1"},
		{Name: "c", Redis: "c:1", Alive: true, Leader: true},
		{Name: "d", Redis: "d:1", Alive: true},
		{Name: "e", Alive: true}, // advertises no Redis address
	}
	for _, tc := range []struct {
		name    string
		members []Member
		seeds   []string
		bad     map[string]time.Duration // until, from now
		want    string
	}{
		{"seeds alone", nil, []string{"x:1", "y:1"}, nil, "x:1 y:1"},
		{"leader, living, dead, seeds", members, []string{"x:1"}, nil, "c:1 a:1 d:1 b:1 x:1"},
		{"a seed that is a member", members, []string{"a:1"}, nil, "c:1 a:1 d:1 b:1"},
		{"leader to be avoided", members, nil, map[string]time.Duration{"c:1": time.Second}, "a:1 d:1 b:1 c:1"},
		{
			"avoided for a longer time comes later", members, nil,
			map[string]time.Duration{"c:1": 2 * time.Second, "a:1": time.Second},
			"d:1 b:1 a:1 c:1",
		},
		{"over", members, nil, map[string]time.Duration{"c:1": -time.Second}, "c:1 a:1 d:1 b:1"},
		{
			"all to be avoided", nil,
			[]string{"x:1", "y:1"},
			map[string]time.Duration{"x:1": 2 * time.Second, "y:1": time.Second},
			"y:1 x:1",
		},
	} {
		bad := func(addr string) time.Time {
			if d, ok := tc.bad[addr]; ok {
				return now.Add(d)
			}
			return time.Time{}
		}
		if got := strings.Join(order(tc.members, tc.seeds, bad, now), " "); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestClassify(t *testing.T) {
	refused := &connectError{&net.OpError{Op: "dial", Err: errors.New("connection refused")}}
	slow := &net.OpError{Op: "read", Err: timeoutError{}}
	for _, tc := range []struct {
		err   error
		want  verdict
		ran   bool
		final bool
	}{
		{nil, answered, false, true},
		{redis.Error("WRONGTYPE Operation against a key holding the wrong kind of value"), rejected, false, true},
		{redis.Error("ERR unknown command"), rejected, false, true},
		{redis.Error("NOAUTH Authentication required."), unwelcome, false, true},
		{fmt.Errorf("init: %w", redis.Error("WRONGPASS invalid username-password pair")), unwelcome, false, true},
		{redis.Error("CLUSTERDOWN no leader"), elsewhere, false, false},
		{redis.Error("LOADING"), elsewhere, false, false},
		{redis.Error("ASK 1 h:1"), elsewhere, false, false},
		{redis.Error("ASKING for trouble"), rejected, false, true},
		{redis.Error("UNCERTAIN leader lost"), uncertain, true, false},
		{refused, unreachable, false, false},
		{fmt.Errorf("get connection: %w", refused), unreachable, false, false},
		{&connectError{fmt.Errorf("send password: %w", slow)}, unreachable, false, false},
		{slow, silent, true, false},
		{io.EOF, broken, true, false},
		{errors.New("anything"), broken, true, false},
	} {
		got := classify(tc.err)
		if got != tc.want || got.ran() != tc.ran || got.final() != tc.final {
			t.Errorf("%v: verdict %d ran %v final %v, want %d %v %v", tc.err, got, got.ran(), got.final(), tc.want, tc.ran, tc.final)
		}
	}
}

type timeoutError struct{}

func (timeoutError) Error() string { return "i/o timeout" }
func (timeoutError) Timeout() bool { return true }

func TestReadOnly(t *testing.T) {
	for _, tc := range []struct {
		args []any
		want bool
	}{
		{[]any{"get", "k"}, true},
		{[]any{"SCAN", "0"}, true},
		{[]any{"SET", "k", "v"}, false},
		{[]any{"GETDEL", "k"}, false},
		{[]any{"NEWCOMMAND"}, false},
		{[]any{[]byte("GET"), "k"}, false}, // only what is surely a read
		{[]any{"PINGD", "members"}, true},
		{[]any{"PINGD", "REMOVE", "a"}, false},
		{[]any{"PINGD"}, false},
	} {
		if got := readOnly(tc.args); got != tc.want {
			t.Errorf("%v: %v", tc.args, got)
		}
	}
}

func TestParseMembers(t *testing.T) {
	want := []Member{{Name: "a", Redis: "a:1", Voter: true, Leader: true, Alive: true}}
	for _, text := range []string{
		`[{"name":"a","redis":"a:1","voter":true,"leader":true,"alive":true,"lag":3}]`,
		` {"members":[{"Name":"a","Redis":"a:1","Voter":true,"Leader":true,"Alive":true}],"term":4}`,
	} {
		if got, err := parseMembers([]byte(text)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", `"a"`, `[{"name":1}]`} {
		if got, err := parseMembers([]byte(text)); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// node is a fake of a pingd node: it tells the members and counts calls.
func pingdNode(t *testing.T, members func() []Member) *fake {
	t.Helper()
	return startFake(t, func(args []string) string {
		switch {
		case args[0] != "PINGD":
			return "+OK\r\n"
		case args[1] == "MEMBERS":
			b, _ := json.Marshal(members())
			return bulk(string(b))
		case args[1] == "PEER":
			return bulk(`{"name":"a"}`)
		case args[1] == "STATUS":
			return bulk(`{"term":7}`)
		default:
			return "+OK\r\n"
		}
	})
}

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

// The client finds the leader by itself and survives the loss of its seed.
func TestMembersAreLearned(t *testing.T) {
	var list []Member
	members := func() []Member { return list }
	a, b := pingdNode(t, members), pingdNode(t, members)
	list = []Member{
		{Name: "a", Redis: a.addr, Alive: true, Voter: true},
		{Name: "b", Redis: b.addr, Alive: true, Voter: true, Leader: true},
	}
	c := connect(t, a.addr)
	must(t, c, "SET", "k", "v") // goes to the seed
	eventually(t, "commands go to the leader", func() bool {
		must(t, c, "SET", "k", "v")
		return b.seen("SET") > 0
	})
	before := a.seen("SET")
	must(t, c, "SET", "k", "v")
	if a.seen("SET") != before {
		t.Error("the seed is asked although the leader is known")
	}
	a.stop()
	must(t, c, "SET", "k", "v")
}

func TestPingdSubcommands(t *testing.T) {
	want := []Member{{Name: "a", Redis: "127.0.0.1:1", Alive: true}}
	f := pingdNode(t, func() []Member { return want })
	c := connect(t, f.addr)
	ctx := within(t, 5*time.Second)
	if got, err := c.Members(ctx); err != nil || !slices.Equal(got, want) {
		t.Errorf("Members: %+v %v", got, err)
	}
	if got, err := c.Status(ctx); err != nil || string(got) != `{"term":7}` {
		t.Errorf("Status: %s %v", got, err)
	}
	if got, err := c.Peer(ctx); err != nil || string(got) != `{"name":"a"}` {
		t.Errorf("Peer: %s %v", got, err)
	}
	for _, err := range []error{c.Transfer(ctx, ""), c.Transfer(ctx, "b"), c.Remove(ctx, "c")} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, call := range []string{"PINGD TRANSFER", "PINGD TRANSFER b", "PINGD REMOVE c"} {
		if !f.got(strings.Fields(call)...) {
			t.Errorf("%s was not sent", call)
		}
	}
	f.set(func([]string) string { return "+not JSON\r\n" })
	if _, err := c.Status(ctx); !errors.Is(err, errNotJSON) {
		t.Errorf("Status: %v", err)
	}
}

func TestPeers(t *testing.T) {
	a := pingdNode(t, func() []Member { return nil })
	got, err := Peers(within(t, 5*time.Second), Config{Addrs: []string{freeAddr(t), a.addr}})
	if err != nil || len(got) != 1 || string(got[0]) != `{"name":"a"}` {
		t.Errorf("%s %v", got, err)
	}
	if _, err := Peers(within(t, 5*time.Second), Config{Addrs: []string{freeAddr(t)}}); err == nil {
		t.Error("nobody listens, and no error")
	}
	if _, err := Peers(within(t, 5*time.Second), Config{}); err == nil {
		t.Error("no address, and no error")
	}
}

// A name stands for every address behind it.
func TestNamesAreResolved(t *testing.T) {
	_, port, _ := net.SplitHostPort(freeAddr(t))
	server := startRedisAt(t, redisPath(t), "127.0.0.1:"+port)
	c := connect(t, net.JoinHostPort("localhost", port))
	must(t, c, "SET", "k", "v")
	c.mu.Lock()
	seeds := slices.Clone(c.seeds)
	c.mu.Unlock()
	if !slices.Contains(seeds, server.addr) {
		t.Errorf("seeds %v, want %s among them", seeds, server.addr)
	}
	// A name that does not exist is an error that says so.
	c = connect(t, "no-such-host.invalid:1")
	var err error
	// A look-up that is under way when time is over leaves the outcome open.
	for try := 0; try < 20 && !errors.Is(err, ErrUnavailable); try++ {
		_, err = c.Do(within(t, 300*time.Millisecond), "GET", "k")
	}
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("unknown host: %v", err)
	}
}
