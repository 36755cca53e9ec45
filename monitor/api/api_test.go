package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/monitor/alert"
	"pingd/monitor/board"
	"pingd/monitor/cluster"
	"pingd/monitor/demo"
	"pingd/monitor/history"
	"pingd/monitor/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shown is a board with five minutes of the demo's cluster on it.
func shown(t testing.TB) (*board.Board, *demo.Cluster) {
	t.Helper()
	now := time.Now().Truncate(time.Second)
	h, err := history.Open(history.Config{}, now)
	if err != nil {
		t.Fatal(err)
	}
	b := board.New("h1", "test", h, func() any { return map[string]int{"series": h.Len()} })
	b.Clustered = true
	c := demo.New(now.Add(-300 * time.Second))
	state, events := c.Past(h.Ring, now.Add(time.Second))
	b.SetCluster(state, now)
	b.Events.Add(events)
	b.SetSlow(board.Slow{Warnings: []string{"no \x1b[2Jescape"}, Count: 7})
	return b, c
}

func serve(t testing.TB, cfg Config) *Server {
	t.Helper()
	s := New(cfg)
	t.Cleanup(s.Close)
	return s
}

func ask(s *Server, method, url, body string, head ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	r.Host = "127.0.0.1:19999"
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
		if head[i] == "Host" {
			r.Host = head[i+1]
		}
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func TestAnswers(t *testing.T) {
	b, _ := shown(t)
	s := serve(t, Config{Board: b, Rules: []string{"a: cpu.busy warn > 1"}, Sockets: func(context.Context) (map[string]int, error) {
		return map[string]int{"listen": 3}, nil
	}})
	for _, tc := range []struct {
		url, want string
		code      int
	}{
		{"/api/v1/now?name=raft.*", `"raft.has_leader":1`, 200},
		{"/api/v1/now?name=mem.total,none", `"values":{"mem.total":16000000000}`, 200},
		{"/api/v1/names?name=cpu.user,mem.used", `["cpu.user","mem.used"]`, 200},
		{"/api/v1/names?name=disk.*.util", `[]`, 200},
		{"/api/v1/series?name=raft.has_leader&from=-2", `"avg":{"raft.has_leader":[1,1,1]}`, 200},
		{"/api/v1/series?name=cpu.busy&from=-60&step=10&minmax=1", `"min":{"cpu.busy":[`, 200},
		{"/api/v1/series?name=raft.has_leader&format=csv", "time,raft.has_leader\n", 200},
		{"/api/v1/series?name=none", `"points":0,"avg":{}`, 200},
		{"/api/v1/series?from=x", "hint: from=-300", 400},
		{"/api/v1/series?step=0", `step="0"`, 400},
		{"/api/v1/series?to=99999999999999999999", "not a number", 400},
		{"/api/v1/series?name=cpu.busy&from=99999999999", `"points":1`, 200},
		{"/api/v1/cluster", `"leader":"h1"`, 200},
		{"/api/v1/verdict", `{"word":"OK","why":"leader h1, term 8, 3 of 3 stores, 3 of 3 backends"}`, 200},
		{"/api/v1/events?limit=1", `"text":"store h2 is back"`, 200},
		{"/api/v1/events?format=csv", "id,time,severity,kind,subject,text\n1,", 200},
		{"/api/v1/events?since=999999", `[]`, 200},
		{"/api/v1/events?since=x", `since="x" is not a number`, 400},
		{"/api/v1/alerts", `"rules":["a: cpu.busy warn \u003e 1"]`, 200},
		{"/api/v1/host", `"name":"h1"`, 200},
		{"/api/v1/details", `"process_count":7`, 200},
		{"/api/v1/sockets", `{"listen":3}`, 200},
		{"/api/v1/status", `"series":`, 200},
		{"/api/v1/nothing", "404", 404},
		{"/", "<title>pingd</title>", 200},
		{"/nothing", "404", 404},
		{"/?format=text", "STORE", 200},
	} {
		w := ask(s, http.MethodGet, tc.url, "")
		if w.Code != tc.code || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s: %d %.300s, want %d with %q", tc.url, w.Code, w.Body, tc.code, tc.want)
		}
		if w.Header().Get("Content-Security-Policy") != policy || w.Header().Get("Access-Control-Allow-Origin") != "" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", tc.url, w.Header())
		}
	}
	if w := ask(serve(t, Config{Board: b}), http.MethodGet, "/api/v1/sockets", ""); w.Code != 404 {
		t.Errorf("sockets nobody counts: %d", w.Code)
	}
}

func TestManySeriesAreRefused(t *testing.T) {
	b, _ := shown(t)
	var r record.Recorder
	_, newest := b.History.Bounds()
	r.Begin(b.History.Ring, newest)
	for i := range maxNames + 1 {
		r.Put(1, "disk", fmt.Sprint(i), "util")
	}
	r.End()
	s := serve(t, Config{Board: b})
	if w := ask(s, http.MethodGet, "/api/v1/series", ""); w.Code != 400 || !strings.Contains(w.Body.String(), "hint: name=cpu.*") {
		t.Errorf("all series: %d %.200s", w.Code, w.Body)
	}
}

func TestSeriesUnpacked(t *testing.T) {
	b, _ := shown(t)
	s := serve(t, Config{Board: b})
	var got Series
	body := ask(s, http.MethodGet, "/api/v1/series?name=cpu.busy&from=-100&step=10&minmax=1", "").Body
	if err := json.Unmarshal(body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	start, all := got.Unpack()
	points := all["cpu.busy"]
	if start != got.From || len(points) != got.Points || points[3].Min >= points[3].Avg || points[3].Max <= points[3].Avg {
		t.Errorf("%d points from %d: %v", len(points), start, points)
	}
	var holed Series
	if err := json.Unmarshal([]byte(`{"avg":{"a":[1,null]}}`), &holed); err != nil {
		t.Fatal(err)
	}
	if _, all := holed.Unpack(); all["a"][0].Min != 1 || !all["a"][1].Empty() {
		t.Errorf("points %v", all["a"])
	}
}

func TestSpreadsheetsGetNoFormulas(t *testing.T) {
	b, _ := shown(t)
	b.Events.Add([]cluster.Event{{Kind: "node", Subject: `=HYPERLINK("http://evil")`, Text: "+1"}})
	w := ask(serve(t, Config{Board: b}), http.MethodGet, "/api/v1/events?format=csv&limit=1", "")
	if body := w.Body.String(); !strings.Contains(body, `"'=HYPERLINK(""http://evil"")",'+1`) {
		t.Errorf("csv %s", body)
	}
}

func TestGuard(t *testing.T) {
	b, _ := shown(t)
	b.Name = "h1.example.org"
	open := true
	s := serve(t, Config{Board: b, Hosts: []string{"mon.example.org"}, Authorize: func(*http.Request) bool { return open }})
	for host, want := range map[string]int{
		"127.0.0.1:19999": 200, "[::1]:1": 200, "localhost": 200, "h2": 200, "h1.example.org:80": 200, "MON.example.org.": 200,
		"evil.example.com": 421, "127.0.0.1.evil.com": 421, "x.localhost": 200,
	} {
		if w := ask(s, http.MethodGet, "/api/v1/now", "", "Host", host); w.Code != want {
			t.Errorf("Host %q: %d, want %d", host, w.Code, want)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		w := ask(s, method, "/api/v1/silences", "{}", "Content-Type", "application/json")
		if w.Code != 405 || !strings.Contains(w.Body.String(), "--monitor-actions") {
			t.Errorf("%s: %d %s, want 405", method, w.Code, w.Body)
		}
	}
	open = false
	if w := ask(s, http.MethodGet, "/api/v1/now", ""); w.Code != 401 {
		t.Errorf("without the secret: %d, want 401", w.Code)
	}
}

func TestTextForTerminals(t *testing.T) {
	b, c := shown(t)
	now := time.Now()
	c.Change(func(s *cluster.State) {
		s.Counters = append(s.Counters, cluster.Counter{Name: "evil\x1b[2J\nname\u202e", Alive: true})
	})
	c.Break("h3", true)
	b.SetCluster(c.At(now), now)
	b.SetAlerts([]alert.Alert{{Rule: "full", Subject: "/", Severity: alert.Crit, Since: now.Unix() - 90, Value: 99, Unit: "%", About: "space used on"}})
	s := serve(t, Config{Board: b})
	w := ask(s, http.MethodGet, "/", "", "User-Agent", "curl/8.5.0", "Accept", "*/*")
	body := w.Body.String()
	for _, want := range []string{
		"cluster DEGRADED: leader h1", "★ leader", "DEAD", "evil.[2J.name.", "EVENTS", "CRITICAL  1 m", "space used on /: 99 %", "h2 ", "no .[2Jescape",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("text lacks %q:\n%s", want, body)
		}
	}
	if strings.ContainsAny(body, "\x1b\u202e") || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("an escape reached the terminal, or type %q", w.Header().Get("Content-Type"))
	}
	if w := ask(s, http.MethodGet, "/", "", "User-Agent", "Mozilla/5.0", "Accept", "text/html"); !strings.Contains(w.Body.String(), "<title>") {
		t.Error("a browser got text")
	}
	for d, want := range map[time.Duration]string{-1: "0 s", 59 * time.Second: "59 s", 61 * time.Minute: "1 h 1 m", 50 * time.Hour: "2 d"} {
		if got := Ago(d); got != want {
			t.Errorf("Ago(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestHostOnlyText(t *testing.T) {
	b, _ := shown(t)
	b.Clustered = false
	w := ask(serve(t, Config{Board: b}), http.MethodGet, "/?format=text", "")
	if body := w.Body.String(); !strings.HasPrefix(body, "pingd test  host OK: h1\n") || strings.Contains(body, "STORE") {
		t.Errorf("text %s", body)
	}
}

// operator notes what it is told to do.
type operator struct{ did []string }

func (o *operator) note(format string, args ...any) error {
	o.did = append(o.did, fmt.Sprintf(format, args...))
	if strings.Contains(format, "fail") {
		return errors.New("no such backend")
	}
	return nil
}

func (o *operator) Silence(_ context.Context, s alert.Silence) error {
	return o.note("silence %s", s.ID())
}

func (o *operator) Unsilence(_ context.Context, id string) error { return o.note("unsilence %s", id) }

func (o *operator) Drain(_ context.Context, b string, d bool) error {
	if b == "none" {
		return o.note("fail")
	}
	return o.note("drain %s %v", b, d)
}

func (o *operator) SetWeight(_ context.Context, b string, w int) error {
	return o.note("weight %s %d", b, w)
}

func TestActions(t *testing.T) {
	b, _ := shown(t)
	b.Actions = board.Actions{Silence: true, Drain: true}
	op := &operator{}
	s := serve(t, Config{Board: b, Operator: op})
	json := []string{"Content-Type", "application/json; charset=utf-8"}
	until := time.Now().Add(time.Hour).Format(time.RFC3339)
	for _, tc := range []struct {
		method, url, body string
		head              []string
		code              int
		did               string
	}{
		{"POST", "/api/v1/silences", `{"rule":"full","subject":"/","until":"` + until + `"}`, json, 204, "silence /full//"},
		{"DELETE", "/api/v1/silences?id=/full//", "", json, 204, "unsilence /full//"},
		{"POST", "/api/v1/backends/drain", `{"backend":"c1","drain":true}`, json, 204, "drain c1 true"},
		{"POST", "/api/v1/backends/drain", `{"backend":"none"}`, json, 409, "fail"},
		{"POST", "/api/v1/backends/weight", `{"backend":"c1","weight":3}`, json, 404, ""}, // not permitted here
		{"POST", "/api/v1/silences", `{"rule":"full","until":"2001-01-01T00:00:00Z"}`, json, 400, ""},
		{"POST", "/api/v1/silences", `{"rule":"full","unknown":1}`, json, 400, ""},
		{"POST", "/api/v1/silences", `{} {}`, json, 400, ""},
		{"POST", "/api/v1/silences", strings.Repeat(" ", maxAction+1), json, 400, ""},
		{"POST", "/", "{}", json, 405, ""},
		// What a page of another site can make a browser do.
		{"POST", "/api/v1/backends/drain", `{"backend":"c1"}`, []string{"Content-Type", "text/plain"}, 405, ""},
		{"POST", "/api/v1/backends/drain", `{"backend":"c1"}`, nil, 405, ""},
		{"POST", "/api/v1/backends/drain", `{"backend":"c1"}`, append([]string{"Origin", "http://evil.example.org"}, json...), 405, ""},
		{"POST", "/api/v1/backends/drain", `{"backend":"c1"}`, append([]string{"Origin", "null"}, json...), 405, ""},
		{"POST", "/api/v1/backends/drain", `{"backend":"c1"}`, append([]string{"Sec-Fetch-Site", "cross-site"}, json...), 405, ""},
		{"POST", "/api/v1/backends/drain", `{"backend":"c2"}`, append([]string{"Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:19999"}, json...), 204, "drain c2 false"},
	} {
		op.did = nil
		w := ask(s, tc.method, tc.url, tc.body, tc.head...)
		if did := strings.Join(op.did, ","); w.Code != tc.code || did != tc.did {
			t.Errorf("%s %s %.60s %v: %d, did %q; want %d, %q\n%s", tc.method, tc.url, tc.body, tc.head, w.Code, did, tc.code, tc.did, w.Body)
		}
	}
}

func TestTunnel(t *testing.T) {
	far, _ := shown(t)
	far.Name = "h2"
	other := serve(t, Config{Board: far, Authorize: func(r *http.Request) bool {
		if r.Header.Get("Cookie") != "" {
			t.Error("the viewer's cookie was passed on")
		}
		return r.Header.Get("Authorization") == "Bearer cluster's"
	}})
	srv := httptest.NewServer(other.Handler())
	defer srv.Close()
	b, _ := shown(t)
	s := serve(t, Config{Board: b, Operator: &operator{}, Peer: func(node string) (Peer, bool) {
		return map[string]Peer{
			"h2": {Base: srv.URL, Header: http.Header{"Authorization": {"Bearer cluster's"}}},
			"h4": {Base: "http://127.0.0.1:1"},
			"h5": {Base: "://"},
		}[node], node == "h2" || node == "h4" || node == "h5"
	}})
	for _, tc := range []struct {
		method, url, want string
		code              int
	}{
		{"GET", "/api/v1/host?node=h2", `"name":"h2"`, 200},
		{"GET", "/api/v1/host?node=h1", `"name":"h1"`, 200},
		{"GET", "/api/v1/names?node=h2&name=mem.total", `["mem.total"]`, 200},
		{"GET", "/api/v1/host?node=h3", "no monitor on a node of that name", 404},
		{"GET", "/api/v1/host?node=h4", "does not answer", 502},
		{"GET", "/api/v1/host?node=h5", "does not answer", 502},
		{"POST", "/api/v1/silences?node=h2", "only read", 405},
	} {
		w := ask(s, tc.method, tc.url, "{}", "Authorization", "Basic viewer", "Cookie", "pingd=viewer", "Content-Type", "application/json")
		if w.Code != tc.code || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s %s: %d %.200s, want %d with %q", tc.method, tc.url, w.Code, w.Body, tc.code, tc.want)
		}
		if w.Header().Get("Content-Security-Policy") != policy {
			t.Errorf("%s: headers %v", tc.url, w.Header())
		}
	}
	if w := ask(serve(t, Config{Board: b}), "GET", "/api/v1/host?node=h2", ""); w.Code != 404 {
		t.Errorf("a monitor of a host alone: %d", w.Code)
	}

	// A stream goes through as it comes.
	here := httptest.NewServer(s.Handler())
	defer here.Close()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, here.URL+"/api/v1/stream?node=h2", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	in := newEvents(resp.Body)
	if name, _, data := in.next(t); name != "hello" || !strings.Contains(data, `"name":"h2"`) {
		t.Errorf("greeting %q %.100s", name, data)
	}
	other.Publish(time.Now(), false)
	if name, _, _ := in.next(t); name != "names" {
		t.Errorf("a tick through the tunnel is %q", name)
	}
	cancel()
	_, _ = io.Copy(io.Discard, resp.Body) // the end of a stream that was cancelled
	_ = resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
}
