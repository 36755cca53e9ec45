package monitor

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"pingd/monitor/host"
)

// ticked is a monitor of this machine after two seconds of a healthy cluster.
func ticked(t testing.TB, cfg Config) *Monitor {
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
	start := time.Now().Truncate(time.Second).Add(-2 * time.Second)
	for i := range 3 {
		s := healthy(i)
		s.Time = start.Add(time.Duration(i) * time.Second)
		s.Stores[0].Commit += uint64(50 * i)
		m.setCluster(s, nil, s.Time)
		m.tick(s.Time)
	}
	return m
}

func fetch(t *testing.T, m *Monitor, url string, head ...string) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, url, nil)
	r.Host = "127.0.0.1:19999"
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

func TestAPI(t *testing.T) {
	m := ticked(t, Config{Name: "h1"})
	for _, tc := range []struct {
		url, want string
		code      int
	}{
		{"/api/v1/now?name=raft.commits", `"raft.commits":50`, 200},
		{"/api/v1/names?name=cpu.user,mem.used", `["cpu.user","mem.used"]`, 200},
		{"/api/v1/series?name=raft.commits&from=-2", `"avg":{"raft.commits":[null,50,50]}`, 200},
		{"/api/v1/series?name=raft.commits&from=-3&step=2&minmax=1", `"min":{"raft.commits":[`, 200},
		{"/api/v1/series?name=raft.commits&format=csv", "time,raft.commits\n", 200},
		{"/api/v1/series?from=x", "hint: from=-300", 400},
		{"/api/v1/series?step=0", "step=\"0\"", 400},
		{"/api/v1/series?name=raft.commits&from=99999999999", `"points":1`, 200},
		{"/api/v1/cluster", `"leader":"s1"`, 200},
		{"/api/v1/events", `[]`, 200},
		{"/api/v1/events?since=x", "not an event's id", 400},
		{"/api/v1/host", `"name":"h1"`, 200},
		{"/api/v1/details", `"processes":[`, 200},
		{"/api/v1/status", `"samples":3`, 200},
		{"/", "<title>pingd</title>", 200},
		{"/nothing", "404", 404},
		{"/?format=text", "cluster", 200},
	} {
		code, body, head := fetch(t, m, tc.url)
		if tc.url == "/?format=text" {
			tc.want = "HOST"
		}
		if code != tc.code || !strings.Contains(body, tc.want) {
			t.Errorf("%s: %d %.300s, want %d with %q", tc.url, code, body, tc.code, tc.want)
		}
		if head.Get("Content-Security-Policy") != policy || head.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: headers %v", tc.url, head)
		}
	}
}

func TestGuard(t *testing.T) {
	secret := errors.New("unset")
	m := ticked(t, Config{Name: "h1.example.org", Hosts: []string{"mon.example.org"}, Authorize: func(r *http.Request) bool {
		_, pass, _ := r.BasicAuth()
		return secret != nil || pass == "s"
	}})
	ask := func(method, host string) int {
		r := httptest.NewRequest(method, "/api/v1/now", nil)
		r.Host = host
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, r)
		return w.Code
	}
	for host, want := range map[string]int{
		"127.0.0.1:19999": 200, "[::1]:1": 200, "localhost": 200, "h2": 200, "h1.example.org:80": 200, "MON.example.org.": 200,
		"evil.example.com": 421, "127.0.0.1.evil.com": 421, "x.localhost": 200,
	} {
		if got := ask(http.MethodGet, host); got != want {
			t.Errorf("Host %q: %d, want %d", host, got, want)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if got := ask(method, "h2"); got != 405 {
			t.Errorf("%s: %d, want 405", method, got)
		}
	}
	secret = nil
	if got := ask(http.MethodGet, "h2"); got != 401 {
		t.Errorf("without the secret: %d, want 401", got)
	}
}

func TestTextForTerminals(t *testing.T) {
	m := ticked(t, Config{Name: "h1", Cluster: func(context.Context) (ClusterState, error) { return ClusterState{}, nil }})
	s := m.Cluster()
	s.Time = s.Time.Add(time.Second)
	s.Counters = append(s.Counters, Counter{Name: "evil\x1b[2J\nname", Alive: true})
	m.setCluster(s, nil, s.Time)
	_, body, head := fetch(t, m, "/", "User-Agent", "curl/8.5.0", "Accept", "*/*")
	for _, want := range []string{"cluster OK", "leader s1", "s2", "evil.[2J.name", "EVENTS"} {
		if !strings.Contains(body, want) {
			t.Errorf("text lacks %q:\n%s", want, body)
		}
	}
	if strings.Contains(body, "\x1b") || head.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("an escape reached the terminal, or type %q", head.Get("Content-Type"))
	}
	if _, body, _ := fetch(t, m, "/", "User-Agent", "Mozilla/5.0", "Accept", "text/html"); !strings.Contains(body, "<title>") {
		t.Error("a browser got text")
	}
}

func TestFailingPollKeepsTheState(t *testing.T) {
	m := ticked(t, Config{})
	m.setCluster(ClusterState{}, errors.New("no route"), time.Now())
	c := m.Cluster()
	if c.Error != "no route" || c.Leader != "s1" || !c.Stores[0].Alive || len(m.events.since(0)) != 0 {
		t.Errorf("state after a failed poll: %+v", c)
	}
}

// events reads Server-Sent Events and returns their names and data.
func readEvent(t *testing.T, r *bufio.Reader) (name, id, data string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("stream ended: %v", err)
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data = value
		case "":
			if data != "" {
				return name, id, data
			}
		}
	}
}

func TestStream(t *testing.T) {
	m := ticked(t, Config{Name: "h1"})
	srv := httptest.NewServer(m.Handler())
	defer srv.Close()
	res, err := http.Get(srv.URL + "/api/v1/stream?range=60&fill=raft.*")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("type %q", res.Header.Get("Content-Type"))
	}
	in := bufio.NewReader(res.Body)
	name, id, data := readEvent(t, in)
	var h hello
	if err := json.Unmarshal([]byte(data), &struct {
		*hello
		Fill any `json:"fill"`
	}{hello: &h}); err != nil || name != "hello" || id == "" {
		t.Fatalf("greeting %q %q: %v", name, id, err)
	}
	if h.Cluster.Leader != "s1" || !strings.Contains(data, `"raft.commits":[`) || strings.Contains(data, `"cpu.user":[`) {
		t.Errorf("greeting %.400s", data)
	}

	s := m.Cluster()
	s.Time = s.Time.Add(time.Second)
	s.Leader = "s2"
	m.setCluster(s, nil, s.Time)
	now := time.Now().Add(time.Second)
	m.tick(now)
	if name, _, data = readEvent(t, in); name != "names" {
		t.Errorf("a first tick names its series, got %q %.100s", name, data)
	}
	name, id, data = readEvent(t, in)
	if name != "" || id != fmt.Sprint(now.Unix()) || !strings.Contains(data, "leader s1 → s2") || !strings.Contains(data, `"leader":"s2"`) {
		t.Errorf("tick %q id %q %.200s", name, id, data)
	}
	var tick struct {
		T int64
		V []*float64
	}
	if err := json.Unmarshal([]byte(data), &tick); err != nil || len(tick.V) != m.ring.Len() {
		t.Errorf("%d values of %d series: %v", len(tick.V), m.ring.Len(), err)
	}
	m.hub.close()
	if _, err := io.ReadAll(in); err != nil {
		t.Errorf("end of the stream: %v", err)
	}
	if code, _, _ := fetch(t, m, "/api/v1/stream"); code != 503 {
		t.Errorf("a closed hub takes viewers: %d", code)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestSlowViewerIsCut(t *testing.T) {
	var h hub
	slow, quick := h.join(), h.join()
	for range viewerQueue + 1 {
		h.send([]byte("x"))
		<-quick.queue
	}
	if h.count() != 1 {
		t.Errorf("%d viewers, want the quick one", h.count())
	}
	n := 0
	for range slow.queue {
		n++
	}
	if n != viewerQueue {
		t.Errorf("the slow one got %d, want %d and an end", n, viewerQueue)
	}
	h.leave(slow)
	h.close()
	if h.join() != nil {
		t.Error("joined a closed hub")
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := ticked(t, Config{Metrics: reg})
	m.takeOnce(t.Context())
	m.now.Containers = []host.Container{{
		ID: "a\xff", NetKnown: true,
		Pressure: host.Pressure{CPU: host.Stall{Known: true}, Memory: host.Stall{Known: true}, IO: host.Stall{Known: true}},
	}}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body := w.Body.String()
	for _, want := range []string{
		`node_cpu_seconds_total{cpu="0",mode="steal"}`, "node_memory_MemTotal_bytes ", "node_load1 ", "pingd_monitor_series ",
		"# TYPE node_netstat_Tcp_CurrEstab untyped", `node_network_receive_bytes_total{device="lo"}`, "node_filesystem_avail_bytes{",
		"container_cpu_usage_seconds_total{id=\"a\uFFFD\"", "container_pressure_io_stalled_seconds_total{", "container_network_transmit_bytes_total{",
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

func TestTickAllocatesNothing(t *testing.T) {
	m := ticked(t, Config{})
	prev, now := m.prev, m.now
	rec := &m.rec
	n := testing.AllocsPerRun(50, func() {
		rec.w = m.ring.Begin(now.Time.Unix())
		rec.host(prev, now)
		rec.w.Close()
	})
	if n != 0 {
		t.Errorf("recording a second allocates %v times, want 0", n)
	}
}

func TestRun(t *testing.T) {
	asked := make(chan struct{}, 100)
	m, err := New(Config{Name: "h1", Cluster: func(context.Context) (ClusterState, error) {
		asked <- struct{}{}
		return healthy(1), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
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
		if time.Since(start) > 5*time.Second {
			t.Fatal("no second sample")
		}
	}
	if _, ok := m.ring.Value("cpu.busy"); !ok {
		t.Error("no rates after the second sample")
	}
	t.Logf("first rates after %v", time.Since(start))
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestConfigMistakes(t *testing.T) {
	_, err := New(Config{Span: time.Second, Interval: time.Millisecond})
	for _, want := range []string{"span 1s", "interval 1ms"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}
