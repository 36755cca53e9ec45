package monitor

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"

	"pingd/monitor/alert"
	"pingd/monitor/cluster"
	"pingd/monitor/demo"
	"pingd/monitor/host/cgroup"
	"pingd/monitor/host/fixture"
	"pingd/monitor/host/pressure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t testing.TB, cfg Config) *Monitor {
	t.Helper()
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// ticked is a monitor of this machine after so many seconds of the demo's cluster.
func ticked(t testing.TB, cfg Config, seconds int) (*Monitor, *demo.Cluster) {
	t.Helper()
	m := made(t, cfg)
	start := time.Now().Truncate(time.Second).Add(-time.Duration(seconds) * time.Second)
	c := demo.New(start)
	for i := range seconds + 1 {
		now := start.Add(time.Duration(i) * time.Second)
		m.take(c.At(now), nil, now)
		m.tick(now)
	}
	return m, c
}

func get(t *testing.T, m *Monitor, url string) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, url, nil)
	r.Host = "127.0.0.1"
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", url, w.Code, w.Body)
	}
	return w.Body.String()
}

func TestTicks(t *testing.T) {
	m, _ := ticked(t, Config{Name: "h1", Cluster: func(context.Context) (cluster.State, error) { return cluster.State{}, nil }}, 3)
	for url, want := range map[string]string{
		"/api/v1/now?name=cpu.busy,raft.has_leader,procs.count,self.memory": `"raft.has_leader":1`,
		"/api/v1/details":            `"processes":[{"pid":`,
		"/api/v1/status":             `"samples":4`,
		"/api/v1/verdict":            `"word":"OK"`,
		"/api/v1/series?name=cpu.*":  `"cpu.busy":[`,
		"/api/v1/sockets":            `"listen"`,
		"/api/v1/host":               `"name":"h1"`,
		"/api/v1/alerts":             `"rules":["10min_cpu_usage: cpu.busy avg 10m`,
		"/api/v1/names?name=store.*": `"store.h1.lag"`,
	} {
		if body := get(t, m, url); !strings.Contains(body, want) {
			t.Errorf("%s lacks %q: %.400s", url, want, body)
		}
	}
}

// TestClockSetBack: the page, its API and the alerts go on with the clock as it is.
func TestClockSetBack(t *testing.T) {
	m, c := ticked(t, Config{Name: "h1"}, 90)
	_, newest := m.history.Bounds()
	for i := range int64(3) {
		now := time.Unix(newest-60+i, 0)
		m.take(c.At(now), nil, now)
		m.tick(now)
		if _, got := m.history.Bounds(); got != now.Unix() {
			t.Fatalf("the newest second is %d s ahead", got-now.Unix())
		}
	}
	if s := m.history.Stat("procs.count", newest-60, newest); s.N != 3 {
		t.Errorf("%d seconds since, want 3", s.N)
	}
	if body := get(t, m, "/api/v1/now?name=procs.count,raft.has_leader"); !strings.Contains(body, `"procs.count":`) || !strings.Contains(body, time.Unix(newest-58, 0).UTC().Format(time.RFC3339)) {
		t.Errorf("now: %s", body)
	}
}

func TestFailingPollKeepsTheState(t *testing.T) {
	m, _ := ticked(t, Config{Rules: []alert.Rule{}}, 2)
	m.take(cluster.State{}, errors.New("no route"), time.Now())
	c := m.board.Cluster()
	if c.Error != "no route" || c.Leader != "h2" || !c.Stores[0].Alive || len(m.board.Events.Since(0)) != 0 {
		t.Errorf("after a failed poll: error %q, leader %q, events %+v", c.Error, c.Leader, m.board.Events.Since(0))
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m, _ := ticked(t, Config{Metrics: reg}, 2)
	m.takeOnce(t.Context())
	m.board.SetAlerts([]alert.Alert{{Rule: "full", Subject: "/", Severity: alert.Crit}})
	m.now.Containers = []cgroup.Container{{
		ID: "a\xff", Path: "/docker/a\xff", NetKnown: true,
		Pressure: pressure.All{CPU: pressure.Stall{Known: true}, Memory: pressure.Stall{Known: true}, IO: pressure.Stall{Known: true}},
	}}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body := w.Body.String()
	for _, want := range []string{
		`node_cpu_seconds_total{cpu="0",mode="steal"}`, "node_memory_MemTotal_bytes ", "node_load1 ", "pingd_monitor_series ", "node_timex_sync_status ",
		"# TYPE node_netstat_Tcp_CurrEstab untyped", `node_network_receive_bytes_total{device="lo"}`, "node_filesystem_avail_bytes{", `node_network_up{device="lo"}`,
		"container_cpu_usage_seconds_total{id=\"/docker/a\uFFFD\"", "container_pressure_io_stalled_seconds_total{", "container_network_transmit_bytes_total{",
		`pingd_alert{rule="full",severity="crit",silenced="false",subject="/"} 1`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %q", want)
		}
	}
	if w.Code != 200 || len(body) > 80<<10 {
		t.Errorf("code %d, %d bytes:\n%.300s", w.Code, len(body), body)
	}
	tool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("PINGD_TEST_ALL") == "1" {
			t.Fatal("install the Debian package prometheus")
		}
		t.Skip("install the Debian package prometheus")
	}
	cmd := exec.Command(tool, "check", "metrics")
	cmd.Stdin = strings.NewReader(body)
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		// node_exporter's own names, which dashboards rely on, are not to promtool's taste.
		inherited := strings.HasPrefix(line, "node_memory_") || strings.HasPrefix(line, "node_netstat_")
		if inherited && strings.Contains(line, "camelCase") || strings.HasPrefix(line, "node_entropy_available_bits use base unit") {
			continue
		}
		t.Errorf("promtool: %s", line)
	}
}

// TestTickAllocatesNothing holds it for all that is done each second while nobody
// looks: sampling, the busiest processes, recording, judging.
func TestTickAllocatesNothing(t *testing.T) {
	proc, sys := fixture.Unified.Plant(t)
	m := made(t, Config{HostProc: proc, HostSys: sys, HostRoot: "/", Engine: "off"})
	now := time.Now().Truncate(time.Second)
	next := func() {
		now = now.Add(time.Second)
		m.ticks, m.nextScan = 6, 1000 // between two looks at all processes
		m.self.at = now
		m.tick(now)
	}
	for range 5 {
		next()
	}
	if n := testing.AllocsPerRun(20, next); n != 0 {
		t.Errorf("a tick allocates %v times, want 0", n)
	}
}

func TestRun(t *testing.T) {
	asked := make(chan struct{}, 1000)
	c := demo.New(time.Now())
	m := made(t, Config{Name: "h1", Dir: t.TempDir(), Keep: 24 * time.Hour, Cluster: func(ctx context.Context) (cluster.State, error) {
		select {
		case asked <- struct{}{}:
		default:
		}
		return c.State(ctx)
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	start := time.Now()
	go func() { done <- m.Run(ctx) }()
	<-asked
	for m.samples.Load() < 2 { // the second sample makes the first rates
		select {
		case <-time.After(5 * time.Millisecond):
		case err := <-done:
			t.Fatal(err)
		}
		if time.Since(start) > 10*time.Second {
			t.Fatal("no second sample")
		}
	}
	if _, ok := m.history.Value("cpu.busy"); !ok {
		t.Error("no rates after the second sample")
	}
	t.Logf("first rates after %v", time.Since(start))
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s := m.history.Stats(); s.Frames == 0 {
		t.Errorf("nothing was put on disk at the end: %+v", s)
	}
}

func TestConfigMistakes(t *testing.T) {
	_, err := New(Config{Span: time.Second, Keep: -time.Hour})
	for _, want := range []string{"span 1s", "keep -1h"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	dir := t.TempDir()
	made(t, Config{Dir: dir})
	if _, err := New(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a directory in use: %v", err)
	}
	reg := prometheus.NewRegistry()
	made(t, Config{Metrics: reg})
	if _, err := New(Config{Metrics: reg, Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "register") {
		t.Errorf("metrics registered twice: %v", err)
	}
}

// TestBlindInAContainer holds that what can not be seen is said, not guessed.
func TestBlindInAContainer(t *testing.T) {
	proc, sys := fixture.Unified.Plant(t)
	m := made(t, Config{Name: "h1", HostProc: proc, HostSys: sys, Engine: "off"})
	m.takeOnce(t.Context())
	for i := range 6 {
		m.tick(time.Now().Truncate(time.Second).Add(time.Duration(i) * time.Second))
	}
	body := get(t, m, "/api/v1/details")
	for _, want := range []string{"mount its root with -v /:/host/root:ro", `"spaces":null`, `"host":"h1"`} {
		if !strings.Contains(body, want) {
			t.Errorf("details lack %q: %s", want, body)
		}
	}
	now := get(t, m, "/api/v1/now?name=net.*,tcp.established")
	if !strings.Contains(now, `"net.eth0.rx":0`) || !strings.Contains(now, `"tcp.established":5`) {
		t.Errorf("the container's own network is shown: %s", now)
	}
}

func BenchmarkTick(b *testing.B) {
	m, _ := ticked(b, Config{}, 2)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		m.tick(now)
	}
}
