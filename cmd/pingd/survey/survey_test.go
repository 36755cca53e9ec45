package survey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/kv"
	"pingd/kv/replica"
	"pingd/monitor"
	"pingd/monitor/alert"
	"pingd/monitor/cluster"
	"pingd/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keys is a store with these values.
type keys map[string]string

func (k keys) Watch(ctx context.Context, prefix string, fn func(map[string]string)) error {
	if prefix != Prefix {
		return errors.New("another prefix")
	}
	fn(k)
	<-ctx.Done()
	return ctx.Err()
}

// process is a process's admin listener.
func process(t *testing.T, name string, status *Account, past string, secret string) Announcement {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/status", func(w http.ResponseWriter, r *http.Request) {
		if status == nil {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(status)
	})
	mux.HandleFunc("/status/past", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("from") != "100" || r.URL.Query().Get("to") != "103" {
			t.Errorf("asked for %s", r.URL)
		}
		fmt.Fprint(w, past)
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if secret != "" && r.Header.Get("Authorization") != "Bearer "+secret {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return Announcement{Name: name, Admin: strings.TrimPrefix(srv.URL, "http://"), Roles: []string{"store", "monitor"}}
}

// following is a survey of the processes, which knows them.
func following(t *testing.T, secret string, list ...Announcement) *Survey {
	t.Helper()
	k := keys{Prefix + "broken": "{"}
	for _, a := range list {
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		k[Prefix+a.Name] = string(text)
	}
	s := New(k, secret, nil, slog.New(slog.DiscardHandler))
	s.within = time.Minute // the machine may be busy
	if _, err := s.State(t.Context()); !errors.Is(err, ErrUnknown) {
		t.Errorf("before the store answered: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Follow(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for {
		if _, err := s.Nodes(); err == nil {
			return s
		}
		<-time.After(time.Millisecond)
	}
}

func account(now time.Time) *Account {
	a := &Account{Now: now}
	a.Roles.Store = &kv.Status{Raft: replica.Status{
		Name: "s1", Leader: "s1", State: "leader", Term: 3, Voters: 1, LeaderGap: 0.25,
		Members: []replica.Member{{Name: "s1", Alive: true, Voter: true}},
	}}
	a.Roles.Store.Raft.Fsync.Bounds, a.Roles.Store.Raft.Fsync.Counts = []float64{1}, []uint64{5, 0}
	a.Roles.Monitor = &monitor.Status{
		Host:   cluster.Host{Name: "own", CPU: 0.5},
		Alerts: []cluster.Alert{{Alert: alert.Alert{Rule: "disk"}, Node: "own"}},
	}
	return a
}

func TestState(t *testing.T) {
	s := following(t, "hush",
		process(t, "s1", account(time.Now().Add(time.Hour)), "", "hush"),
		process(t, "s2", nil, "", "hush"),
		Announcement{Name: "s3"},
		Announcement{Name: "s4", Admin: "127.0.0.1:1"},
		process(t, "s5", account(time.Now()), "", "another"),
	)
	c, err := s.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Leader != "s1" || len(c.Nodes) != 5 || len(c.Members) != 1 {
		t.Fatalf("state %+v", c)
	}
	for i, want := range []string{"", "503", "no admin listener", "connection refused", "401"} {
		if n := c.Nodes[i]; n.Alive != (want == "") || !strings.Contains(n.Error, want) {
			t.Errorf("%s: alive %v, error %q, want %q", n.Name, n.Alive, n.Error, want)
		}
	}
	if skew := c.Nodes[0].SkewMS; skew < 3_590_000 || skew > 3_610_000 {
		t.Errorf("skew %v ms of a clock that is an hour ahead", skew)
	}
	if len(c.Hosts) != 1 || c.Hosts[0].Name != "s1" || !c.Hosts[0].Alive || len(c.Alerts) != 1 || c.Alerts[0].Node != "s1" {
		t.Errorf("hosts %+v, alerts %+v", c.Hosts, c.Alerts)
	}
	if st := c.Stores[0]; st.Gap != 0.25 || len(st.Fsync.Counts) != 2 {
		t.Errorf("store %+v", st)
	}
}

// TestSomeThatHang holds that processes which do not answer, and there may be many,
// keep nobody from hearing of the others.
func TestSomeThatHang(t *testing.T) {
	hang := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer srv.Close()
	defer close(hang)
	list := []Announcement{process(t, "z1", account(time.Now()), "", "")}
	for i := range 100 {
		list = append(list, Announcement{Name: fmt.Sprint("h", i), Admin: strings.TrimPrefix(srv.URL, "http://")})
	}
	s := following(t, "", list...)
	for s.within = askTimeout; s.within < 30*time.Second; s.within *= 4 { // the machine may be busy
		c, err := s.State(t.Context())
		if err != nil || c.Nodes[0].Alive || len(c.Nodes) != 101 {
			t.Fatalf("state %+v, %v", c.Nodes, err)
		}
		if c.Leader == "s1" {
			return
		}
	}
	t.Error("z1 is not heard")
}

func TestPast(t *testing.T) {
	line := func(second, term int) string {
		a := account(time.Time{})
		a.Roles.Store.Raft.Term = uint64(term)
		a.Roles.Monitor = nil
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d %s\n", second, text)
	}
	s := following(t, "",
		process(t, "s1", nil, line(100, 1)+line(102, 2), ""),
		process(t, "s2", nil, line(102, 3)+"torn", ""),
		Announcement{Name: "s3", Admin: "127.0.0.1:1"},
	)
	got, err := s.Past(t.Context(), time.Unix(100, 0), time.Unix(103, 0))
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, c := range got {
		text += fmt.Sprintf("%d:%d", c.Time.Unix(), c.Term)
		for _, n := range c.Nodes {
			text += fmt.Sprintf(",%v", n.Alive)
		}
		text += " "
	}
	if text != "100:1,true,false,false 102:3,true,true,false " {
		t.Errorf("past %s", text)
	}
}

// TestSeveralServices holds that servers of the same name in several services stay
// apart.
func TestSeveralServices(t *testing.T) {
	p := &proxy.Status{Services: []proxy.ServiceStatus{{Name: "app"}}, Backends: []proxy.BackendStatus{{Service: "app", Name: "a"}}}
	if got := proxyOf(time.Now(), Announcement{}, p).Backends[0].Name; got != "a" {
		t.Errorf("one service: %q", got)
	}
	p.Services, p.Backends = append(p.Services, proxy.ServiceStatus{Name: "api"}), append(p.Backends, proxy.BackendStatus{Service: "api", Name: "a"})
	got := proxyOf(time.Now(), Announcement{}, p).Backends
	if got[0].Name != "app/a" || got[1].Name != "api/a" {
		t.Errorf("two services: %+v", got)
	}
}

func TestPeer(t *testing.T) {
	s := following(t, "hush", Announcement{Name: "m", Admin: "h:1", Roles: []string{"monitor"}}, Announcement{Name: "p", Admin: "h:2", Roles: []string{"proxy"}})
	if p, ok := s.Peer("m"); !ok || p.Base != "http://h:1" || p.Header.Get("Authorization") != "Bearer hush" {
		t.Errorf("peer %+v, %v", p, ok)
	}
	for _, name := range []string{"p", "none", ""} {
		if _, ok := s.Peer(name); ok {
			t.Errorf("%q has no monitor", name)
		}
	}
	if _, ok := New(keys{}, "", nil, nil).Peer("m"); ok {
		t.Error("a peer before the store answered")
	}
}

func TestOnlyThisProcess(t *testing.T) {
	var what atomic.Pointer[Announcement]
	a := process(t, "me", account(time.Now()), "", "")
	what.Store(&a)
	s := New(Only(&what), "", nil, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Follow(ctx) }()
	for {
		if _, err := s.Nodes(); err == nil {
			break
		}
		<-time.After(time.Millisecond)
	}
	if c, err := s.State(t.Context()); err != nil || len(c.Nodes) != 1 || !c.Nodes[0].Alive {
		t.Errorf("state %+v, %v", c.Nodes, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestFollowFails(t *testing.T) {
	s := New(failing{}, "", nil, slog.New(slog.DiscardHandler))
	if err := s.Follow(t.Context()); err == nil || !strings.Contains(err.Error(), "follow the announcements") {
		t.Errorf("got %v", err)
	}
}

type failing struct{}

func (failing) Watch(context.Context, string, func(map[string]string)) error {
	return errors.New("no store")
}
