package monitor

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pingd/monitor/alert"
	"pingd/monitor/cluster"
	"pingd/monitor/demo"
	"pingd/monitor/host/fixture"
	"pingd/monitor/notify"
)

// told is a way that keeps what it is told.
type told struct {
	mu  sync.Mutex
	got []string
}

func (w *told) Name() string { return "test" }

func (w *told) Send(_ context.Context, m notify.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range m.Changes {
		w.got = append(w.got, m.Node+" "+notify.Line(&m.Changes[i]))
	}
	return nil
}

func (w *told) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := strings.Join(w.got, "; ")
	w.got = nil
	return s
}

func rules(t *testing.T, lines ...string) []alert.Rule {
	t.Helper()
	out := []alert.Rule{}
	for _, l := range lines {
		r, err := alert.Parse(l)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// running is a monitor that runs in a bubble of fake time.
type running struct {
	*Monitor
	c   *demo.Cluster
	way *told
}

// run starts a monitor in the bubble; it ends with the bubble's test.
func run(t *testing.T, proc, sys string, change func(*Config)) running {
	t.Helper()
	r := running{c: demo.New(time.Now()), way: &told{}}
	cfg := Config{
		Name: "h1", HostProc: proc, HostSys: sys, HostRoot: "/", Engine: "off", Cluster: r.c.State, Ways: []notify.Way{r.way},
		Rules: rules(t, "no_leader: raft.has_leader crit < 1 for 2s", "dead: nodes.dead warn > 0", "busy: load.1 warn > 1"),
	}
	if change != nil {
		change(&cfg)
	}
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Monitor = m
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestAlertsAreTold(t *testing.T) {
	proc, sys := fixture.Machine.With(fixture.Tree{"proc/loadavg": "0.5 0 0 1/1 1"}).Plant(t)
	synctest.Test(t, func(t *testing.T) {
		r := run(t, proc, sys, nil)
		pass(5 * time.Second)
		if got := r.way.take(); got != "" {
			t.Errorf("all is well, and people are told %q", got)
		}
		r.c.Break("h3", true)
		pass(5 * time.Second)
		if got := r.way.take(); got != "h1 WARNING: nodes.dead: 1" {
			t.Errorf("told %q", got)
		}
		if body := get(t, r.Monitor, "/api/v1/alerts"); !strings.Contains(body, `"rule":"dead"`) || !strings.Contains(body, `"node":"h1"`) {
			t.Errorf("alerts %s", body)
		}
		if body := get(t, r.Monitor, "/api/v1/events"); !strings.Contains(body, `"kind":"alert","severity":"warn","subject":"dead"`) {
			t.Errorf("events %s", body)
		}
		r.c.Break("h3", false)
		pass(5 * time.Second)
		if got := r.way.take(); got != "h1 CLEARED: nodes.dead: 0" {
			t.Errorf("told %q", got)
		}
	})
}

// TestOneMonitorTells holds that of several monitors the first by name tells of the
// cluster, each of its own host, and that the next takes over.
func TestOneMonitorTells(t *testing.T) {
	proc, sys := fixture.Machine.With(fixture.Tree{"proc/loadavg": "5 0 0 1/1 1"}).Plant(t)
	synctest.Test(t, func(t *testing.T) {
		r := run(t, proc, sys, func(c *Config) { c.Name = "h2" })
		pass(5 * time.Second)
		if got := r.way.take(); got != "h2 WARNING: load.1: 5" {
			t.Errorf("told %q: its own host is its business", got)
		}
		r.c.Break("h3", true)
		pass(5 * time.Second)
		if got := r.way.take(); got != "" {
			t.Errorf("told %q: that is h1's to tell", got)
		}
		r.c.Break("h1", true)
		pass(5 * time.Second)
		if got := r.way.take(); got != "h2 WARNING: nodes.dead: 1" {
			t.Errorf("told %q: h1 may have died with it untold", got)
		}
	})
}

func TestSilence(t *testing.T) {
	proc, sys := fixture.Machine.With(fixture.Tree{"proc/loadavg": "5 0 0 1/1 1"}).Plant(t)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := run(t, proc, sys, func(c *Config) { c.Actions, c.Dir = true, dir })
		post := func(method, url, body string) int {
			req := httptest.NewRequest(method, url, strings.NewReader(body))
			req.Host = "127.0.0.1"
			req.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			r.Handler().ServeHTTP(w, req)
			return w.Code
		}
		pass(3 * time.Second)
		r.way.take()
		until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		if code := post(http.MethodPost, "/api/v1/silences", `{"rule":"dead","until":"`+until+`","why":"known"}`); code != 204 {
			t.Fatalf("silence: %d", code)
		}
		r.c.Break("h3", true)
		pass(5 * time.Second)
		if got := r.way.take(); got != "" {
			t.Errorf("told %q although silenced", got)
		}
		body := get(t, r.Monitor, "/api/v1/alerts")
		if !strings.Contains(body, `"silenced":true`) || !strings.Contains(body, `"why":"known"`) {
			t.Errorf("alerts %s", body)
		}
		if code := post(http.MethodDelete, "/api/v1/silences?id=/dead/", ""); code != 204 {
			t.Fatalf("end of the silence: %d", code)
		}
		if body := get(t, r.Monitor, "/api/v1/alerts"); strings.Contains(body, `"silenced":true`) {
			t.Errorf("alerts %s", body)
		}
		if code := post(http.MethodPost, "/api/v1/backends/drain", `{"backend":"h1","drain":true}`); code != 404 {
			t.Errorf("nobody can drain: %d", code)
		}
		if code := post(http.MethodPost, "/api/v1/silences", `{"rule":"busy","until":"`+until+`"}`); code != 204 {
			t.Fatalf("silence: %d", code)
		}
	})
	// Alerts, silences and events outlive the process, and people are told once.
	synctest.Test(t, func(t *testing.T) {
		r := run(t, proc, sys, func(c *Config) { c.Dir = dir })
		r.c.Break("h3", true)
		pass(5 * time.Second)
		if got := r.way.take(); got != "" {
			t.Errorf("told again after a restart: %q", got)
		}
		body := get(t, r.Monitor, "/api/v1/alerts")
		if !strings.Contains(body, `"silences":[{"rule":"busy"`) || !strings.Contains(body, `"rule":"dead"`) {
			t.Errorf("alerts %s", body)
		}
		if body := get(t, r.Monitor, "/api/v1/events"); strings.Count(body, `"subject":"dead"`) != 1 || !strings.Contains(body, `"id":1,`) {
			t.Errorf("events %s", body)
		}
	})
}

// board is what silences are kept on by somebody else.
type shelf struct {
	mu   sync.Mutex
	all  map[string]alert.Silence
	tell func([]alert.Silence)
}

func (s *shelf) Watch(ctx context.Context, fn func([]alert.Silence)) error {
	s.mu.Lock()
	s.tell = fn
	s.mu.Unlock()
	<-ctx.Done()
	return ctx.Err()
}

func (s *shelf) change(fn func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
	var list []alert.Silence
	for _, one := range s.all {
		list = append(list, one)
	}
	s.tell(list)
	return nil
}

func (s *shelf) Put(_ context.Context, one alert.Silence) error {
	return s.change(func() { s.all[one.ID()] = one })
}

func (s *shelf) Delete(_ context.Context, id string) error {
	return s.change(func() { delete(s.all, id) })
}

// operator can drain and not weigh.
type operator struct{ did []string }

func (o *operator) Can() (drain, weight bool) { return true, false }

func (o *operator) Drain(_ context.Context, backend string, drain bool) error {
	o.did = append(o.did, fmt.Sprintf("%s %v", backend, drain))
	return nil
}

func (o *operator) SetWeight(context.Context, string, int) error { return ErrNoOperator }

func TestActionsOfOthers(t *testing.T) {
	proc, sys := fixture.Machine.Plant(t)
	synctest.Test(t, func(t *testing.T) {
		s, o := &shelf{all: map[string]alert.Silence{}}, &operator{}
		r := run(t, proc, sys, func(c *Config) { c.Actions, c.Silences, c.Operator = true, s, o })
		pass(2 * time.Second)
		a := actor{r.Monitor}
		if err := a.Silence(t.Context(), alert.Silence{Rule: "busy", Until: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if got := r.board.Silences(time.Now()); len(got) != 1 || got[0].Rule != "busy" {
			t.Errorf("silences %+v", got)
		}
		if err := a.Unsilence(t.Context(), "/busy/"); err != nil {
			t.Fatal(err)
		}
		if got := r.board.Silences(time.Now()); len(got) != 0 {
			t.Errorf("silences %+v", got)
		}
		if err := a.Drain(t.Context(), "h1", true); err != nil || !slices.Equal(o.did, []string{"h1 true"}) {
			t.Errorf("drained %q, %v", o.did, err)
		}
		if body := get(t, r.Monitor, "/api/v1/details"); !strings.Contains(body, `"actions":{"silence":true,"drain":true,"weight":false}`) {
			t.Errorf("details %.300s", body)
		}
	})
	m := made(t, Config{HostProc: proc, HostSys: sys})
	if err := (actor{m}).Drain(t.Context(), "x", true); err == nil {
		t.Error("drained by nobody")
	}
	if err := (actor{m}).SetWeight(t.Context(), "x", 1); err == nil {
		t.Error("weighed by nobody")
	}
}

// TestAlertsOfOtherHosts holds that a page shows what other monitors raised on
// their hosts, and what all of them see of the cluster once.
func TestAlertsOfOtherHosts(t *testing.T) {
	m, c := ticked(t, Config{Name: "h1", Rules: []alert.Rule{}}, 2)
	now := time.Now()
	state := c.At(now)
	state.Alerts = []cluster.Alert{
		{Alert: alert.Alert{Rule: "disk", Subject: "/", Severity: alert.Crit}, Node: "h2", Text: "full"},
		{Alert: alert.Alert{Rule: "no_leader", Severity: alert.Crit, Cluster: true}, Node: "h2"},
		{Alert: alert.Alert{Rule: "old", Severity: alert.Warn}, Node: "h1"},
	}
	m.take(state, nil, now)
	all := m.board.Alerts(now)
	if len(all) != 1 || all[0].Node != "h2" || all[0].Rule != "disk" {
		t.Errorf("alerts %+v", all)
	}
	if v := m.board.Verdict(now); v.Word != cluster.Degraded || v.Why != "full" {
		t.Errorf("verdict %+v", v)
	}
}
