package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pingd/cmd/pingd/config"
	"pingd/cmd/pingd/survey"
	"pingd/kv/client"
)

func TestReachable(t *testing.T) {
	for _, tt := range []struct{ bound, bind, advertise, want string }{
		{"0.0.0.0:80", "0.0.0.0", "h1", "h1:80"},
		{"[::]:80", "0.0.0.0", "10.0.0.1", "10.0.0.1:80"},
		{"[::]:80", "::", "fe80::1", "[fe80::1]:80"},
		{"10.0.0.1:80", "10.0.0.1", "db1", "db1:80"},
		{"127.0.0.1:80", "10.0.0.1", "db1", "127.0.0.1:80"},
		{"[::1]:80", "[::1]", "::1", "[::1]:80"},
		{"nonsense", "h", "h", "nonsense"},
	} {
		if got := reachable(tt.bound, tt.bind, tt.advertise); got != tt.want {
			t.Errorf("%s with bind %s: got %s, want %s", tt.bound, tt.bind, got, tt.want)
		}
	}
}

func TestLocal(t *testing.T) {
	for bound, want := range map[string]string{
		"0.0.0.0:80": "127.0.0.1:80", "[::]:80": "localhost:80", "10.0.0.1:80": "10.0.0.1:80", "db1:80": "db1:80", "nonsense": "nonsense",
	} {
		if got := local(bound); got != want {
			t.Errorf("%s: got %s, want %s", bound, got, want)
		}
	}
}

func TestAdvertised(t *testing.T) {
	for _, tt := range []struct{ advertise, bind, want string }{
		{"db1", "0.0.0.0", "db1"},
		{"[::1]", "127.0.0.1", "::1"},
		{"", "127.0.0.1", "127.0.0.1"},
		{"", "[::1]", "::1"},
		{"", "db1", "db1"},
	} {
		o := config.Options{General: config.General{Name: "n1", Advertise: tt.advertise, Bind: tt.bind}}
		if got := advertised(t.Context(), o); got != tt.want {
			t.Errorf("advertise %q, bind %q: got %q, want %q", tt.advertise, tt.bind, got, tt.want)
		}
	}
	// Bound to every address: one of this machine's, or the name where it has none.
	o := config.Options{General: config.General{Name: "n1", Bind: "0.0.0.0"}}
	got := advertised(t.Context(), o)
	if ip := net.ParseIP(got); got != "n1" && (ip == nil || ip.IsUnspecified() || ip.IsLoopback()) {
		t.Errorf("got %q", got)
	}
	if ip := wayTo(t.Context(), "127.0.0.1:1"); !ip.IsLoopback() {
		t.Errorf("the way to this machine begins at %v", ip)
	}
	if ip := wayTo(t.Context(), "not an address"); ip.IsValid() {
		t.Errorf("got %v", ip)
	}
}

func TestListenErrors(t *testing.T) {
	l := config.Listener{Flag: "proxy-addr", Addr: "127.0.0.1:80"}
	for err, want := range map[error]string{
		syscall.EADDRINUSE:     "ss -ltnp 'sport = :80'",
		syscall.EACCES:         "or --proxy-addr=:10080",
		syscall.EADDRNOTAVAIL:  "must be an address of this machine",
		errors.New("whatever"): "choose another address with --proxy-addr",
	} {
		text := listenError(l, err).Error()
		if !strings.HasPrefix(text, "--proxy-addr=127.0.0.1:80: ") || !strings.Contains(text, "\nhint: ") || !strings.Contains(text, want) {
			t.Errorf("%v: got %q", err, text)
		}
	}
}

// fakeLease fails a number of times, then holds until its context ends.
type fakeLease struct {
	failures int
	last     error

	mu    sync.Mutex
	calls []string
	held  chan struct{}
}

func (f *fakeLease) Lease(ctx context.Context, key, value string, ttl time.Duration) error {
	f.mu.Lock()
	f.calls = append(f.calls, key+" "+value+" "+ttl.String())
	n := len(f.calls)
	f.mu.Unlock()
	if n <= f.failures {
		return errors.New("no store")
	}
	close(f.held)
	<-ctx.Done()
	return f.last
}

func TestAnnouncement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fakeLease{failures: 2, held: make(chan struct{}), last: errors.New("not removed")}
		a := &announcer{store: store, log: slog.New(slog.DiscardHandler), what: survey.Announcement{
			Name: "n1", Roles: []string{"proxy"}, Admin: "h1:19999", Addrs: map[string]string{"proxy": "h1:80"},
		}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		began := time.Now()
		<-store.held
		if waited := time.Since(began); waited != 10*time.Second {
			t.Errorf("held after %v, want twice 5s", waited)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("a store that is away must not fail the process: %v", err)
		}
		want := `/pingd/nodes/n1 {"name":"n1","roles":["proxy"],"admin":"h1:19999","addrs":{"proxy":"h1:80"}} 10s`
		if got := store.calls[2]; got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
}

func TestAnnouncementStopsWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &announcer{store: &fakeLease{failures: 1 << 30}, log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		began := time.Now()
		if err := a.Run(ctx); err != nil || time.Since(began) != 7*time.Second {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
	})
}

func TestSignals(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	errStuck := errors.New("stuck")
	t.Run("ends by itself", func(t *testing.T) {
		err := untilSignal(t.Context(), nil, quiet, func(context.Context) error { return errStuck })
		if !errors.Is(err, errStuck) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("first stops", func(t *testing.T) {
		signals := make(chan os.Signal, 2)
		signals <- syscall.SIGTERM
		err := untilSignal(t.Context(), signals, quiet, func(ctx context.Context) error { <-ctx.Done(); return nil })
		if err != nil {
			t.Errorf("got %v", err)
		}
	})
	t.Run("second does not wait", func(t *testing.T) {
		signals := make(chan os.Signal, 2)
		signals <- syscall.SIGTERM
		signals <- syscall.SIGINT
		release := make(chan struct{})
		defer close(release)
		err := untilSignal(t.Context(), signals, quiet, func(context.Context) error { <-release; return nil })
		if !errors.Is(err, errImpatient) {
			t.Errorf("got %v", err)
		}
	})
}

func TestReplaceWaitsForTheNewNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, by := client.Member{Name: "s3", Leader: true, Voter: true, Alive: true}, client.Member{Name: "s4"}
		c := &changingCluster{fakeCluster: fakeCluster{members: []client.Member{old}}}
		var out bytes.Buffer
		done := make(chan error, 1)
		go func() { done <- replace(t.Context(), c, "s3", "s4", &out) }()
		for _, step := range []struct {
			with func()
			says string
		}{
			{func() {}, "it has not joined yet"},
			{func() { c.members = []client.Member{old, by} }, "it does not answer"},
			{func() { by.Alive = true; c.members = []client.Member{old, by} }, "it is being sent the data"},
			{func() { c.err = client.ErrUnavailable }, "no store node"},
		} {
			c.change(step.with)
			<-time.After(2 * replaceTell)
			synctest.Wait()
			if !strings.Contains(out.String(), "waiting: ") || !strings.Contains(out.String(), step.says) || c.did != "" {
				t.Fatalf("says %q, did %q, want %q", &out, c.did, step.says)
			}
			out.Reset()
		}
		c.change(func() {
			by.Voter, c.err = true, nil
			c.members = []client.Member{old, by}
		})
		if err := <-done; err != nil || c.did != "remove s3" {
			t.Fatal(err, c.did)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := replace(ctx, c, "s3", "s5", &out); !errors.Is(err, errNotThere) || !strings.Contains(err.Error(), "hint") && !strings.Contains(err.Error(), "--join") {
			t.Fatal(err)
		}
	})
}

// fakeCluster answers the commands.
type fakeCluster struct {
	status  string
	err     error
	members []client.Member
	did     string
}

func (f *fakeCluster) Status(context.Context) (json.RawMessage, error) {
	return json.RawMessage(f.status), f.err
}
func (f *fakeCluster) Members(context.Context) ([]client.Member, error) { return f.members, f.err }
func (f *fakeCluster) Remove(_ context.Context, name string) error {
	f.did += "remove " + name
	return f.err
}

func (f *fakeCluster) Transfer(_ context.Context, name string) error {
	f.did += "transfer " + name
	return f.err
}

// changingCluster answers while it is changed.
type changingCluster struct {
	fakeCluster
	mu sync.Mutex
}

func (c *changingCluster) change(how func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	how()
}

func (c *changingCluster) Members(ctx context.Context) ([]client.Member, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fakeCluster.Members(ctx)
}

const threeNodes = `{"leader":"s1","term":7,"members":[
{"name":"s1","redis":"h1:6379","voter":true,"leader":true,"alive":true},
{"name":"s2","redis":"h2:6379","voter":true,"alive":true,"lag_entries":12,"last_contact_seconds":0.0213},
{"name":"s3","alive":false,"last_contact_seconds":-1}]}`

func TestAsk(t *testing.T) {
	members := []client.Member{{Name: "s1", Redis: "h1:6379", Raft: "h1:16379", Leader: true, Voter: true, Alive: true}, {Name: "s2"}}
	tests := []struct {
		name    string
		cluster fakeCluster
		cmd     config.Command
		want    []string // in the output
		did     string
		err     string
	}{
		{name: "status", cluster: fakeCluster{status: threeNodes}, cmd: config.Command{Name: "status"}, want: []string{
			"leader s1, term 7, 2 of 3 members alive\n",
			"s1     leader     alive   h1:6379   0     -\n",
			"s2     follower   alive   h2:6379   12    21ms\n",
			"s3     learner    dead    -         0     never\n",
		}},
		{
			name: "status as JSON", cluster: fakeCluster{status: threeNodes}, cmd: config.Command{Name: "status", JSON: true},
			want: []string{`"leader": "s1"`, `"lag_entries": 12`, `"node": {`},
		},
		{
			name: "status without a leader", cluster: fakeCluster{status: `{"term":3,"members":[]}`}, cmd: config.Command{Name: "status"},
			want: []string{"no leader, term 3, 0 of 0"}, err: "the cluster has no leader",
		},
		{name: "status that is none", cluster: fakeCluster{status: `[]`}, cmd: config.Command{Name: "status"}, err: "read the status of the store"},
		{name: "status of nobody", cluster: fakeCluster{err: client.ErrUnavailable}, cmd: config.Command{Name: "status"}, err: "no store node"},
		{name: "members", cluster: fakeCluster{members: members}, cmd: config.Command{Name: "members"}, want: []string{
			"NAME   ROLE      STATE   REDIS     RAFT       SENTINEL   ADMIN\n", "s1     leader    alive   h1:6379   h1:16379   -          -\n", "s2     learner   dead",
		}},
		{name: "members as JSON", cluster: fakeCluster{members: members}, cmd: config.Command{Name: "members", JSON: true}, want: []string{`"name": "s2"`}},
		{name: "members of nobody", cluster: fakeCluster{err: client.ErrUnavailable}, cmd: config.Command{Name: "members"}, err: "no store node"},
		{name: "remove", cmd: config.Command{Name: "remove", Node: "s3"}, want: []string{"s3 is no longer a member"}, did: "remove s3"},
		{name: "remove refused", cluster: fakeCluster{err: errors.New("no such member")}, cmd: config.Command{Name: "remove", Node: "x"}, did: "remove x", err: "no such member"},
		{
			name: "replace", cluster: fakeCluster{members: []client.Member{{Name: "s3"}, {Name: "s4", Voter: true, Alive: true}}},
			cmd: config.Command{Name: "replace", Node: "s3", By: "s4"}, want: []string{"s4 has taken the place of s3"}, did: "remove s3",
		},
		{
			name: "replace nobody", cluster: fakeCluster{members: []client.Member{{Name: "s4", Voter: true, Alive: true}}},
			cmd: config.Command{Name: "replace", Node: "s3", By: "s4"}, err: "no such member",
		},
		{name: "transfer", cmd: config.Command{Name: "transfer"}, want: []string{"leadership handed over"}, did: "transfer "},
		{name: "transfer refused", cluster: fakeCluster{err: errors.New("s9 is unknown")}, cmd: config.Command{Name: "transfer", Node: "s9"}, did: "transfer s9", err: "s9 is unknown"},
		{name: "unknown", cmd: config.Command{Name: "dance"}, err: `command "dance" is unknown`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			err := ask(t.Context(), &tt.cluster, tt.cmd, &out)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("want %q in\n%s", want, &out)
				}
			}
			if tt.cluster.did != tt.did {
				t.Errorf("did %q, want %q", tt.cluster.did, tt.did)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	for b, want := range map[build][2]string{
		{Version: "1.2", Go: "go1.26"}:                            {"pingd 1.2 go1.26 ", "1.2"},
		{Version: "devel", Commit: "abc+changes", Go: "go1.26.1"}: {"pingd devel (commit abc+changes) go1.26.1 ", "devel-abc+changes"},
	} {
		if !strings.HasPrefix(b.String(), want[0]) || b.short() != want[1] {
			t.Errorf("got %q and %q, want %q", b, b.short(), want)
		}
	}
	if b := thisBuild(); b.Version == "" || !strings.HasPrefix(b.Go, "go") {
		t.Errorf("got %+v", b)
	}
}

func TestLogger(t *testing.T) {
	for _, tt := range []struct{ level, format, want string }{
		{"warn", "text", "level=WARN msg=w"},
		{"error", "json", ""},
		{"debug", "json", `"msg":"d"`},
	} {
		var out bytes.Buffer
		log := newLogger(&out, config.Options{General: config.General{LogLevel: tt.level, LogFormat: tt.format}})
		log.Debug("d")
		log.Warn("w")
		if !strings.Contains(out.String(), tt.want) || tt.want == "" && out.Len() > 0 {
			t.Errorf("%s %s: got %q", tt.level, tt.format, &out)
		}
	}
}

func TestRunWithoutASystem(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		status int
		out    string
		errors string
	}{
		{[]string{"--help"}, 0, "usage:\n  pingd [flags]", ""},
		{[]string{"version"}, 0, "pingd ", ""},
		{[]string{"--check"}, 0, "configuration ok\n", ""},
		{[]string{"--no-such"}, 2, "", "pingd: --no-such: unknown flag"},
		{[]string{"health", "--admin-addr=off"}, 1, "", "there is nobody to ask"},
		{[]string{"--role=proxy", "--backend=127.0.0.1:1", "--admin-addr=:0", "--proxy-addr=:0", "--access-log=/no/such/file"}, 1, "", "--access-log=/no/such/file: "},
	} {
		var out, errs bytes.Buffer
		status := run(t.Context(), tt.args, nil, &out, &errs)
		if status != tt.status || !strings.Contains(out.String(), tt.out) || !strings.Contains(errs.String(), tt.errors) {
			t.Errorf("%q: status %d, output %q, errors %q", tt.args, status, &out, &errs)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var out, errs bytes.Buffer
	status := run(ctx, []string{"--role=proxy,monitor", "--backend=127.0.0.1:1", "--admin-addr=:0", "--proxy-addr=:0", "--data=" + t.TempDir()}, nil, &out, &errs)
	if status != 0 || !strings.Contains(errs.String(), "pingd has stopped") {
		t.Errorf("status %d, log\n%s", status, &errs)
	}
}

func TestShareOfOpenFiles(t *testing.T) {
	for _, c := range []struct {
		files           uint64
		redis, sentinel int
	}{
		{1 << 63, 10_000, 10_000},
		{1 << 20, 10_000, 10_000},
		{20_640, 10_000, 5_000},
		{4096, 2592, 864},
		{1024, 288, 96},
		{800, 120, 40},
		{256, 24, 8},
		{0, 1, 1},
	} {
		if r, s := share(c.files); r != c.redis || s != c.sentinel {
			t.Errorf("of %d files: %d and %d clients, want %d and %d", c.files, r, s, c.redis, c.sentinel)
		}
	}
}
