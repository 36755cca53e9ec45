package top

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
	"go.uber.org/goleak"

	"pingd/monitor"
	"pingd/monitor/alert"
	"pingd/monitor/api"
	"pingd/monitor/cluster"
	"pingd/monitor/demo"
	"pingd/monitor/host/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a client of a monitor that runs, and of its made-up cluster.
func running(t *testing.T) (*Client, *demo.Cluster) {
	t.Helper()
	c := demo.New(time.Now())
	c.Lead("h1")
	m, err := monitor.New(monitor.Config{Name: "h1", Version: "test", Cluster: c.State, Rules: []alert.Rule{}, Engine: "off"})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(m.Handler())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	client := &Client{Base: srv.URL, HTTP: *srv.Client()}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		client.HTTP.CloseIdleConnections()
		srv.Close()
	})
	return client, c
}

func TestOnce(t *testing.T) {
	c, _ := running(t)
	var out bytes.Buffer
	for end := time.Now().Add(30 * time.Second); !strings.Contains(out.String(), "requests") && time.Now().Before(end); {
		<-time.After(20 * time.Millisecond) // until there are rates
		out.Reset()
		if err := Once(t.Context(), c, &out); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		"✓ All is well  leader h1, term 8, 3 of 3 stores, 3 of 3 backends", "★ leader", "● follower", "L7OK 200", "HOST", "PROCESS", "EVENTS", "commits", " of ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

// TestFollow looks at a screen as a person does: what is broken shows, keys scroll, and
// q gives the terminal back.
func TestFollow(t *testing.T) {
	c, made := running(t)
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		if s, err := c.Ask(t.Context()); err == nil && s.Verdict.Word == cluster.OK {
			break
		}
	}
	screen := terminal{tcell.NewSimulationScreen("UTF-8"), make(chan struct{})}
	done := make(chan error)
	go func() { done <- Follow(t.Context(), c, screen) }()
	<-screen.taken
	screen.SetSize(120, 12)
	_ = screen.PostEvent(tcell.NewEventResize(120, 12))
	see := func(want string) {
		t.Helper()
		text := ""
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
			if text = seen(screen); strings.Contains(text, want) {
				return
			}
		}
		t.Fatalf("no %q on\n%s", want, text)
	}
	see("✓ All is well")
	see("q leave")
	made.Break("h3", true)
	see("! Degraded")
	for range 200 {
		screen.InjectKey(tcell.KeyPgDn, 0, tcell.ModNone)
	}
	see("node h3 is down")
	if !strings.HasPrefix(seen(screen), "! Degraded") {
		t.Error("the verdict scrolls away")
	}
	screen.InjectKey(tcell.KeyHome, 0, tcell.ModNone)
	see("just happened")
	screen.SetSize(20, 3)
	_ = screen.PostEvent(tcell.NewEventResize(20, 3))
	see("q lea")
	screen.InjectKey(tcell.KeyRune, 'q', tcell.ModNone)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// terminal is one that tells when it was taken: it must not be looked at before.
type terminal struct {
	tcell.SimulationScreen
	taken chan struct{}
}

func (t terminal) Init() error {
	defer close(t.taken)
	return t.SimulationScreen.Init()
}

func seen(s tcell.SimulationScreen) string {
	width, height := s.Size()
	var b strings.Builder
	for y := range height {
		for x := range width {
			text, _, _ := s.Get(x, y)
			b.WriteString(text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestOldNews holds that a monitor which does not answer any more leaves what was last
// known on the screen, and says so.
func TestOldNews(t *testing.T) {
	broken := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-broken:
			http.Error(w, "no\x1b[31m", http.StatusInternalServerError)
			return
		default:
		}
		switch strings.TrimPrefix(r.URL.Path, "/api/v1/") {
		case "verdict":
			_, _ = w.Write([]byte(`{"word":"OK","why":"as ever"}`))
		case "events":
			_, _ = w.Write([]byte(`[]`))
		default:
			_, _ = w.Write([]byte(`{}`))
		}
	}))
	defer srv.Close()
	screen := terminal{tcell.NewSimulationScreen("UTF-8"), make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	c := &Client{Base: srv.URL, HTTP: *srv.Client()}
	go func() { done <- Follow(ctx, c, screen) }()
	<-screen.taken
	for want, end := "as ever", time.Now().Add(30*time.Second); ; <-time.After(10 * time.Millisecond) {
		text := seen(screen)
		if strings.Contains(text, want) && want == "as ever" {
			close(broken)
			want = "this is old: "
		} else if strings.Contains(text, want) {
			if !strings.Contains(text, "as ever") || strings.Contains(text, "\x1b") {
				t.Errorf("screen\n%s", text)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatalf("never %q on\n%s", want, text)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	c.HTTP.CloseIdleConnections()
}

func TestRefusals(t *testing.T) {
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hush" {
			t.Errorf("no secret shown: %v", r.Header)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte("x"))
	}))
	c := &Client{Base: srv.URL, Secret: "hush", HTTP: *srv.Client()}
	for _, tc := range []struct {
		status int
		want   string
	}{
		{200, "read the answer"},
		{401, "hint: --secret-file=FILE"},
		{404, "has no monitor\nhint: --admin-addr="},
		{500, "500 Internal Server Error: x"},
	} {
		status = tc.status
		if err := Once(t.Context(), c, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%d: %v", tc.status, err)
		}
	}
	c.HTTP.CloseIdleConnections()
	srv.Close()
	if err := Follow(t.Context(), c, nil); err == nil || !strings.Contains(err.Error(), "hint: --admin-addr=") {
		t.Errorf("nobody there: %v", err)
	}
}

// TestHostileNames holds that names drive no terminal, however narrow it is.
func TestHostileNames(t *testing.T) {
	const evil = "a\x1b[2J\x07\u202e\n<b>"
	s := &Snapshot{Verdict: cluster.Verdict{Word: cluster.Degraded, Why: evil}}
	s.Cluster.Leader, s.Cluster.Error = evil, evil
	s.Cluster.Stores = []cluster.Store{{Name: evil, State: evil, Alive: true, Voter: true}, {Name: "x", State: evil, Alive: true}, {Name: "y"}}
	s.Cluster.Proxies = []cluster.Proxy{{Name: evil, Alive: true, Backends: []cluster.Backend{{Name: evil, Addr: evil, State: "DOWN", Check: evil}, {Name: "m", State: evil}}}, {Name: "gone"}}
	s.Cluster.Hosts = []cluster.Host{{Name: evil}, {Name: "h", Alive: true}}
	s.Details.Warnings = []string{evil}
	s.Details.Processes = []process.Process{{Name: evil, Command: evil, Own: true}}
	s.Alerts = api.Alerts{Active: []cluster.Alert{{Node: evil, Text: evil}, {Node: "b", Text: evil}, {Alert: alert.Alert{Severity: alert.Crit, Rule: "r"}, Silenced: true}}}
	s.Events = []cluster.Event{{Text: evil, Severity: cluster.Bad}, {Text: "then", Severity: cluster.Info}}
	for _, width := range []int{0, 1, 7, 40, 80, 300} {
		for _, l := range Lines(s, width, time.Now()) {
			if strings.ContainsAny(l.String(), "\x1b\x07\n\u202e") {
				t.Errorf("width %d: %q", width, l)
			}
		}
	}
}

func TestTableFits(t *testing.T) {
	tab := &table{head: []string{"NAME ", "N", "TEXT "}}
	tab.add(text("日本語"), text("5"), text(strings.Repeat("long ", 50)))
	tab.add(text("a"), text("12345"), text("b"))
	for _, width := range []int{20, 40, 80} {
		for _, l := range tab.lines(width) {
			if w := strings.TrimRight(l.String(), " "); len([]rune(w)) > width {
				t.Errorf("%d cells hold %q", width, w)
			}
		}
	}
	lines := tab.lines(80)
	if len(lines) != 3 || !strings.HasPrefix(lines[1].String(), "日本語      5  long") || !strings.HasPrefix(lines[2].String(), "a       12345  b") {
		t.Errorf("lines %q", lines)
	}
	if (&table{}).lines(80) != nil {
		t.Error("an empty table has a head")
	}
}

func TestChart(t *testing.T) {
	nan := past{Avg: map[string][]*float64{"a": {nil}}}.of("a")[0]
	for _, tc := range []struct {
		values []float64
		n      int
		top    float64
		want   string
	}{
		{[]float64{0, 50, 100}, 3, 100, "▁▅█"},
		{[]float64{1, 2, 3, 4}, 2, 0, "▇█"},
		{[]float64{4}, 3, 8, "  ▅"},
		{[]float64{nan, 0}, 2, 0, " ▁"},
		{[]float64{-1, 900}, 2, 100, "▁█"},
		{nil, 2, 1, "  "},
	} {
		if got := chart(tc.values, tc.n, tc.top); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.values, got, tc.want)
		}
	}
}

// TestHugeNumbers holds that no number, however large a node says it is, breaks the
// screen.
func TestHugeNumbers(t *testing.T) {
	s := &Snapshot{Now: api.Now{Values: map[string]float64{}}}
	for _, series := range strings.Split(drawn, ",") {
		s.Now.Values[series] = math.MaxFloat64
	}
	s.Now.Values["mem.total"] = math.MaxFloat64
	v := 1.0
	s.Past.Avg = map[string][]*float64{"requests.rate": {&v, nil, &v}, "latency.p99": {&v}}
	for _, width := range []int{0, 40, 300} {
		if lines := Lines(s, width, time.Now()); len(lines) == 0 {
			t.Error("nothing is shown")
		}
	}
}
